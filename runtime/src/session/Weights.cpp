//===- Weights.cpp - where a session reads weights from -------------------===//
#include "session/Weights.h"

#include "base/Memory.h"
#include <atomic>
#include <cstring>
#include <thread>

using namespace moert;

/// Fewer bytes stay in the caches, or are soon read by small pages, too.
static constexpr uint64_t fewest = uint64_t(4) << 20;

/// Pieces that threads copy; each is forgotten in the file's mapping at once, so
/// that resident memory never holds the weights twice.
static constexpr uint64_t pieceBytes = uint64_t(4) << 20;

static void copyPieces(std::span<const std::byte> from, char *to,
                       std::atomic<uint64_t> &next) {
  for (;;) {
    uint64_t begin = next.fetch_add(pieceBytes);
    if (begin >= from.size())
      return;
    auto piece = from.subspan(begin, std::min(pieceBytes, from.size() - begin));
    std::memcpy(to + begin, piece.data(), piece.size());
    MappedFile::forget(piece);
  }
}

Status moert::copyWeights(const moert_module_t &module,
                          const moert_driver_t &driver, moert_device_t *device,
                          int threads, DeviceMemory *out) {
  std::span<const std::byte> weights =
      module.container->section(MOERT_SECTION_WEIGHTS);
  bool isAmple = weights.size() <= availableHostMemory() / 2;
  if (!module.container->isMapped() || weights.size() < fewest || !isAmple)
    return Status();
  if (DeviceMemory::allocate(driver, device, weights.size(), out))
    return Status(); // somebody else was faster: the file is still there
  std::atomic<uint64_t> next = 0;
  std::vector<std::jthread> helpers;
  for (int i = 1; i < threads; ++i)
    helpers.emplace_back([&] { copyPieces(weights, out->data(), next); });
  copyPieces(weights, out->data(), next);
  return Status();
}
