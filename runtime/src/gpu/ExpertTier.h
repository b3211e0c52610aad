//===- ExpertTier.h - experts that come to the device ----------*- C++ -*-===//
//
// Slots of one expert each in memory of the device; everything else waits on
// the host. A second stream copies, and events keep the two apart: a slot is
// overwritten only behind the last kernels that read it, and kernels run only
// behind the copies that they need. The host waits for neither.
//
// Guesses are copied in small pieces, two at a time, so that what is wanted for
// certain waits for little.
//===----------------------------------------------------------------------===//
#ifndef MOERT_GPU_EXPERTTIER_H
#define MOERT_GPU_EXPERTTIER_H

#include "gpu/Experts.h"
#include "gpu/Run.h"
#include <array>
#include <deque>
#include <span>

namespace moert::gpu {

struct ExpertTierStats {
  int64_t hits = 0, misses = 0, useful = 0, wasted = 0;
  uint64_t bytesCopied = 0;
};

class ExpertTier {
public:
  /// Room for `capacity` experts, at least those that a row chooses.
  static Status create(const Device &device, const ExpertMap &map,
                       int64_t capacity, const std::string &policy,
                       std::unique_ptr<ExpertTier> *out);

  /// Around each forward. `session` is who fetches experts to the host, or null
  /// where they are all at `hostCells`.
  void begin(Run &run, const moert_abi_offload_t *session,
             const void *const *hostCells);
  void end();

  /// As moert_abi_offload_t says, with lists on the host.
  void demand(int64_t layer, std::span<const int32_t> ids);
  int64_t take(int64_t layer, int32_t *experts);
  void guess(int64_t layer, std::span<const int32_t> ids,
             const float *confidence, float threshold);
  void cancel(int64_t layer);
  /// Whenever there is time: copies more of the guesses.
  void pump();
  bool hasGuesses() const { return !guesses.empty(); }

  /// Of an expert that was handed out.
  CuAddress addressOf(ExpertKey key) const {
    return slots.address() +
           uint64_t(experts[size_t(key)].slot) * map.entryBytes;
  }
  int64_t capacity() const { return int64_t(uses.size()); }
  uint64_t bytes() const { return slots.bytes(); }
  const ExpertTierStats &stats() const { return counters; }

private:
  ExpertTier(const Device &device, const ExpertMap &map)
      : device(device), map(map), slots(device), uploader(device),
        pinned(device), pieces{Event(device), Event(device)} {}

  struct Expert {
    int32_t slot = -1;       ///< -1: it is on the host only
    uint64_t begun = 0;      ///< bytes whose copies are enqueued
    bool isWanted = false;   ///< by a layer that has not got it yet
    bool isHanded = false;   ///< the layer that got it computes
    bool isGuess = false;    ///< came, or comes, without having been wanted
    bool isExpected = false; ///< guessed for a layer that has not come yet
    bool isOrdered = false;  ///< kernels are launched behind its copy already
  };
  /// Of a slot.
  struct Use {
    explicit Use(const Device &device) : last(device), copied(device) {}
    Event last;   ///< behind kernels that read it
    Event copied; ///< behind its copy
    ExpertKey key = -1;
  };

  bool isComplete(ExpertKey key) const {
    return experts[size_t(key)].begun == map.sizes[size_t(key)];
  }
  void pinExperts();
  void release();
  bool place(ExpertKey key, bool isGuess);
  void leave(ExpertKey key);
  void copyRest(ExpertKey key);
  bool copyPiece(ExpertKey key, uint64_t bytes);
  const std::byte *sourceOf(ExpertKey key) const;
  void bringMissing();
  bool bringFromSession(int64_t layer);
  bool isSettled(ExpertKey key) const;
  int64_t handOut(std::span<const ExpertKey> keys, int32_t *list);
  void endGuesses(int64_t index);

  const Device &device;
  const ExpertMap &map;
  std::unique_ptr<CachePolicy> policy;
  DeviceBlock slots;
  std::vector<std::unique_ptr<Use>> uses;
  std::vector<int32_t> freeSlots;
  std::vector<Expert> experts;
  Uploader uploader;
  PinnedBlock pinned; ///< all experts, where the host has room for that
  bool hasTriedPinning = false;

  Run *run = nullptr; ///< under way
  const moert_abi_offload_t *session = nullptr;
  const void *const *hostCells = nullptr;

  std::vector<ExpertKey> wanted; ///< not handed out, ascending
  std::vector<ExpertKey> handed;
  std::vector<ExpertKey> arrived; ///< on the host, by the session
  bool sessionIsAsked = false;    ///< and has not said that all is done
  bool isFirstTake = false;       ///< of a layer

  std::deque<ExpertKey> guesses; ///< best first
  bool hasGuessed = false;       ///< in this forward
  std::array<Event, 2> pieces;   ///< of guesses, under way
  size_t nextPiece = 0;
  ExpertTierStats counters;
};

} // namespace moert::gpu

#endif // MOERT_GPU_EXPERTTIER_H
