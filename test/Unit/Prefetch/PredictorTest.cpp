//===- PredictorTest.cpp - predictors over traces, and in models ----------===//
#include "TraceBuilder.h"

#include "ScoreCalibration.h"
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/Predictor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <numeric>
#include <set>

using namespace moe;

namespace {

std::unique_ptr<Predictor> create(const std::string &name) {
  return getRegistry().predictors.at(name)();
}

/// A predictor that has learned from the trace.
std::unique_ptr<Predictor> createFitted(const std::string &name,
                                        const RoutingTrace &trace) {
  auto predictor = create(name);
  llvm::cantFail(predictor->fit(trace));
  return predictor;
}

std::vector<TraceGuesses> guess(const std::string &name,
                                const RoutingTrace &trace, int64_t ahead = 1,
                                int64_t count = 2, int64_t fitted = 1 << 30) {
  auto predictor = createFitted(name, trace.slice(0, fitted));
  auto guesses = guessOverTrace(*predictor, trace, ahead, count, fitted);
  if (guesses)
    return std::move(*guesses);
  ADD_FAILURE() << llvm::toString(guesses.takeError());
  return {};
}

std::vector<double> getProbabilities(const RoutingTrace &trace, int64_t layer,
                                     int64_t row) {
  const float *logits = trace.logits[layer].data() + row * trace.experts;
  double largest = *std::max_element(logits, logits + trace.experts), sum = 0;
  std::vector<double> values;
  for (int64_t e = 0; e < trace.experts; ++e) {
    values.push_back(std::exp(logits[e] - largest));
    sum += values.back();
  }
  for (double &value : values)
    value /= sum;
  return values;
}

/// Numbers of the greatest scores, greatest first.
std::vector<int32_t> getBest(const std::vector<double> &scores, int64_t count) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
  order.resize(count);
  return order;
}

