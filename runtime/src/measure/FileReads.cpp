//===- FileReads.cpp - how fast experts come from where they lie ----------===//
#include "base/Memory.h"
#include "base/Options.h"
#include "container/Reader.h"
#include "experts/ExpertReader.h"
#include "moert/moert.h"
#include <algorithm>
#include <array>
#include <chrono>
#include <random>

using namespace moert;
using Clock = std::chrono::steady_clock;

static constexpr uint64_t page = MOERT_CONTAINER_PAGE;
/// As the store reads.
static constexpr uint64_t pieceBytes = usualPieceBytes;
/// So many bytes or seconds are enough to see the rate.
static constexpr uint64_t enoughBytes = uint64_t(1) << 30;
static constexpr double enoughSeconds = 2;
static constexpr int smallReads = 65;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

namespace {

struct Piece {
  uint64_t offset, size;
};

/// Reads pieces of a module's experts, as many at a time as the reader takes.
class FileReads {
public:
  static Status create(const std::string &path,
                       std::unique_ptr<FileReads> *out);
  ~FileReads() {
    reader.reset(); // no read is under way any more
    releaseHostMemory(memory, bytesOfMemory);
  }

  Status measureBandwidth(double *out);
  Status measureLatency(double *out);

private:
  FileReads() = default;
  /// Waits for results until at most so many reads are under way.
  Status drain(size_t most);
  Status submit(const Piece &piece);

  std::string origin;
  std::unique_ptr<Container> container;
  std::unique_ptr<ExpertReader> reader;
  std::vector<Piece> experts, pieces;
  std::vector<uint64_t> places; ///< of memory, that no read uses
  std::vector<uint64_t> sizes;  ///< that the read of a place asked for
  uint64_t bytesRead = 0, bytesOfMemory = 0;
  void *memory = nullptr;
};

} // namespace

Status FileReads::create(const std::string &path,
                         std::unique_ptr<FileReads> *out) {
  std::unique_ptr<FileReads> reads(new FileReads);
  reads->origin = path;
  ReadOptions options;
  options.checkWeights = false;
  MOERT_RETURN_IF_ERROR(Container::open(path, options, &reads->container));
  const uint64_t weights =
      reads->container->sectionOffset(MOERT_SECTION_WEIGHTS);
  for (const fb::Parameter *p : *reads->container->metadata().parameters())
    if (p->kind() == fb::ParameterKind::Expert)
      reads->experts.push_back(
          {weights + p->offset(), (p->size() + page - 1) / page * page});
  if (reads->experts.empty())
    return makeStatus(MOERT_INVALID_ARGUMENT, path,
                      ": has 0 experts to read, at least 1 is needed");
  // The same order everywhere.
  std::shuffle(reads->experts.begin(), reads->experts.end(),
               std::mt19937_64(1));
  for (const Piece &expert : reads->experts)
    for (uint64_t at = 0; at < expert.size; at += pieceBytes)
      reads->pieces.push_back(
          {expert.offset + at, std::min(pieceBytes, expert.size - at)});
  Status opened = openExpertReader(
      reads->container->mappedFile()->descriptor(), &reads->reader);
  if (opened)
    return makeStatus(opened.code(), path, ": cannot read: ", opened.message());
  const auto depth = uint64_t(reads->reader->depth());
  MOERT_RETURN_IF_ERROR(allocateHostMemory(depth * pieceBytes, &reads->memory));
  reads->bytesOfMemory = depth * pieceBytes;
  for (uint64_t place = 0; place < depth; ++place)
    reads->places.push_back(place);
  reads->sizes.resize(depth);
  *out = std::move(reads);
  return Status();
}

Status FileReads::submit(const Piece &piece) {
  uint64_t place = places.back();
  places.pop_back();
  sizes[place] = piece.size;
  return reader->submit({place, piece.offset, piece.size,
                         static_cast<char *>(memory) + place * pieceBytes});
}

Status FileReads::drain(size_t most) {
  constexpr int seconds = 30;
  std::array<ReadResult, 16> results;
  Clock::time_point last = Clock::now();
  while (sizes.size() - places.size() > most) {
    size_t count = reader->wait(results, seconds * 1000);
    if (count == 0 && secondsSince(last) < seconds)
      continue; // a signal
    if (count == 0)
      return makeStatus(MOERT_IO_ERROR, origin, ": no byte in ", seconds,
                        " seconds");
    last = Clock::now();
    for (const ReadResult &result : std::span(results).first(count)) {
      if (result.bytes < 0)
        return makeStatus(MOERT_IO_ERROR, origin,
                          ": cannot read: ", errnoText(int(-result.bytes)));
      // The last page of a file comes short.
      if (uint64_t(result.bytes) + page <= sizes[result.id])
        return makeStatus(MOERT_DATA_LOSS, origin, ": read ", result.bytes,
                          " bytes of ", sizes[result.id]);
      bytesRead += uint64_t(result.bytes);
      places.push_back(result.id);
    }
  }
  return Status();
}

Status FileReads::measureBandwidth(double *out) {
  const Clock::time_point start = Clock::now();
  bytesRead = 0;
  // Small modules are read several times, so that the start does not count.
  do {
    for (const Piece &piece : pieces) {
      MOERT_RETURN_IF_ERROR(drain(sizes.size() - 1));
      MOERT_RETURN_IF_ERROR(submit(piece));
      if (bytesRead >= enoughBytes || secondsSince(start) >= enoughSeconds)
        break;
    }
  } while (bytesRead < enoughBytes && secondsSince(start) < enoughSeconds / 4);
  MOERT_RETURN_IF_ERROR(drain(0));
  *out = double(bytesRead) / secondsSince(start);
  return Status();
}

Status FileReads::measureLatency(double *out) {
  std::vector<double> seconds;
  for (int i = 0; i < smallReads; ++i) {
    const Piece &expert = experts[size_t(i) % experts.size()];
    const Clock::time_point start = Clock::now();
    MOERT_RETURN_IF_ERROR(submit({expert.offset, page}));
    MOERT_RETURN_IF_ERROR(drain(0));
    seconds.push_back(secondsSince(start));
  }
  std::nth_element(seconds.begin(), seconds.begin() + smallReads / 2,
                   seconds.end());
  *out = seconds[smallReads / 2];
  return Status();
}

moert_status_t moert_measure_file_reads(const char *path, double *outBandwidth,
                                        double *outLatency) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_measure_file_reads", {{"path", path},
                                                {"out_bandwidth", outBandwidth},
                                                {"out_latency", outLatency}}));
    std::unique_ptr<FileReads> reads;
    MOERT_RETURN_IF_ERROR(FileReads::create(path, &reads));
    MOERT_RETURN_IF_ERROR(reads->measureLatency(outLatency));
    return reads->measureBandwidth(outBandwidth);
  });
}

moert_status_t moert_measure_memory(uint64_t *outAvailable,
                                    uint64_t *outGranted) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_measure_memory", {{"out_available", outAvailable},
                                            {"out_granted", outGranted}}));
    *outAvailable = availableHostMemory();
    *outGranted = grantedHostMemory();
    return Status();
  });
}
