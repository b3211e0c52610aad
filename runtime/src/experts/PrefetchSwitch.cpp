//===- PrefetchSwitch.cpp - guesses stop where they lose ------------------===//
#include "experts/PrefetchSwitch.h"

#include "moert/moert.h"
#include <algorithm>
#include <cmath>

using namespace moert;

static constexpr int64_t mostRows = 8; ///< of a forward that counts
static constexpr int64_t patience = 32;
static constexpr int64_t periodForwards = 4;
static constexpr int64_t mostPairs = 24;
static constexpr int64_t leastRest = 256, mostRest = 8192;
static constexpr int64_t leastRun = 64, mostRun = 512;

static double median(std::vector<double> values) {
  size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + half, values.end());
  if (values.size() % 2)
    return values[half];
  return (values[half] + *std::max_element(values.begin(),
                                           values.begin() + half)) / 2;
}

/// Standard error of the median, by the median distance from it. Few values may
/// agree by chance: 2 % are the least distance that is believed.
static double errorOfMedian(const std::vector<double> &values, double center) {
  std::vector<double> distances;
  for (double value : values)
    distances.push_back(std::abs(value - center));
  double deviation = std::max(0.02, 1.4826 * median(distances));
  return 1.2533 * deviation / std::sqrt(double(values.size()));
}

PrefetchSwitch::Verdict PrefetchSwitch::judge() const {
  double least = *std::min_element(pairs.begin(), pairs.end());
  if (pairs.size() < 4) {
    double limit = std::log(pairs.size() == 1 ? 1.15 : 1.05);
    return least > limit ? Loses : Open;
  }
  if (std::min(pairs.back(), pairs[pairs.size() - 2]) > std::log(1.10))
    return Loses; // it once did better
  double center = median(pairs);
  double error = errorOfMedian(pairs, center);
  if (center > 2 * error)
    return Loses;
  if (center < -2 * error)
    return Wins;
  if (int64_t(pairs.size()) < mostPairs)
    return Open;
  return center < 0 ? MayWin : Loses;
}

/// off on on off | on off off on
bool PrefetchSwitch::guessesInPeriod() const {
  static constexpr bool guesses[8] = {false, true,  true,  false,
                                      true,  false, false, true};
  return guesses[period % 8];
}

bool PrefetchSwitch::isAutomatic() const {
  return mode == MOERT_PREFETCH_AUTO;
}

bool PrefetchSwitch::begin(int64_t rows) {
  if (!isAutomatic())
    return mode == MOERT_PREFETCH_ON;
  // Others guess only once guessing is known to pay.
  doesCount = rows <= mostRows && rows == measuredRows;
  if (rows <= mostRows && !doesCount && ++otherRows == patience) {
    measuredRows = rows;
    doesCount = true;
    if (state == Measuring)
      startMeasuring(pairsLeft);
  }
  if (doesCount)
    otherRows = 0;
  if (state == Measuring)
    return doesCount && guessesInPeriod();
  return state == Guessing;
}

void PrefetchSwitch::end(double forwardSeconds, int64_t layers) {
  if (doesCount)
    count(forwardSeconds / double(std::max(layers, int64_t(1))));
  doesCount = false;
}

void PrefetchSwitch::startMeasuring(int64_t atMost) {
  state = Measuring;
  period = period / 4 * 4; // of a whole group of four
  inPeriod = 0;
  seconds = 0;
  pairsLeft = atMost;
}

void PrefetchSwitch::count(double forwardSeconds) {
  if (state != Measuring) {
    if (--left > 0)
      return;
    if (state != Guessing)
      pairs.clear();
    return startMeasuring(state == Guessing ? 2 : mostPairs);
  }
  if (inPeriod > 0)
    seconds += forwardSeconds;
  if (++inPeriod == periodForwards)
    endPeriod();
}

void PrefetchSwitch::endPeriod() {
  bool isSecond = period % 2, didGuess = guessesInPeriod();
  double first = secondsBefore, second = seconds;
  secondsBefore = seconds;
  ++period;
  inPeriod = 0;
  seconds = 0;
  if (!isSecond || first <= 0 || second <= 0)
    return;
  pairs.push_back(std::log(didGuess ? second / first : first / second));
  if (int64_t(pairs.size()) > mostPairs)
    pairs.erase(pairs.begin());
  --pairsLeft;
  conclude();
}

void PrefetchSwitch::conclude() {
  Verdict verdict = judge();
  if (verdict == Loses) {
    state = Stopped;
    left = rest;
    rest = std::min(2 * rest, mostRest);
    run = leastRun;
    isAccepted = false;
    return;
  }
  // Once guesses were accepted, further pairs only look for a loss.
  if (isAccepted ? pairsLeft > 0 : verdict == Open)
    return;
  state = Guessing;
  isAccepted = true;
  left = run;
  run = verdict == Wins ? std::min(2 * run, mostRun) : leastRun;
  rest = leastRest;
}