/// Checks every guess of a layer against scores that are computed for each row.
template <typename Score>
void expectGuesses(const TraceGuesses &guesses, const RoutingTrace &trace,
                   Score getScores) {
  for (int64_t row = 0; row < int64_t(trace.rows.size()); ++row) {
    auto begin = guesses.experts.begin() + row * guesses.count;
    std::vector<int32_t> actual(begin, begin + guesses.count);
    ASSERT_EQ(actual, getBest(getScores(row), guesses.count))
        << "layer " << guesses.layer << ", row " << row;
  }
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

RoutingTrace makeCoupled(int64_t rows = 300, int64_t guesses = 0) {
  TraceOptions options;
  options.rows = rows;
  options.coupling = 0.9;
  options.locality = 0.3;
  options.skew = 0.5;
  options.guesses = guesses;
  return makeTrace(options);
}

class EveryPredictor : public testing::TestWithParam<std::string> {};

std::vector<std::string> getNames() {
  std::vector<std::string> names;
  for (const auto &[name, make] : getRegistry().predictors)
    names.push_back(name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(, EveryPredictor, testing::ValuesIn(getNames()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(EveryPredictor, HasAName) {
  auto predictor = create(GetParam());
  EXPECT_EQ(predictor->getName(), GetParam());
  EXPECT_FALSE(predictor->getSummary().empty());
  EXPECT_EQ(predictor->getSummary().find('\n'), llvm::StringRef::npos);
}

/// Guesses are experts, none twice, with numbers that are probabilities; and
/// the same each time.
TEST_P(EveryPredictor, GuessesExpertsWithProbabilities) {
  RoutingTrace trace = makeCoupled(300, /*guesses=*/4);
  trace.predictor = GetParam();
  // Logits of any size are none of a predictor's problems.
  for (int64_t e = 0; e < trace.experts; ++e) {
    trace.logits[0][e] = 1e30f * float(e - 4);
    trace.logits[1][e + 8] = 3e38f;
    trace.logits[2][e + 16] = 1e-40f;
  }
  for (int64_t ahead = 1; ahead <= 3; ++ahead) {
    SCOPED_TRACE(ahead);
    auto all = guess(GetParam(), trace, ahead, 3, 200);
    auto again = guess(GetParam(), trace, ahead, 3, 200);
    ASSERT_EQ(all.size(), again.size());
    EXPECT_EQ(all.empty(), GetParam() == "none");
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].layer, int64_t(ahead + i));
      ASSERT_EQ(all[i].count, 3);
      ASSERT_EQ(all[i].experts.size(), 900u);
      ASSERT_EQ(all[i].confidence.size(), 900u);
      EXPECT_GT(all[i].calibration.slope, 0);
      EXPECT_TRUE(std::isfinite(all[i].calibration.slope));
      EXPECT_TRUE(std::isfinite(all[i].calibration.bias));
      for (int64_t row = 0; row < 300; ++row) {
        std::set<int32_t> experts;
        for (int64_t j = row * 3; j < row * 3 + 3; ++j) {
          experts.insert(all[i].experts[j]);
          ASSERT_GE(all[i].experts[j], 0);
          ASSERT_LT(all[i].experts[j], 8);
          ASSERT_GE(all[i].confidence[j], 0);
          ASSERT_LE(all[i].confidence[j], 1);
        }
        ASSERT_EQ(experts.size(), 3u);
      }
      EXPECT_EQ(all[i].experts, again[i].experts);
      EXPECT_EQ(all[i].confidence, again[i].confidence);
    }
  }
}

//===----------------------------------------------------------------------===//
// One by one
//===----------------------------------------------------------------------===//

TEST(PredictorTest, PreviousLayerTakesTheLayerBefore) {
  RoutingTrace trace = makeCoupled();
  for (int64_t ahead : {1, 2})
    for (const TraceGuesses &guesses : guess("previous-layer", trace, ahead))
      expectGuesses(guesses, trace, [&](int64_t row) {
        return getProbabilities(trace, guesses.layer - ahead, row);
      });
}

std::vector<double> getRecent(const RoutingTrace &trace, int64_t from,
                              int64_t row) {
  constexpr double weights[] = {4, 3, 2, 1};
  std::vector<double> scores(trace.experts);
  double sum = 0;
  for (int64_t i = 0; i < 4 && from - i >= 0; ++i)
    sum += weights[i];
  for (int64_t i = 0; i < 4 && from - i >= 0; ++i) {
    auto p = getProbabilities(trace, from - i, row);
    for (int64_t e = 0; e < trace.experts; ++e)
      scores[e] += weights[i] / sum * p[e];
  }
  return scores;
}

TEST(PredictorTest, MultiLayerWeighsTheLayersThatThereAre) {
  TraceOptions options;
  options.layers = 6; // the last guess has five layers before it
  RoutingTrace trace = makeTrace(options);
  auto all = guess("multi-layer", trace);
  ASSERT_EQ(all.size(), 5u);
  for (const TraceGuesses &guesses : all)
    expectGuesses(guesses, trace, [&](int64_t row) {
      return getRecent(trace, guesses.layer - 1, row);
    });
}

std::vector<double> getFollowing(const RoutingTrace &trace, int64_t fitted,
                                 int64_t from, int64_t to, int64_t row) {
  auto chose = [&](int64_t layer, int64_t row, int32_t expert) {
    auto begin = trace.choices[layer].begin() + row * trace.chosen;
    return std::count(begin, begin + trace.chosen, expert) > 0;
  };
  std::vector<double> p = getProbabilities(trace, from, row);
  std::vector<double> scores(trace.experts);
  for (int32_t a = 0; a < trace.experts; ++a)
    for (int32_t b = 0; b < trace.experts; ++b) {
      // Of 64 rows the last 16 only tell how sure to be.
      double both = double(trace.chosen) / double(trace.experts), first = 1;
      for (int64_t r = 0; r < fitted; r += r == 47 ? 17 : 1) {
        first += chose(from, r, a);
        both += chose(from, r, a) && chose(to, r, b);
      }
      scores[b] += p[a] * float(both / first);
    }
  return scores;
}

TEST(PredictorTest, PatternCountsWhatFollows) {
  RoutingTrace trace = makeCoupled(100);
  for (int64_t ahead : {1, 3})
    for (const TraceGuesses &guesses : guess("pattern", trace, ahead, 2, 80))
      expectGuesses(guesses, trace, [&](int64_t row) {
        return getFollowing(trace, 80, guesses.layer - ahead, guesses.layer,
                            row);
      });
}

TEST(PredictorTest, AdaptiveFollowsWhoIsSurer) {
  RoutingTrace trace = makeCoupled(100);
  for (const TraceGuesses &guesses : guess("adaptive", trace, 1, 2, 80))
    expectGuesses(guesses, trace, [&](int64_t row) {
      int64_t from = guesses.layer - 1;
      auto a = getRecent(trace, from, row);
      auto b = getFollowing(trace, 80, from, guesses.layer, row);
      double peakA = *std::max_element(a.begin(), a.end());
      double peakB = *std::max_element(b.begin(), b.end());
      for (size_t e = 0; e < a.size(); ++e)
        a[e] = (peakA * a[e] + peakB * b[e]) / (peakA + peakB);
      return a;
    });
}

double getMeanRecall(const std::vector<TraceGuesses> &all,
                     const RoutingTrace &trace, int64_t begin, int64_t end) {
  double sum = 0;
  for (const TraceGuesses &guesses : all)
    sum += getRecall(guesses, trace, guesses.count, begin, end);
  return sum / double(all.size());
}

/// Layers follow from one another by a matrix: counting choices cannot know it
/// as well as a network can.
TEST(PredictorTest, LearnedBeatsCountingOnOtherRows) {
  RoutingTrace trace = makeCoupled(1200);
  double learned =
      getMeanRecall(guess("learned", trace, 1, 2, 800), trace, 800, 1200);
  double pattern =
      getMeanRecall(guess("pattern", trace, 1, 2, 800), trace, 800, 1200);
  EXPECT_GT(learned, pattern + 0.1) << "pattern " << pattern;
  EXPECT_GT(learned, 0.6);
}

TEST(PredictorTest, OracleKnowsItsTraceAndNothingElse) {
  RoutingTrace trace = makeCoupled(60);
  trace.rows[50].position = 0; // numbers of rows count, not positions
  for (const TraceGuesses &guesses : guess("oracle", trace)) {
    EXPECT_EQ(getRecall(guesses, trace, 2, 0, 60), 1);
    for (float confidence : guesses.confidence)
      EXPECT_GT(confidence, 0.9);
  }
  // Behind row 40 nothing is known: no expert has more than another.
  for (const TraceGuesses &guesses : guess("oracle", trace, 1, 2, 40)) {
    EXPECT_EQ(getRecall(guesses, trace, 2, 0, 40), 1);
    for (int64_t row = 40; row < 60; ++row) {
      EXPECT_EQ(guesses.experts[row * 2], 0);
      EXPECT_EQ(guesses.experts[row * 2 + 1], 1);
      EXPECT_LT(guesses.confidence[row * 2], 0.6);
    }
  }
}

//===----------------------------------------------------------------------===//
// Guesses that a module recorded
//===----------------------------------------------------------------------===//

TEST(PredictorTest, TakesWhatWasRecorded) {
  RoutingTrace trace = makeCoupled(60, /*guesses=*/3);
  trace.predictor = "cross-layer-gate";
  trace.guessed[1].assign(180, -1); // nobody guessed layer 1
  trace.guessed[2][3] = -1;         // nor this
  auto all = guess("cross-layer-gate", trace, 1, 2);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].layer, 2);
  EXPECT_EQ(all[1].layer, 3);
  for (int64_t row = 0; row < 60; ++row)
    for (int64_t j = 0; j < 2; ++j)
      EXPECT_EQ(all[0].experts[row * 2 + j], trace.guessed[2][row * 3 + j]);
  EXPECT_EQ(all[0].experts[2], -1);
  EXPECT_EQ(all[0].confidence[2], 0);
  EXPECT_EQ(guess("cross-layer-gate", trace, 1, 8).front().count, 3);
}

