//===- Staging.cpp - on the way between host and device -------------------===//
#include "gpu/Staging.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

using namespace moert;
using namespace moert::gpu;

static constexpr uint64_t fewestBytes = uint64_t(1) << 20;

void PinnedArena::clear() {
  // One block as large as all: the next forward needs as much.
  uint64_t bytes = 0;
  for (const std::unique_ptr<PinnedBlock> &block : blocks)
    bytes += block->bytes();
  used = 0;
  if (blocks.size() < 2)
    return;
  blocks.clear();
  auto block = std::make_unique<PinnedBlock>(device);
  if (block->reserve(bytes).ok()) // else small ones come back
    blocks.push_back(std::move(block));
}

Status PinnedArena::take(uint64_t bytes, void **out) {
  bytes = (bytes + 63) / 64 * 64;
  if (blocks.empty() || bytes > blocks.back()->bytes() - used) {
    auto block = std::make_unique<PinnedBlock>(device);
    MOERT_RETURN_IF_ERROR(block->reserve(std::max(bytes, fewestBytes)));
    blocks.push_back(std::move(block));
    used = 0;
  }
  *out = blocks.back()->data() + used;
  used += bytes;
  return Status();
}

/// A mapped file is read faster where the system maps many pages at a time, not
/// each when it is touched.
static void mapPages(const char *begin, uint64_t bytes) {
#ifdef MADV_POPULATE_READ
  constexpr uintptr_t page = 4096;
  const uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = address / page * page;
  ::madvise(reinterpret_cast<void *>(first), address + bytes - first,
            MADV_POPULATE_READ); // without it they come as they are touched
#else
  (void)begin, (void)bytes;
#endif
}

Uploader::Uploader(const Device &device)
    : device(device), pieces{Piece(device), Piece(device)} {}

Status Uploader::copy(CuAddress to, const void *from, uint64_t bytes,
                      CuStream stream) {
  const char *begin = static_cast<const char *>(from);
  for (uint64_t done = 0; done < bytes;) {
    Piece &piece = pieces[next];
    next = 1 - next;
    MOERT_RETURN_IF_ERROR(piece.copied.wait());
    MOERT_RETURN_IF_ERROR(piece.memory.reserve(pieceBytes));
    const uint64_t size = std::min(pieceBytes, bytes - done);
    mapPages(begin + done, size);
    std::memcpy(piece.memory.data(), begin + done, size);
    MOERT_RETURN_IF_ERROR(
        statusOf(device.api,
                 device.api.cuMemcpyHtoDAsync_v2(to + done, piece.memory.data(),
                                                 size, stream),
                 "copy to the device"));
    MOERT_RETURN_IF_ERROR(piece.copied.record(stream));
    done += size;
  }
  return Status();
}

Status Uploader::finish() {
  for (Piece &piece : pieces) {
    MOERT_RETURN_IF_ERROR(piece.copied.wait());
    piece.memory.reset();
  }
  return Status();
}
