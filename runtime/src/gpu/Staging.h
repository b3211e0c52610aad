//===- Staging.h - on the way between host and device -----------*- C++ -*-===//
#ifndef MOERT_GPU_STAGING_H
#define MOERT_GPU_STAGING_H

#include "gpu/Device.h"
#include <vector>

namespace moert::gpu {

/// Pinned memory for what is copied during one forward: copies may still be
/// under way when more is asked for, so nothing is used twice before clear().
class PinnedArena {
public:
  explicit PinnedArena(const Device &device) : device(device) {}

  /// Nothing that was handed out is being copied any more.
  void clear();
  /// 64-byte aligned.
  Status take(uint64_t bytes, void **out);

private:
  const Device &device;
  std::vector<std::unique_ptr<PinnedBlock>> blocks; ///< the last one has room
  uint64_t used = 0;                                ///< of the last one
};

/// Brings large arrays to the device, from memory that need not be pinned.
class Uploader {
public:
  explicit Uploader(const Device &device);

  /// The copy is enqueued on the stream; `from` may change afterwards.
  Status copy(CuAddress to, const void *from, uint64_t bytes, CuStream stream);
  /// Copies of nothing are under way; gives the memory back.
  Status finish();

private:
  /// Small enough that memory of the host is copied while the device copies.
  static constexpr uint64_t pieceBytes = uint64_t(4) << 20;
  struct Piece {
    explicit Piece(const Device &device) : memory(device), copied(device) {}
    PinnedBlock memory;
    Event copied;
  };

  const Device &device;
  Piece pieces[2];
  int next = 0;
};

} // namespace moert::gpu

#endif // MOERT_GPU_STAGING_H