std::string getMessage(const std::string &name, const RoutingTrace &trace,
                       int64_t ahead = 1, int64_t count = 2) {
  auto guesses = guessOverTrace(*create(name), trace, ahead, count, 10);
  EXPECT_FALSE(bool(guesses));
  return llvm::toString(guesses.takeError());
}

TEST(PredictorTest, SaysWhatItCannotGuessFrom) {
  RoutingTrace trace = makeCoupled(20);
  trace.path = "a.trace";
  EXPECT_EQ(
      getMessage("cross-layer-gate", trace),
      "a.trace: has no guesses; those of cross-layer-gate are recorded by "
      "a module that was compiled with it");
  RoutingTrace others = makeCoupled(20, 3);
  others.predictor = "pattern";
  EXPECT_EQ(getMessage("cross-layer-gate", others),
            "has guesses of pattern, those of cross-layer-gate are needed");
  EXPECT_EQ(getMessage("previous-layer", trace, 0),
            "guesses are made 0 layers ahead, must be at least 1");
  EXPECT_EQ(getMessage("previous-layer", trace, 1, 9),
            "there are 9 guesses per row, must be between 1 and 8");
  EXPECT_EQ(getMessage("previous-layer", trace, 1, 0),
            "there are 0 guesses per row, must be between 1 and 8");
}

/// Nobody learned anything: those that must say nothing.
TEST(PredictorTest, GuessesTwiceWhatIsChosenWithinHalfOfTheExperts) {
  EXPECT_EQ(getUsualCount(64, 8), 16);
  EXPECT_EQ(getUsualCount(8, 2), 4);
  EXPECT_EQ(getUsualCount(8, 3), 4);
  EXPECT_EQ(getUsualCount(4, 3), 3);
  EXPECT_EQ(getUsualCount(1, 1), 1);
}

TEST(PredictorTest, GuessesNothingBeforeItIsFitted) {
  RoutingTrace trace = makeCoupled(20);
  for (std::string name : getNames()) {
    if (!create(name)->needsTrace())
      continue;
    auto all = guessOverTrace(*create(name), trace, 1, 2, 10);
    ASSERT_TRUE(bool(all)) << name << llvm::toString(all.takeError());
    EXPECT_TRUE(all->empty()) << name;
  }
}

