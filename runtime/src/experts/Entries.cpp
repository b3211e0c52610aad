//===- Entries.cpp - who gets an entry of the pool, and who leaves --------===//
#include "experts/StoreCore.h"

#include <algorithm>

using namespace moert;

char *StoreCore::memoryOf(const Expert &expert) const {
  return static_cast<char *>(options.pool) +
         uint64_t(expert.entry) * options.entryBytes;
}

/// Gives entries to what is wanted, in the order of wanting.
void StoreCore::placeWaiting() {
  if (waiting.empty())
    return;
  size_t placed = 0;
  while (placed < waiting.size() && placeOne(waiting[placed], false)) {
    wantedReads.push_back(waiting[placed++]);
    needsWake = true;
  }
  waiting.erase(waiting.begin(), waiting.begin() + ptrdiff_t(placed));
  if (!waiting.empty())
    giveUpReading();
}

/// Starts reading of the expert, if there is an entry for it.
bool StoreCore::placeOne(ExpertKey key, bool isGuess) {
  Layer &layer = layerOf(key);
  if (layer.entries == layer.share || freeEntries.empty()) {
    ExpertKey victim = chooseVictim(key, isGuess);
    if (victim < 0)
      return false;
    note(StoreEvent::Evict, victim, experts[victim].isGuess);
    leave(victim);
  }
  Expert &expert = experts[key];
  expert.entry = freeEntries.back();
  freeEntries.pop_back();
  ++layer.entries;
  expert.place = Place::Reading;
  expert.begun = 0;
  expert.isGuess = isGuess;
  options.policy->insert(key, isGuess);
  return true;
}

/// What computing uses or is about to use stays. With a partition, a layer
/// evicts its own. A guess never makes another expected expert leave; what is
/// wanted does so only if nobody else can.
ExpertKey StoreCore::chooseVictim(ExpertKey forWhom, bool isGuess) {
  int64_t layer = forWhom / options.experts;
  auto isFree = [&](ExpertKey key) {
    const Expert &expert = experts[key];
    return expert.place == Place::Resident && !expert.isWanted &&
           !expert.isPinned &&
           (options.partition.empty() || key / options.experts == layer);
  };
  ExpertKey victim = options.policy->victim([&](ExpertKey key) {
    const Expert &expert = experts[key];
    return isFree(key) && !(expert.isExpected && (isGuess || expert.isGuess));
  });
  if (victim < 0 && !isGuess && guessesLinger)
    victim = options.policy->victim(isFree);
  return victim;
}

void StoreCore::leave(ExpertKey key) {
  Expert &expert = experts[key];
  options.policy->remove(key);
  counters.wasted += expert.isGuess;
  expert.isGuess = expert.isAbandoned = false;
  expert.place = Place::Absent;
  freeEntries.push_back(std::exchange(expert.entry, -1));
  --layerOf(key).entries;
  areGuessesBlocked = false;
}

/// No further piece of this guess is read. Its entry is free when those under
/// way have come.
void StoreCore::abandon(ExpertKey key) {
  Expert &expert = experts[key];
  std::erase(guessReads, key);
  expert.isAbandoned = true;
  note(StoreEvent::Drop, key, true);
  if (!expert.underWay)
    leave(key);
}

/// Something wanted finds no entry: guesses that are half read hold some. Those
/// of other layers of a partition do not.
void StoreCore::giveUpReading() {
  if (guessReads.empty() || !options.partition.empty())
    return;
  while (!guessReads.empty())
    abandon(guessReads.front());
  placeWaiting();
}
