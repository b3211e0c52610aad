//===- StoreCore.cpp - what computing asks of the expert store ------------===//
#include "experts/StoreCore.h"

#include "moert/moert.h"
#include <algorithm>

using namespace moert;

StoreCore::StoreCore(ExpertStoreOptions given)
    : options(std::move(given)), guessing(options.prefetch) {
  indices.assign(options.layers.back() + 1, -1);
  layers.resize(options.layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    indices[options.layers[i]] = int64_t(i);
    layers[i].share = options.partition.empty() ? options.capacity
                                                : options.partition[i];
  }
  experts.resize(options.extents.size());
  confidences.resize(options.experts);
  for (int64_t entry = options.capacity; entry-- > 0;)
    freeEntries.push_back(int32_t(entry));
  depth = std::clamp(options.reader->depth(), 1, mostPieces);
}

int64_t StoreCore::indexOf(int64_t layer) const {
  return layer >= 0 && layer < int64_t(indices.size()) ? indices[layer] : -1;
}

void StoreCore::note(StoreEvent::Kind kind, ExpertKey key, bool isGuess) {
  if (!options.watch || isStopping)
    return;
  auto now = Clock::now().time_since_epoch();
  options.watch({kind, key, isGuess,
                 std::chrono::duration_cast<std::chrono::nanoseconds>(now)
                     .count()});
}

/// The first failure stays.
void StoreCore::fail(moert_status_code_t code, const std::string &what) {
  if (!hasFailed()) {
    failure = options.origin + ": " + what;
    failureCode = code;
  }
  announce();
}

void StoreCore::fail(moert_status_code_t code, ExpertKey key,
                     const std::string &what) {
  fail(code, "layer " + std::to_string(options.layers[key / options.experts]) +
                 ", expert " + std::to_string(key % options.experts) + ": " +
                 what);
}

void StoreCore::announce() {
  ++arrivals;
  arrived.notify_all();
}

void StoreCore::unlockAndWake(std::unique_lock<std::mutex> &lock) {
  bool wakes = std::exchange(needsWake, false);
  lock.unlock();
  if (wakes)
    options.reader->wake();
}

//===-- Forwards ----------------------------------------------------------===//

bool StoreCore::beginForward(int64_t rows) {
  std::unique_lock lock(mutex);
  ++forward;
  wantingLayers = 0;
  for (Layer &layer : layers) {
    release(layer);
    forgetWanted(layer);
  }
  mayGuess = hasGuesses ? guessing.begin(rows)
                        : options.prefetch == MOERT_PREFETCH_ON;
  // What a forward without guesses costs must not depend on earlier ones.
  if (!mayGuess && std::exchange(guessesLinger, false))
    for (size_t i = 0; i < layers.size(); ++i)
      endGuesses(int64_t(i));
  if (guessesLinger) // a layer that was left out never came
    for (Expert &expert : experts)
      expert.isExpected &= expert.guessedAt >= forward - 1;
  forwardBegin = Clock::now();
  // The first guess tells that the module makes some.
  bool listens = mayGuess || (!hasGuesses && guessing.isAutomatic());
  unlockAndWake(lock);
  return listens;
}

Status StoreCore::endForward() {
  std::lock_guard lock(mutex);
  if (hasFailed())
    return Status(failureCode, failure);
  std::chrono::duration<double> seconds = Clock::now() - forwardBegin;
  if (hasGuesses)
    guessing.end(seconds.count(), wantingLayers);
  return Status();
}

ExpertStoreStats StoreCore::stats() {
  std::lock_guard lock(mutex);
  ExpertStoreStats result = counters;
  if (piecesUnderWay)
    result.linkSeconds +=
        std::chrono::duration<double>(Clock::now() - linkBegin).count();
  result.prefetchStopped = guessing.isStopped();
  return result;
}

//===-- What is wanted ----------------------------------------------------===//

