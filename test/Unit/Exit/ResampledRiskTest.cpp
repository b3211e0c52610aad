//===- ResampledRiskTest.cpp - certificates hold as often as they say -----===//
//
// Confidences of tiny-moe on its 472 golden tasks, behind each layer at full
// depth: of a model that recomputes what was skipped, scores do not depend on
// thresholds, so what any threshold does is known without running anything.
//===----------------------------------------------------------------------===//
#include "moe/Exit/LearnThenTest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <gmock/gmock.h>
#include <numeric>
#include <random>

using namespace moe;
using namespace testing;

namespace {
constexpr int64_t exits = 5;
constexpr double epsilon = 0.1;
constexpr int resamplings = 200;

struct Token {
  double scores[exits];
  bool agrees[exits];
};
using Task = std::vector<Token>;

std::vector<Task> readTasks() {
  auto buffer = llvm::MemoryBuffer::getFile(
      MOE_SOURCE_DIR "/test/Unit/Exit/Inputs/exit_scores.txt");
  std::vector<Task> tasks;
  for (llvm::StringRef line : llvm::split((*buffer)->getBuffer(), '\n')) {
    llvm::SmallVector<llvm::StringRef> parts;
    line.split(parts, ' ');
    if (parts.size() != exits + 2)
      continue;
    size_t task = 0;
    parts[0].getAsInteger(10, task);
    tasks.resize(task + 1);
    Token &token = tasks[task].emplace_back();
    for (int64_t i = 0; i < exits; ++i) {
      int64_t score = 0;
      parts[i + 1].getAsInteger(10, score);
      token.scores[i] = double(score) / 10000;
      token.agrees[i] = parts[exits + 1][i] == '1';
    }
  }
  return tasks;
}

/// 1 if a token that leaves early is not the full model's.
double getLoss(const Task &task, double threshold) {
  for (const Token &token : task)
    for (int64_t i = 0; i < exits; ++i) {
      if (token.scores[i] < threshold)
        continue;
      if (!token.agrees[i])
        return 1;
      break;
    }
  return 0;
}

/// losses[setting][task], most careful setting first.
std::vector<std::vector<double>> getAllLosses() {
  std::vector<Task> tasks = readTasks();
  std::vector<std::vector<double>> losses;
  for (int percent = 99; percent >= 40; --percent) {
    std::vector<double> &of = losses.emplace_back();
    for (const Task &task : tasks)
      of.push_back(getLoss(task, percent / 100.0));
  }
  return losses;
}

double getMean(const std::vector<double> &losses,
               const std::vector<size_t> &tasks) {
  double sum = 0;
  for (size_t task : tasks)
    sum += losses[task];
  return sum / double(tasks.size());
}

/// How many settings hold: (losses of the calibration, delta) -> count.
using Judge = llvm::function_ref<int64_t(
    const std::vector<std::vector<double>> &, double)>;

int64_t judgeByTest(const std::vector<std::vector<double>> &losses,
                    double delta) {
  auto outcome =
      testInSequence(int64_t(losses.size()), {delta, epsilon},
                     [&](int64_t i) -> llvm::Expected<std::vector<double>> {
                       return losses[i];
                     });
  return outcome ? outcome->accepted : -1;
}

/// What people do without a test: take what looks good.
int64_t judgeByMean(const std::vector<std::vector<double>> &losses,
                    double delta) {
  int64_t accepted = 0;
  for (const std::vector<double> &each : losses) {
    if (std::accumulate(each.begin(), each.end(), 0.0) / double(each.size()) >
        delta)
      break;
    ++accepted;
  }
  return accepted;
}

/// The calibrating tasks, and those by which the risk is known.
using Draw = llvm::function_ref<void(std::mt19937_64 &, size_t,
                                     std::vector<size_t> &,
                                     std::vector<size_t> &)>;

/// One half calibrates, the other is what comes later.
void drawSplit(std::mt19937_64 &random, size_t tasks,
               std::vector<size_t> &calibrating, std::vector<size_t> &later) {
  std::vector<size_t> all(tasks);
  std::iota(all.begin(), all.end(), 0);
  for (size_t i = tasks; i > 1; --i)
    std::swap(all[i - 1], all[random() % i]);
  calibrating.assign(all.begin(), all.begin() + tasks / 2);
  later.assign(all.begin() + tasks / 2, all.end());
}

/// As the theorem has it: independent draws, whose true risk is that of all.
void drawIndependently(std::mt19937_64 &random, size_t tasks,
                       std::vector<size_t> &calibrating,
                       std::vector<size_t> &later) {
  for (size_t i = 0; i < tasks / 2; ++i)
    calibrating.push_back(random() % tasks);
  later.resize(tasks);
  std::iota(later.begin(), later.end(), 0);
}

struct Findings {
  int violations = 0, useful = 0; ///< useful: some setting was accepted
};

Findings resample(Draw draw, Judge judge, double delta) {
  std::vector<std::vector<double>> losses = getAllLosses();
  std::mt19937_64 random(20251121);
  Findings found;
  for (int round = 0; round < resamplings; ++round) {
    std::vector<size_t> calibrating, later;
    draw(random, losses[0].size(), calibrating, later);
    std::vector<std::vector<double>> seen;
    for (const std::vector<double> &each : losses) {
      std::vector<double> &of = seen.emplace_back();
      for (size_t task : calibrating)
        of.push_back(each[task]);
    }
    int64_t accepted = judge(seen, delta);
    EXPECT_GE(accepted, 0);
    if (accepted <= 0)
      continue;
    ++found.useful;
    found.violations += getMean(losses[accepted - 1], later) > delta;
  }
  return found;
}

constexpr double deltas[] = {0.03, 0.05, 0.1};

TEST(ResampledRisk, TheRecordingIsWhole) {
  std::vector<Task> tasks = readTasks();
  ASSERT_EQ(tasks.size(), 472u);
  EXPECT_EQ(llvm::count_if(tasks, [](const Task &t) { return t.empty(); }), 0);
  std::vector<std::vector<double>> losses = getAllLosses();
  // Bolder settings lose more; the boldest far too much.
  std::vector<size_t> all(tasks.size());
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(getMean(losses.front(), all), 0);
  EXPECT_GT(getMean(losses.back(), all), 0.2);
}

TEST(ResampledRisk, CertificatesHoldOverSplits) {
  for (double delta : deltas) {
    Findings found = resample(drawSplit, judgeByTest, delta);
    EXPECT_LE(found.violations, epsilon * resamplings) << delta;
    EXPECT_EQ(found.useful, resamplings) << delta;
  }
}

TEST(ResampledRisk, CertificatesHoldOverIndependentDraws) {
  for (double delta : deltas) {
    Findings found = resample(drawIndependently, judgeByTest, delta);
    EXPECT_LE(found.violations, epsilon * resamplings) << delta;
    EXPECT_EQ(found.useful, resamplings) << delta;
  }
}

/// The tests above can fail: a judge without a p-value violates them.
TEST(ResampledRisk, WithoutATestTheRiskIsBroken) {
  for (double delta : deltas)
    for (Draw draw : {Draw(drawSplit), Draw(drawIndependently)}) {
      Findings found = resample(draw, judgeByMean, delta);
      EXPECT_GT(found.violations, 2 * epsilon * resamplings) << delta;
    }
}
} // namespace
