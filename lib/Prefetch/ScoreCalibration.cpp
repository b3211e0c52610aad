//===- ScoreCalibration.cpp - confidence by logistic regression -----------===//
#include "ScoreCalibration.h"

#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;
using namespace moe;

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// Whether a row chose an expert in a layer.
static bool isChosen(const RoutingTrace &trace, int64_t layer, int64_t row,
                     int32_t expert) {
  auto begin = trace.choices[layer].begin() + row * trace.chosen;
  return std::find(begin, begin + trace.chosen, expert) != begin + trace.chosen;
}

//===----------------------------------------------------------------------===//
// Logistic regression
//===----------------------------------------------------------------------===//

namespace {
/// Slope and bias on distances that are brought to a mean square of 1, by
/// Newton's method on log likelihood - slope^2 / 2 - bias^2 / 200: a little
/// weight against slopes and biases that nothing bounds.
class Regression {
public:
  explicit Regression(ArrayRef<JudgedGuess> guesses) : guesses(guesses) {
    double squares = 0;
    for (const JudgedGuess &guess : guesses)
      squares += guess.distance * guess.distance;
    scale = std::sqrt(squares / double(std::max<size_t>(guesses.size(), 1)));
    if (!(scale > 1e-12) || !std::isfinite(scale))
      scale = 1;
  }

  ScoreCalibration run() {
    for (int step = 0; step < 100; ++step) {
      double change = stepOnce(/*holdSlope=*/false);
      if (change < 1e-10)
        break;
    }
    if (slope < leastSlope) {
      // Greater scores are no better ones: all that is left is the share.
      slope = leastSlope;
      for (int step = 0; step < 100 && stepOnce(/*holdSlope=*/true) > 1e-10;)
        ++step;
    }
    return {slope / scale, bias};
  }

private:
  static constexpr double leastSlope = 1e-3, slopeRidge = 1, biasRidge = 0.01;

  double getObjective(double s, double b) const {
    double sum = -slopeRidge * s * s / 2 - biasRidge * b * b / 2;
    for (const JudgedGuess &guess : guesses) {
      double z = s * guess.distance / scale + b;
      // log sigmoid(+-z), without overflow
      double x = guess.isTrue ? z : -z;
      sum += x > 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x));
    }
    return sum;
  }

  /// One step, halved until it does not make things worse; gives its length.
  double stepOnce(bool holdSlope) {
    double g0 = -slopeRidge * slope, g1 = -biasRidge * bias;
    double h00 = slopeRidge, h01 = 0, h11 = biasRidge;
    for (const JudgedGuess &guess : guesses) {
      double x = guess.distance / scale, p = sigmoid(slope * x + bias);
      double error = double(guess.isTrue) - p, weight = p * (1 - p);
      g0 += error * x;
      g1 += error;
      h00 += weight * x * x;
      h01 += weight * x;
      h11 += weight;
    }
    double d0 = 0, d1 = g1 / h11;
    if (!holdSlope) {
      double determinant = h00 * h11 - h01 * h01;
      d0 = (h11 * g0 - h01 * g1) / determinant;
      d1 = (h00 * g1 - h01 * g0) / determinant;
    }
    double now = getObjective(slope, bias);
    for (int halvings = 0; halvings < 40; ++halvings, d0 /= 2, d1 /= 2) {
      if (getObjective(slope + d0, bias + d1) < now)
        continue;
      slope += d0;
      bias += d1;
      return std::abs(d0) + std::abs(d1);
    }
    return 0;
  }

  ArrayRef<JudgedGuess> guesses;
  double scale = 1, slope = 1, bias = 0;
};
} // namespace

ScoreCalibration moe::fitCalibration(ArrayRef<JudgedGuess> guesses) {
  return Regression(guesses).run();
}

//===----------------------------------------------------------------------===//
// Guesses over a trace
//===----------------------------------------------------------------------===//

