//===- ExpertTier.cpp - experts that come to the device when wanted -------===//
#include "gpu/ExpertTier.h"

#include "base/Memory.h"
#include <cstring>

using namespace moert;
using namespace moert::gpu;

/// Of a guess, at a time: what is wanted waits for no more than two of them.
static constexpr uint64_t guessBytes = uint64_t(1) << 20;

/// Of experts that had to be copied, handed out at a time: the device computes
/// with them while others come.
static constexpr size_t groupSize = 4;

Status ExpertTier::create(const Device &device, const ExpertMap &map,
                          int64_t capacity, const std::string &policy,
                          std::unique_ptr<ExpertTier> *out) {
  const CachePolicyInfo *info = findCachePolicy(policy);
  if (!info)
    return makeStatus(MOERT_NOT_FOUND, "cache policy '", policy,
                      "' is unknown, this runtime has ", cachePolicyNames());
  if (info->needsFuture)
    return makeStatus(MOERT_UNIMPLEMENTED, "cache policy ", policy,
                      " needs to know what comes, which a device does not");
  std::unique_ptr<ExpertTier> tier(new ExpertTier(device, map));
  MOERT_RETURN_IF_ERROR(
      tier->slots.reserve(uint64_t(capacity) * map.entryBytes));
  CachePolicyOptions options;
  options.keys = map.count();
  options.capacity = capacity;
  options.experts = map.experts;
  tier->policy = info->create(options);
  tier->experts.resize(size_t(map.count()));
  for (int64_t slot = capacity; slot-- > 0;) {
    tier->uses.push_back(std::make_unique<Use>(device));
    tier->freeSlots.push_back(int32_t(slot));
  }
  *out = std::move(tier);
  return Status();
}

/// Experts that the device can fetch by itself come at the speed of the bus;
/// from a file that is mapped every byte passes through a processor first.
void ExpertTier::pinExperts() {
  if (hasTriedPinning)
    return;
  hasTriedPinning = true;
  if (map.bytes() > availableHostMemory() / 2 || pinned.reserve(map.bytes()))
    return;
  for (size_t key = 0; key < map.parameters.size(); ++key)
    std::memcpy(pinned.data() + key * map.entryBytes,
                hostCells[map.parameters[key]], map.sizes[key]);
}

void ExpertTier::begin(Run &of, const moert_abi_offload_t *fetcher,
                       const void *const *cells) {
  run = &of;
  session = fetcher;
  hostCells = cells;
  if (!session)
    pinExperts();
}