/// Sets confidences[e] to 1 for each of them, to -1 for others.
bool StoreCore::mark(int64_t index, std::span<const int32_t> ids) {
  std::fill(confidences.begin(), confidences.end(), -1.f);
  for (int32_t id : ids) {
    if (id < 0 || id >= options.experts) {
      fail(MOERT_INTERNAL,
           "layer " + std::to_string(options.layers[index]) + ": expert " +
               std::to_string(id) + " requested, model has " +
               std::to_string(options.experts));
      return false;
    }
    confidences[id] = 1;
  }
  return true;
}

void StoreCore::demand(int64_t layerNumber, std::span<const int32_t> ids) {
  std::unique_lock lock(mutex);
  int64_t index = indexOf(layerNumber);
  if (index < 0 || hasFailed() || !mark(index, ids))
    return;
  Layer &layer = layers[index];
  wantingLayers += !ids.empty();
  forgetWanted(layer);
  ExpertKey first = ExpertKey(index * options.experts);
  for (ExpertKey i = 0; i < options.experts; ++i)
    if (confidences[i] > 0)
      layer.wanted.push_back(first + i);
  for (ExpertKey key : layer.wanted)
    options.policy->use(key);
  for (ExpertKey key : layer.wanted)
    want(key);
  if (guessesLinger)
    endGuesses(index);
  placeWaiting();
  unlockAndWake(lock);
}

void StoreCore::want(ExpertKey key) {
  Expert &expert = experts[key];
  expert.isWanted = true;
  ++(expert.place == Place::Resident ? counters.hits : counters.misses);
  if (expert.isQueued) {
    expert.isQueued = false;
    std::erase(guesses, key);
  }
  if (expert.place == Place::Absent) {
    expert.place = Place::Waiting;
    waiting.push_back(key);
  } else if (expert.isGuess) {
    promote(key);
  }
}

/// A guess was right.
void StoreCore::promote(ExpertKey key) {
  Expert &expert = experts[key];
  if (expert.isAbandoned) // whoever watches was told that its read is over
    note(StoreEvent::ReadBegin, key, false);
  expert.isGuess = expert.isAbandoned = false;
  ++counters.useful;
  if (expert.place == Place::Resident)
    return;
  wantedUnderWay += expert.underWay;
  std::erase(guessReads, key);
  if (expert.begun < readSize(key)) {
    wantedReads.push_back(key);
    needsWake = true;
  }
}

/// A forward may end before a layer has got all that it wanted.
void StoreCore::forgetWanted(Layer &layer) {
  for (ExpertKey key : layer.wanted) {
    Expert &expert = experts[key];
    expert.isWanted = false;
    if (expert.place == Place::Waiting) {
      expert.place = Place::Absent;
      std::erase(waiting, key);
    }
  }
  layer.wanted.clear();
}

void StoreCore::release(Layer &layer) {
  if (layer.handed.empty())
    return;
  for (ExpertKey key : layer.handed) {
    experts[key].isPinned = false;
    *options.extents[key].address = nullptr;
  }
  layer.handed.clear();
  areGuessesBlocked = false;
  needsWake |= !guesses.empty();
}

int64_t StoreCore::handOut(Layer &layer, int64_t index, int32_t *out) {
  int64_t count = 0;
  for (ExpertKey key : layer.wanted) {
    Expert &expert = experts[key];
    if (expert.place != Place::Resident)
      continue;
    expert.isWanted = false;
    expert.isPinned = true;
    *options.extents[key].address = memoryOf(expert);
    layer.handed.push_back(key);
    out[count++] = int32_t(key - index * options.experts);
  }
  std::erase_if(layer.wanted,
                [&](ExpertKey key) { return experts[key].isPinned; });
  return count;
}

/// Nothing is under way, so nothing will arrive. Correct callers never see
/// that: what one layer got is released before it waits again.
bool StoreCore::isStuck(const Layer &layer) const {
  if (piecesUnderWay || checksUnderWay || !wantedReads.empty() ||
      !guessReads.empty())
    return false;
  return std::all_of(layer.wanted.begin(), layer.wanted.end(),
                     [&](ExpertKey key) {
                       return experts[key].place == Place::Waiting;
                     });
}