ScoreCalibration moe::calibrateScores(const reference::Matrix &scores,
                                      const RoutingTrace &trace, int64_t layer,
                                      int64_t count, ArrayRef<int64_t> rows) {
  // Guesses on both sides of the edge: where all that were made came true,
  // distances would not matter.
  count = std::min(std::max(count, 2 * trace.chosen), scores.columns);
  std::vector<JudgedGuess> guesses;
  std::vector<int32_t> order(scores.columns);
  for (int64_t row : rows) {
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      double x = scores.at(row, a), y = scores.at(row, b);
      return x != y ? x > y : a < b;
    });
    int64_t behind = std::min(trace.chosen, scores.columns - 1);
    double edge = (scores.at(row, order[trace.chosen - 1]) +
                   scores.at(row, order[behind])) /
                  2;
    for (int32_t expert : ArrayRef(order).take_front(count))
      guesses.push_back(
          {scores.at(row, expert) - edge, isChosen(trace, layer, row, expert)});
  }
  return fitCalibration(guesses);
}

/// The x whose sigmoid is the confidence; finite for all of [0, 1].
static double getLogit(float confidence) {
  double p = std::clamp(double(confidence), 1e-6, 1 - 1e-6);
  return std::log(p / (1 - p));
}

void moe::calibrateRecorded(TraceGuesses &guesses, const RoutingTrace &trace,
                            int64_t fitted) {
  std::vector<JudgedGuess> judged;
  for (int64_t i = 0; i < int64_t(guesses.experts.size()); ++i) {
    int64_t row = i / guesses.count;
    if (row < fitted && guesses.experts[i] != -1)
      judged.push_back(
          {getLogit(guesses.confidence[i]),
           isChosen(trace, guesses.layer, row, guesses.experts[i])});
  }
  guesses.calibration = fitCalibration(judged);
  for (auto [expert, confidence] :
       zip_equal(guesses.experts, guesses.confidence))
    confidence =
        expert == -1
            ? 0.0f
            : float(sigmoid(guesses.calibration.slope * getLogit(confidence) +
                            guesses.calibration.bias));
}

double moe::getRecall(const TraceGuesses &guesses, const RoutingTrace &trace,
                      int64_t count, int64_t begin, int64_t end) {
  int64_t found = 0;
  count = std::min(count, guesses.count);
  end = std::min<int64_t>(end, trace.rows.size());
  for (int64_t row = begin; row < end; ++row)
    for (int64_t j = 0; j < count; ++j)
      found += isChosen(trace, guesses.layer, row,
                        guesses.experts[row * guesses.count + j]);
  int64_t chosen = (end - begin) * trace.chosen;
  return chosen > 0 ? double(found) / double(chosen) : 0;
}

std::vector<CalibrationBin>
moe::getCalibrationCurve(const TraceGuesses &guesses, const RoutingTrace &trace,
                         int64_t begin, int64_t end) {
  constexpr int64_t bins = 10;
  std::vector<CalibrationBin> curve(bins);
  for (auto [i, bin] : enumerate(curve)) {
    bin.low = double(i) / bins;
    bin.high = double(i + 1) / bins;
  }
  end = std::min<int64_t>(end, trace.rows.size());
  for (int64_t row = begin; row < end; ++row)
    for (int64_t j = 0; j < guesses.count; ++j) {
      int64_t i = row * guesses.count + j;
      if (guesses.experts[i] == -1)
        continue;
      double confidence = guesses.confidence[i];
      // The last bin has 1, too.
      CalibrationBin &bin =
          curve[std::clamp<int64_t>(confidence * bins, 0, bins - 1)];
      bin.confidence += confidence;
      bin.share += isChosen(trace, guesses.layer, row, guesses.experts[i]);
      ++bin.guesses;
    }
  for (CalibrationBin &bin : curve)
    if (bin.guesses > 0) {
      bin.confidence /= double(bin.guesses);
      bin.share /= double(bin.guesses);
    }
  return curve;
}

double moe::getCalibrationError(ArrayRef<CalibrationBin> curve) {
  double error = 0;
  int64_t guesses = 0;
  for (const CalibrationBin &bin : curve) {
    error += std::abs(bin.confidence - bin.share) * double(bin.guesses);
    guesses += bin.guesses;
  }
  return guesses > 0 ? error / double(guesses) : 0;
}
