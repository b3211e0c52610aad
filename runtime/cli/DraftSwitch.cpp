//===- DraftSwitch.cpp - drafts stop where they lose ----------------------===//
#include "DraftSwitch.h"

#include <algorithm>
#include <cmath>

using namespace moert::cli;

static constexpr double periodTokens = 8; ///< per sequence
static constexpr double runTokens = 256;
static constexpr double longestRest = 8192;
static constexpr size_t enoughPairs = 4;

bool DraftSwitch::mayDraft() const {
  switch (state) {
  case Drafting:
    return true;
  case Measuring:
    // The end of a period is a check of what waits.
    return settled && draftsInPeriod() && tokens < periodTokens;
  default:
    return false;
  }
}

void DraftSwitch::enter(State next, double forTokens) {
  state = next;
  left = forTokens;
  pairs.clear();
  startPair();
}

void DraftSwitch::startPair() {
  settled = isSecond = false;
  tokens = seconds = 0;
}

void DraftSwitch::count(double stepSeconds, int64_t sequences,
                        int64_t stepTokens, bool waiting) {
  if (!measures || sequences == 0)
    return;
  const double perSequence = double(stepTokens) / double(sequences);
  if (state != Measuring) {
    left -= perSequence;
    if (left <= 0 && !waiting)
      enter(Measuring, 0);
    return;
  }
  // More sequences take longer, whatever they draft.
  if (sequences != sequencesBefore) {
    sequencesBefore = sequences;
    startPair();
  }
  if (!settled) {
    settled = !waiting;
    return;
  }
  tokens += perSequence;
  seconds += stepSeconds;
  if (tokens >= periodTokens && !waiting)
    endPeriod();
}

void DraftSwitch::endPeriod() {
  const double pace = seconds / tokens;
  const bool drafted = draftsInPeriod();
  tokens = seconds = 0;
  if (!isSecond) {
    firstPace = pace;
    isSecond = true;
    return;
  }
  isSecond = false;
  pairs.push_back(drafted ? std::log(pace / firstPace)
                          : std::log(firstPace / pace));
  judge();
}

void DraftSwitch::judge() {
  const double last = pairs.back();
  bool loses = false;
  if (pairs.size() == 1) {
    loses = last > std::log(1.10);
  } else if (pairs.size() < enoughPairs) {
    loses = std::min(last, pairs[pairs.size() - 2]) > std::log(1.04);
  } else {
    double sum = 0;
    for (double pair : pairs)
      sum += pair;
    if (sum <= 0) {
      rest = 256;
      return enter(Drafting, runTokens);
    }
    loses = true;
  }
  if (!loses)
    return;
  enter(Stopped, rest);
  rest = std::min(2 * rest, longestRest);
}
