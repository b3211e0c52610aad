//===- Weights.cpp - where a session reads weights from -------------------===//
#include "session/Weights.h"

#include "base/Memory.h"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace moert;

/// Fewer bytes stay in the caches, or are soon read by small pages, too.
static constexpr uint64_t fewest = uint64_t(4) << 20;

/// Pieces that threads copy; each is forgotten in the file's mapping at once,
/// so that resident memory never holds the weights twice.
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
  if (!module.container->mappedFile() || weights.size() < fewest || !isAmple)
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

/// Fills `to` from the file. What a mapping would answer with a signal is a
/// status here: a file that has become shorter, and a disk that fails.
static Status readFile(const moert_module_t &module, uint64_t offset,
                       uint64_t size, char *to) {
  const int fd = module.container->mappedFile()->descriptor();
  for (uint64_t done = 0; done < size;) {
    ssize_t got = ::pread(fd, to + done, size - done, off_t(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return makeStatus(MOERT_IO_ERROR, module.origin(),
                        ": cannot read: ", errnoText(errno));
    if (got == 0) {
      struct stat info = {};
      ::fstat(fd, &info);
      return makeStatus(MOERT_DATA_LOSS, module.origin(), ": has ",
                        info.st_size, " bytes, a weight ends at ",
                        offset + size);
    }
    done += uint64_t(got);
  }
  return Status();
}

static uint64_t aligned(uint64_t bytes) {
  return (bytes + MOERT_ABI_ALIGNMENT - 1) / MOERT_ABI_ALIGNMENT *
         MOERT_ABI_ALIGNMENT;
}

static bool isDense(const fb::Parameter &parameter) {
  return parameter.kind() == fb::ParameterKind::Tensor;
}

uint64_t moert::denseBytes(const fb::Module &module) {
  uint64_t bytes = 0;
  for (const fb::Parameter *parameter : *module.parameters())
    if (isDense(*parameter))
      bytes += aligned(parameter->size());
  return bytes;
}

Status moert::copyDenseWeights(const moert_module_t &module,
                               const moert_driver_t &driver,
                               moert_device_t *device, DeviceMemory *out,
                               std::vector<const void *> *cells) {
  Status status = DeviceMemory::allocateForHost(
      driver, device, denseBytes(module.metadata()), out);
  if (status)
    return makeStatus(status.code(), module.origin(),
                      ": weights that are not experts: ", status.message());
  const uint64_t weights =
      module.container->sectionOffset(MOERT_SECTION_WEIGHTS);
  char *to = out->data();
  size_t index = 0;
  for (const fb::Parameter *parameter : *module.metadata().parameters()) {
    const void *&cell = (*cells)[index++];
    if (!isDense(*parameter))
      continue;
    MOERT_RETURN_IF_ERROR(
        readFile(module, weights + parameter->offset(), parameter->size(), to));
    cell = to;
    to += aligned(parameter->size());
  }
  // Checksums were read through the mapping.
  MappedFile::forget(module.container->section(MOERT_SECTION_WEIGHTS));
  return Status();
}
