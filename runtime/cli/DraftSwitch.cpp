//===- DraftSwitch.cpp - drafts stop where they lose ----------------------===//
#include "DraftSwitch.h"

#include <algorithm>
#include <cmath>

using namespace moert::cli;

static constexpr double periodTokens = 8; ///< per sequence
static constexpr double runTokens = 256;
static constexpr double longestRest = 8192;
static constexpr size_t enoughPairs = 4;
static constexpr double mostLost = 0.05;    ///< of all tokens
static constexpr double leastCredit = 3;    ///< tokens, to begin with drafts
static constexpr double mostUnmeasured = 8; ///< that are lost

bool DraftSwitch::mayDraft() const {
  switch (state) {
  case Drafting:
    return true;
  case Measuring:
    // The end of a period is a check of what waits.
    return settled && !stopping && draftsInPeriod() && tokens < periodTokens;
  default:
    return false;
  }
}

void DraftSwitch::enter(State next, double forTokens) {
  state = next;
  left = forTokens;
  lostBefore = lost;
  stopping = false;
  pairs.clear();
  startPair();
}

void DraftSwitch::startPair() {
  settled = isSecond = false;
  tokens = seconds = 0;
}

/// A step that drafts, or checks them. What they gain makes good for what they
/// lost, but is not saved for later.
void DraftSwitch::book(double stepSeconds, double stepTokens) {
  if (fullPace > 0)
    lost = std::max(0.0, lost + stepSeconds / fullPace - stepTokens);
}

double DraftSwitch::credit() const { return mostLost * made - lost; }

void DraftSwitch::stop() {
  enter(Stopped, rest);
  rest = std::min(2 * rest, longestRest);
}

void DraftSwitch::count(double stepSeconds, int64_t sequences,
                        int64_t stepTokens, bool waiting) {
  if (!measures || sequences == 0)
    return;
  const double perSequence = double(stepTokens) / double(sequences);
  made += perSequence;
  // More sequences take longer, whatever they draft.
  if (sequences != sequencesBefore) {
    sequencesBefore = sequences;
    fullPace = 0;
    startPair();
  }
  if (state != Measuring) {
    left -= perSequence;
    if (state == Drafting || !settled)
      book(stepSeconds, perSequence);
    settled = settled || !waiting;
    if (state == Drafting && credit() < 0)
      return stop();
    // What waits is checked while settling.
    const bool ends = state == Drafting
                          ? left <= 0 || lost > lostBefore + mostUnmeasured
                          : left <= 0 && credit() >= leastCredit;
    if (ends)
      enter(Measuring, 0);
    return;
  }
  if (!settled) {
    book(stepSeconds, perSequence);
    settled = !waiting;
    return;
  }
  tokens += perSequence;
  seconds += stepSeconds;
  if (draftsInPeriod()) {
    book(stepSeconds, perSequence);
    stopping = stopping || credit() < 0;
  }
  if (stopping && !waiting)
    return stop();
  if (tokens >= periodTokens && !waiting)
    endPeriod();
}

void DraftSwitch::endPeriod() {
  const double pace = seconds / tokens;
  const bool drafted = draftsInPeriod();
  if (!drafted)
    fullPace = pace;
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
  if (loses)
    stop();
}