void ExpertTier::end() {
  release();
  for (ExpertKey key : wanted) // of a forward that failed
    experts[size_t(key)].isWanted = false;
  wanted.clear();
  arrived.clear();
  sessionIsAsked = false;
  if (std::exchange(hasGuessed, false))
    for (size_t index = 0; index < map.layers.size(); ++index)
      endGuesses(int64_t(index));
  run = nullptr;
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

/// The expert's bytes leave the device, or stay behind in a slot of nobody.
void ExpertTier::leave(ExpertKey key) {
  Expert &expert = experts[size_t(key)];
  policy->remove(key);
  counters.wasted += expert.isGuess && isComplete(key);
  uses[size_t(expert.slot)]->key = -1;
  freeSlots.push_back(expert.slot);
  expert.slot = -1;
  expert.begun = 0;
  expert.isGuess = expert.isOrdered = false;
}

/// Gives the expert a slot, whose kernels the copy will wait for; a guess only
/// gets one whose kernels have ended. False if there is none.
bool ExpertTier::place(ExpertKey key, bool isGuess) {
  auto isIdle = [&](int32_t slot) {
    return !isGuess || uses[size_t(slot)]->last.isDone();
  };
  auto isFree = std::find_if(freeSlots.rbegin(), freeSlots.rend(), isIdle);
  if (isFree == freeSlots.rend()) {
    ExpertKey victim = policy->victim([&](ExpertKey other) {
      const Expert &expert = experts[size_t(other)];
      // A guess does not push out what is guessed, too.
      return !expert.isWanted && !expert.isHanded &&
             !(isGuess && expert.isExpected) && isIdle(expert.slot);
    });
    if (victim < 0)
      return false;
    leave(victim);
    isFree = freeSlots.rbegin();
  }
  Expert &expert = experts[size_t(key)];
  expert.slot = *isFree;
  expert.begun = 0;
  expert.isGuess = isGuess;
  expert.isOrdered = false;
  freeSlots.erase(std::next(isFree).base());
  Use &use = *uses[size_t(expert.slot)];
  use.key = key;
  policy->insert(key, isGuess);
  run->note(use.last.holdUp(device.copies));
  return true;
}

/// What was handed out has been launched: its slots are busy until then.
void ExpertTier::release() {
  for (ExpertKey key : handed) {
    Expert &expert = experts[size_t(key)];
    expert.isHanded = false;
    run->note(uses[size_t(expert.slot)]->last.record(device.compute));
  }
  handed.clear();
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

const std::byte *ExpertTier::sourceOf(ExpertKey key) const {
  if (pinned.data() && !session)
    return pinned.data() + size_t(key) * map.entryBytes;
  return static_cast<const std::byte *>(hostCells[map.parameters[size_t(key)]]);
}

/// Enqueues the next bytes of an expert that has a slot.
bool ExpertTier::copyPiece(ExpertKey key, uint64_t bytes) {
  if (run->hasFailed())
    return false;
  Expert &expert = experts[size_t(key)];
  const uint64_t size = map.sizes[size_t(key)];
  bytes = std::min(bytes, size - expert.begun);
  const std::byte *from = sourceOf(key) + expert.begun;
  const CuAddress to = addressOf(key) + expert.begun;
  if (pinned.data() && !session)
    run->note(statusOf(
        device.api,
        device.api.cuMemcpyHtoDAsync_v2(to, from, bytes, device.copies),
        "copy an expert to the device"));
  else
    run->note(uploader.copy(to, from, bytes, device.copies));
  expert.begun += bytes;
  counters.bytesCopied += bytes;
  if (expert.begun == size)
    run->note(uses[size_t(expert.slot)]->copied.record(device.copies));
  return !run->hasFailed();
}

void ExpertTier::copyRest(ExpertKey key) {
  if (!isComplete(key))
    copyPiece(key, map.sizes[size_t(key)]);
}

/// Gives slots to experts that a layer wants, as far as there are any, and
/// starts their copies.
void ExpertTier::bringMissing() {
  for (ExpertKey key : wanted) {
    if (experts[size_t(key)].slot < 0 && !place(key, /*isGuess=*/false))
      return;
    copyRest(key);
  }
}

/// The same from what the session has brought to the host, after waiting for at
/// least one; false if it has no more.
bool ExpertTier::bringFromSession(int64_t layer) {
  if (arrived.empty() && sessionIsAsked) {
    std::vector<int32_t> list(size_t(map.experts));
    const int64_t count = session->take(session, layer, list.data());
    sessionIsAsked = count > 0;
    const int64_t first = map.indexOf(layer) * map.experts;
    for (int64_t i = 0; i < count; ++i)
      arrived.push_back(ExpertKey(first + list[size_t(i)]));
  }
  if (arrived.empty())
    return false;
  auto stays = arrived.begin();
  while (stays != arrived.end() && place(*stays, /*isGuess=*/false))
    copyRest(*stays++);
  arrived.erase(arrived.begin(), stays);
  return true;
}

//===----------------------------------------------------------------------===//
// What the code asks
//===----------------------------------------------------------------------===//

void ExpertTier::demand(int64_t layer, std::span<const int32_t> ids) {
  const int64_t index = map.indexOf(layer);
  if (run->hasFailed() || index < 0)
    return;
  release();
  for (int32_t id : ids) {
    if (id < 0 || id >= map.experts) {
      run->note(makeStatus(MOERT_INTERNAL, "expert ", id, " of layer ", layer,
                           " demanded, the layer has ", map.experts));
      return;
    }
    Expert &expert = experts[size_t(index * map.experts + id)];
    if (!std::exchange(expert.isWanted, true))
      wanted.push_back(ExpertKey(index * map.experts + id));
  }
  std::sort(wanted.begin(), wanted.end());
  endGuesses(index);
  std::vector<int32_t> missing;
  for (ExpertKey key : wanted) {
    policy->use(key);
    Expert &expert = experts[size_t(key)];
    const bool isThere = expert.slot >= 0 && isComplete(key);
    ++(isThere ? counters.hits : counters.misses);
    counters.useful += isThere && expert.isGuess;
    expert.isGuess = false;
    if (expert.slot < 0)
      missing.push_back(int32_t(key - index * map.experts));
  }
  isFirstTake = true;
  if (session) {
    session->demand(session, layer, int64_t(missing.size()), 1, missing.data());
    sessionIsAsked = true;
  } else {
    bringMissing();
  }
}

/// Whether kernels need not wait for the expert's copy.
bool ExpertTier::isSettled(ExpertKey key) const {
  const Expert &expert = experts[size_t(key)];
  return expert.isOrdered || uses[size_t(expert.slot)]->copied.isDone();
}

int64_t ExpertTier::handOut(std::span<const ExpertKey> keys, int32_t *list) {
  for (size_t i = 0; i < keys.size(); ++i) {
    Expert &expert = experts[size_t(keys[i])];
    if (!std::exchange(expert.isOrdered, true))
      run->note(uses[size_t(expert.slot)]->copied.holdUp(device.compute));
    expert.isWanted = false;
    expert.isHanded = true;
    handed.push_back(keys[i]);
    wanted.erase(std::lower_bound(wanted.begin(), wanted.end(), keys[i]));
    list[i] = int32_t(keys[i] % map.experts);
  }
  return int64_t(keys.size());
}

int64_t ExpertTier::take(int64_t layer, int32_t *list) {
  if (run->hasFailed())
    return 0;
  release();
  std::vector<ExpertKey> ready;
  auto isReady = [&](ExpertKey key) {
    return experts[size_t(key)].slot >= 0 && isComplete(key);
  };
  // First those for which nobody waits, so that the device has work while the
  // others come.
  if (std::exchange(isFirstTake, false))
    for (ExpertKey key : wanted)
      if (isReady(key) && isSettled(key))
        ready.push_back(key);
  if (!ready.empty())
    return handOut(ready, list);
  if (!session)
    bringMissing();
  else if (std::none_of(wanted.begin(), wanted.end(), isReady))
    bringFromSession(layer);
  for (ExpertKey key : wanted)
    if (ready.size() < groupSize && isReady(key))
      ready.push_back(key);
  if (ready.empty() && session && sessionIsAsked)
    bringFromSession(layer); // it says that all is done, or what went wrong
  return run->hasFailed() ? 0 : handOut(ready, list);
}

//===----------------------------------------------------------------------===//
// Guesses
//===----------------------------------------------------------------------===//

/// Those of a layer that nobody wants after all.
void ExpertTier::endGuesses(int64_t index) {
  const int64_t first = index * map.experts;
  for (int64_t id = 0; id < map.experts; ++id) {
    Expert &expert = experts[size_t(first + id)];
    expert.isExpected = false;
    if (!expert.isWanted && expert.slot >= 0 &&
        !isComplete(ExpertKey(first + id)))
      leave(ExpertKey(first + id));
  }
  std::erase_if(guesses,
                [&](ExpertKey key) { return key / map.experts == index; });
}

void ExpertTier::guess(int64_t layer, std::span<const int32_t> ids,
                       const float *confidence, float threshold) {
  const int64_t index = map.indexOf(layer);
  // Where the session fetches, an expert has to arrive on the host first.
  if (session || run->hasFailed() || index < 0)
    return;
  std::vector<std::pair<float, ExpertKey>> sure;
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] >= 0 && ids[i] < map.experts && confidence[i] >= threshold)
      sure.emplace_back(confidence[i], ExpertKey(index * map.experts + ids[i]));
  // The surest first, and of equals the one of the lower number.
  std::sort(sure.begin(), sure.end(), [](const auto &a, const auto &b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  for (auto [how, key] : sure) {
    Expert &expert = experts[size_t(key)];
    if (std::exchange(expert.isExpected, true))
      continue;
    hasGuessed = true;
    policy->expect(key, how);
    if (expert.slot < 0)
      guesses.push_back(key);
  }
  pump();
}

void ExpertTier::cancel(int64_t layer) {
  const int64_t index = map.indexOf(layer);
  if (index >= 0)
    endGuesses(index);
}

void ExpertTier::pump() {
  if (!wanted.empty())
    return;
  while (!guesses.empty() && !run->hasFailed() && pieces[nextPiece].isDone()) {
    const ExpertKey key = guesses.front();
    Expert &expert = experts[size_t(key)];
    if (expert.slot >= 0 && isComplete(key)) {
      guesses.pop_front();
      continue;
    }
    if (expert.slot < 0 && !place(key, /*isGuess=*/true))
      return;
    if (!copyPiece(key, guessBytes))
      return;
    run->note(pieces[nextPiece].record(device.copies));
    nextPiece = 1 - nextPiece;
  }
}
