//===- trellis_search.cpp - how q35's window and levels were found --------===//
//
// Built by `ninja trellis_search`:
//
//   trellis_search train A B ROUNDS [FILE]  trains the levels of a window
//   trellis_search search SEED COUNT FILE   tries windows and orders of levels
//   trellis_search measure [A B FILE]       error and speed, of q35's own
//
// FILE has the weight that a level of 1 means for N(0,1), then 128 levels;
// without it training starts from Gaussian quantiles. What q35 has came of
// `train 121 -109 30`, whose levels lent their sizes to `search` with 90 000
// windows, each with the levels in the order i * m modulo 128 for an odd m. The
// best of each run were trained again: all came to 0.0092, and of them
// [41, -125] was best with 2^12 and 2^14 survivors, too. `measure` says what
// scale is best.
//
// Errors are squared errors relative to N(0,1) weights, in rows of 1024.
//===----------------------------------------------------------------------===//
#include "Q35Code.h"
#include "Trellis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <string>

using namespace moe::q35;

using Levels = std::vector<int>;

static constexpr int columns = 1024;

static double getQuantile(double p) {
  double low = -8, high = 8;
  for (int i = 0; i < 60; ++i) {
    double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

/// Quantiles of N(0,1), the largest 127.
static Levels getGaussianLevels() {
  Levels levels(codeCount);
  double largest = getQuantile((codeCount - 0.5) / codeCount);
  for (int i = 0; i < codeCount; ++i)
    levels[i] =
        std::lrint(getQuantile((i + 0.5) / codeCount) / largest * 127);
  return levels;
}

static std::vector<float> getWeights(int rows, int seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> weights(rows * columns);
  for (float &weight : weights)
    weight = normal(generator);
  return weights;
}

namespace {
/// What became of the weights whose level has each index.
struct Result {
  double error = 0, energy = 0;
  std::vector<double> sums = std::vector<double>(codeCount);
  std::vector<double> counts = std::vector<double>(codeCount);

  double getError() const { return error / energy; }
};
} // namespace

static Result measure(int a, int b, const Levels &levels, double scale,
                      const std::vector<float> &weights, int bits = 16) {
  TrellisTable table(bits, a, b, levels);
  TrellisSearch search(table);
  Result result;
  auto add = [&](double weight, int index) {
    double difference = weight - levels[index] * scale;
    result.error += difference * difference;
    result.energy += weight * weight;
    result.sums[index] += weight / scale;
    result.counts[index] += 1;
  };
  for (size_t begin = 0; begin < weights.size(); begin += columns)
    for (int lane = 0; lane < 2; ++lane) {
      const float *row = weights.data() + begin + 2 * lane;
      std::vector<PairTarget> targets(columns / 4);
      for (size_t i = 0; i < targets.size(); ++i) {
        targets[i].first = targetUnit * std::lrint(2 * row[4 * i] / scale);
        targets[i].second =
            targetUnit * std::lrint(2 * row[4 * i + 1] / scale);
      }
      std::vector<uint8_t> codes(targets.size());
      uint16_t state = 0;
      search.run(state, targets, codes.size(), codes.data());
      state = 0;
      for (size_t i = 0; i < codes.size(); ++i) {
        state = getNextState(state, codes[i]);
        auto [first, second] = TrellisTable::getIndices(a, b, state);
        add(row[4 * i], first);
        add(row[4 * i + 1], second);
      }
    }
  return result;
}

static bool isValid(int a, int b) {
  int least = 255 * (std::min(a, 0) + std::min(b, 0));
  int most = 255 * (std::max(a, 0) + std::max(b, 0));
  return least >= INT16_MIN && most <= INT16_MAX;
}

static void print(const Levels &levels, double scale) {
  std::printf("%.5f\n", scale);
  for (int i = 0; i < codeCount; ++i)
    std::printf("%d%s", levels[i], i % 16 == 15 ? "\n" : " ");
}

/// Ascending and as many above 0 as below.
static Levels getSymmetric(Levels levels) {
  std::sort(levels.begin(), levels.end());
  Levels result(codeCount);
  double largest = levels[codeCount - 1] - levels[0];
  for (int i = 0; i < codeCount; ++i)
    result[i] =
        std::lrint((levels[i] - levels[codeCount - 1 - i]) / largest * 127);
  return result;
}

/// One row sorts out most candidates, four and then 24 rows the rest.
static void search(int seed, int count, const Levels &shape, double scale) {
  struct Candidate {
    double error;
    int a, b;
    Levels levels;
  };
  std::mt19937 generator(seed);
  auto draw = [&](int limit) { return int(generator() % limit); };
  std::vector<Candidate> candidates(count);
  for (Candidate &candidate : candidates) {
    do {
      candidate.a = draw(256) - 128;
      candidate.b = draw(256) - 128;
    } while (!isValid(candidate.a, candidate.b));
    int factor = 2 * draw(64) + 1;
    for (int i = 0; i < codeCount; ++i)
      candidate.levels.push_back(shape[i * factor % codeCount]);
  }
  auto sift = [&](int rows, size_t kept) {
    std::vector<float> weights = getWeights(rows, rows);
    for (Candidate &candidate : candidates)
      candidate.error = measure(candidate.a, candidate.b, candidate.levels,
                                scale, weights)
                            .getError();
    std::sort(candidates.begin(), candidates.end(),
              [](const Candidate &x, const Candidate &y) {
                return x.error < y.error;
              });
    candidates.resize(std::min(candidates.size(), kept));
  };
  sift(1, count / 20 + 1);
  sift(4, 16);
  sift(24, 6);
  for (const Candidate &candidate : candidates) {
    std::printf("%.5f %d %d\n", candidate.error, candidate.a, candidate.b);
    print(candidate.levels, scale);
  }
}

/// Lloyd's algorithm: each level becomes the mean of the targets that it is
/// chosen for, in units that make the largest 127. Keeps what is best on rows
/// that it was not trained on.
static void train(int a, int b, int rounds, Levels levels, double scale) {
  std::vector<float> proof = getWeights(48, 1);
  Levels best = levels;
  double least = 1, bestScale = 0;
  std::vector<double> means(codeCount);
  for (int i = 0; i < codeCount; ++i)
    means[i] = levels[i] * scale;
  for (int round = 0; round <= rounds; ++round) {
    double error = measure(a, b, levels, scale, proof).getError();
    if (error < least) {
      least = error;
      best = levels;
      bestScale = scale;
    }
    std::fprintf(stderr, "%d %d round %d: %.5f\n", a, b, round, error);
    Result result = measure(a, b, levels, scale, getWeights(48, 100 + round));
    double largest = 0;
    for (int i = 0; i < codeCount; ++i) {
      // A step beyond the mean: levels answer to each other's moves.
      if (result.counts[i])
        means[i] += 1.5 * scale *
                    (result.sums[i] / result.counts[i] - levels[i]);
      largest = std::max(largest, std::abs(means[i]));
    }
    scale = largest / 127;
    for (int i = 0; i < codeCount; ++i)
      levels[i] = std::lrint(means[i] / scale);
  }
  std::fprintf(stderr, "%d %d: %.5f\n", a, b, least);
  print(best, bestScale);
}

static void report(int a, int b, const Levels &levels, double scale) {
  std::vector<float> weights = getWeights(96, 2);
  for (double factor : {0.94, 0.96, 0.98, 1.0, 1.02, 1.04})
    std::printf("unit %.5f sigma, error %.5f\n", factor * scale,
                measure(a, b, levels, factor * scale, weights).getError());
  for (int bits : {10, 11, 12, 13, 14, 15, 16}) {
    std::clock_t begin = std::clock();
    double error = measure(a, b, levels, scale, weights, bits).getError();
    double seconds = double(std::clock() - begin) / CLOCKS_PER_SEC;
    std::printf("2^%d survivors: error %.5f, %.2f M weights/s\n", bits, error,
                weights.size() / seconds / 1e6);
  }
}

static int complain() {
  std::fputs("usage: trellis_search train A B ROUNDS [FILE]\n"
             "       trellis_search search SEED COUNT FILE\n"
             "       trellis_search measure [A B FILE]\n",
             stderr);
  return 1;
}

int main(int argc, char **argv) {
  std::string command = argc > 1 ? argv[1] : "";
  if (command == "measure" && argc == 2) {
    report(windowFactors[0], windowFactors[1],
           {std::begin(levels), std::end(levels)}, unitScale);
    return 0;
  }
  if (argc < 5)
    return complain();
  Levels known = getGaussianLevels();
  double scale = getQuantile((codeCount - 0.5) / codeCount) / 127;
  if (argc > 5 || command != "train") {
    std::ifstream file(argv[argc - 1]);
    file >> scale;
    for (int &level : known)
      file >> level;
    if (!file) {
      std::fprintf(stderr, "%s should have 129 numbers\n", argv[argc - 1]);
      return 1;
    }
  }
  int first = std::atoi(argv[2]), second = std::atoi(argv[3]);
  if (command == "train")
    train(first, second, std::atoi(argv[4]), known, scale);
  else if (command == "search")
    search(first, second, getSymmetric(known), scale);
  else if (command == "measure")
    report(first, second, known, scale);
  else
    return complain();
  return 0;
}