int64_t StoreCore::take(int64_t layerNumber, int32_t *out) {
  std::unique_lock lock(mutex);
  int64_t index = indexOf(layerNumber);
  if (index < 0)
    return 0;
  Layer &layer = layers[index];
  release(layer);
  placeWaiting();
  int64_t count = 0;
  while (!hasFailed() && !layer.wanted.empty() &&
         !(count = handOut(layer, index, out))) {
    if (isStuck(layer))
      fail(MOERT_INTERNAL, layer.wanted.front(),
           "no entry can be freed for it, " + std::to_string(options.capacity) +
               " are in use");
    else
      waitForArrival(lock);
  }
  unlockAndWake(lock);
  return count;
}

/// A piece takes half a millisecond: to spin first would only keep the reading
/// thread from a processor.
void StoreCore::waitForArrival(std::unique_lock<std::mutex> &lock) {
  uint64_t seen = arrivals;
  Clock::time_point begin = Clock::now();
  note(StoreEvent::WaitBegin, -1, false);
  unlockAndWake(lock);
  lock.lock();
  arrived.wait(lock, [&] { return arrivals != seen; });
  counters.stallSeconds +=
      std::chrono::duration<double>(Clock::now() - begin).count();
  note(StoreEvent::WaitEnd, -1, false);
}

//===-- What is guessed ---------------------------------------------------===//

void StoreCore::prefetch(int64_t layerNumber, std::span<const int32_t> ids,
                         const float *confidence, float threshold) {
  std::unique_lock lock(mutex);
  hasGuesses = true;
  int64_t index = indexOf(layerNumber);
  if (index < 0 || !mayGuess || hasFailed())
    return;
  std::fill(confidences.begin(), confidences.end(), -1.f);
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] >= 0 && ids[i] < options.experts) // -1: no guess
      confidences[ids[i]] = std::max(confidences[ids[i]], confidence[i]);
  enqueueGuesses(index, threshold);
  unlockAndWake(lock);
}

void StoreCore::enqueueGuesses(int64_t index, float threshold) {
  size_t before = guesses.size();
  ExpertKey first = ExpertKey(index * options.experts);
  for (ExpertKey i = 0; i < options.experts; ++i) {
    if (!(confidences[i] >= 0 && confidences[i] >= threshold))
      continue;
    Expert &expert = experts[first + i];
    options.policy->expect(first + i, confidences[i]);
    expert.isExpected = true;
    expert.guessedAt = forward;
    guessesLinger = true;
    if (expert.place != Place::Absent || expert.isQueued)
      continue;
    expert.isQueued = true;
    guesses.push_back(first + i);
  }
  if (guesses.size() == before)
    return;
  std::sort(guesses.begin() + before, guesses.end(),
            [&](ExpertKey a, ExpertKey b) {
              float atA = confidences[a - first], atB = confidences[b - first];
              return atA != atB ? atA > atB : a < b;
            });
  areGuessesBlocked = false;
  needsWake = true;
}

void StoreCore::cancel(int64_t layer) {
  std::unique_lock lock(mutex);
  if (int64_t index = indexOf(layer); index >= 0)
    endGuesses(index);
  unlockAndWake(lock);
}

/// What was not begun is dropped, what is half read is given up. Where all
/// pieces are under way, the bytes are paid for: it may stay.
void StoreCore::endGuesses(int64_t index) {
  ExpertKey first = ExpertKey(index * options.experts);
  for (ExpertKey key = first; key < first + options.experts; ++key) {
    Expert &expert = experts[key];
    expert.isExpected = false;
    if (expert.isQueued) {
      expert.isQueued = false;
      std::erase(guesses, key);
      note(StoreEvent::Drop, key, true);
    } else if (expert.isGuess && expert.place == Place::Reading &&
               expert.begun < readSize(key) && !expert.isAbandoned) {
      abandon(key);
    }
  }
}