//===----------------------------------------------------------------------===//
// Calibration
//===----------------------------------------------------------------------===//

/// Guesses that come true with probability sigmoid(slope * distance + bias), at
/// distances of a scale.
std::vector<JudgedGuess> makeGuesses(double slope, double bias, double scale) {
  std::vector<JudgedGuess> guesses;
  for (int i = -50; i <= 50; ++i) {
    double distance = scale * i / 25;
    double share = 1 / (1 + std::exp(-slope * distance - bias));
    for (int j = 0; j < 400; ++j)
      guesses.push_back({distance, j < std::lround(share * 400)});
  }
  return guesses;
}

TEST(CalibrationTest, FindsSlopeAndBias) {
  for (double scale : {1e-6, 1.0, 1e6}) {
    ScoreCalibration found =
        fitCalibration(makeGuesses(1.7 / scale, -0.4, scale));
    EXPECT_NEAR(found.slope * scale, 1.7, 0.01);
    EXPECT_NEAR(found.bias, -0.4, 0.01);
  }
}

TEST(CalibrationTest, StaysFiniteWhereNothingErrs) {
  std::vector<JudgedGuess> guesses;
  for (int i = 1; i <= 1000; ++i) {
    guesses.push_back({double(i), true});
    guesses.push_back({-double(i), false});
  }
  ScoreCalibration found = fitCalibration(guesses);
  EXPECT_GT(found.slope, 0);
  EXPECT_LT(found.slope, 1);
  EXPECT_NEAR(found.bias, 0, 1e-6);
  for (bool all : {false, true}) {
    for (JudgedGuess &guess : guesses)
      guess.isTrue = all;
    found = fitCalibration(guesses);
    EXPECT_GT(found.slope, 0);
    EXPECT_LT(std::abs(found.bias), 30);
    EXPECT_EQ(found.bias > 0, all);
  }
}

TEST(CalibrationTest, HasAPositiveSlopeForScoresThatMislead) {
  ScoreCalibration found = fitCalibration(makeGuesses(-2, 0.5, 1));
  EXPECT_GT(found.slope, 0);
  EXPECT_LT(found.slope, 0.01);
  double share = 0;
  for (const JudgedGuess &guess : makeGuesses(-2, 0.5, 1))
    share += guess.isTrue / (101 * 400.0);
  EXPECT_NEAR(1 / (1 + std::exp(-found.bias)), share, 0.01);
}

TEST(CalibrationTest, TakesNoGuessesAndNoDistances) {
  EXPECT_GT(fitCalibration({}).slope, 0);
  ScoreCalibration found =
      fitCalibration({{0, true}, {0, true}, {0, true}, {0, false}});
  EXPECT_GT(found.slope, 0);
  EXPECT_NEAR(found.bias, std::log(3), 0.05);
}

/// Two rows by hand: experts 0 and 1 are chosen, then 2 and 3.
TEST(CalibrationTest, CountsRecallAndCurve) {
  RoutingTrace trace;
  trace.experts = 4;
  trace.chosen = 2;
  trace.rows.resize(2);
  trace.choices = {{0, 1, 3, 2}};
  TraceGuesses guesses;
  guesses.count = 3;
  guesses.experts = {1, 2, 0, 0, 3, -1};
  guesses.confidence = {1.0f, 0.55f, 0.25f, 0.35f, 0.25f, 0.0f};
  EXPECT_EQ(getRecall(guesses, trace, 1, 0, 2), 0.25);
  EXPECT_EQ(getRecall(guesses, trace, 2, 0, 2), 0.5);
  EXPECT_EQ(getRecall(guesses, trace, 3, 0, 2), 0.75);
  EXPECT_EQ(getRecall(guesses, trace, 9, 0, 9), 0.75);
  EXPECT_EQ(getRecall(guesses, trace, 3, 1, 2), 0.5);
  EXPECT_EQ(getRecall(guesses, trace, 3, 1, 1), 0);
  auto curve = getCalibrationCurve(guesses, trace, 0, 2);
  ASSERT_EQ(curve.size(), 10u);
  EXPECT_EQ(curve[0].guesses, 0); // the guess that is none
  EXPECT_EQ(curve[2].guesses, 2);
  EXPECT_EQ(curve[2].share, 1);
  EXPECT_EQ(curve[2].confidence, 0.25);
  EXPECT_DOUBLE_EQ(curve[2].low, 0.2);
  EXPECT_DOUBLE_EQ(curve[2].high, 0.3);
  EXPECT_EQ(curve[3].share, 0);
  EXPECT_EQ(curve[9].guesses, 1);
  // (2 * 0.75 + 0.35 + 0.55 + 0) / 5
  EXPECT_NEAR(getCalibrationError(curve), 0.48, 1e-6);
}

} // namespace
