//===- Loader.cpp - the thread of the expert store that reads -------------===//
//
// Experts are read in pieces, so that what turns out to be wanted waits for a
// piece of a guess at most, not for all of it.
//===----------------------------------------------------------------------===//
#include "base/File.h"
#include "container/Checksum.h"
#include "experts/StoreCore.h"

#include <algorithm>
#include <cerrno>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <climits>
#include <cmath>

using namespace moert;

/// Two keep a disk busy; two more hide that this thread comes late.
static constexpr int wantedDepth = 4;
static constexpr int guessDepth = 2;

uint64_t StoreCore::readSize(ExpertKey key) const {
  return (options.extents[key].size + 4095) / 4096 * 4096;
}

/// This thread runs for microseconds at a time, and each of them late leaves the
/// disk idle: while all processors compute, a thread with the usual slice waits
/// for milliseconds until one of them ends its own. Linux lets anybody ask for a
/// shorter one (6.12); elsewhere that is no error.
static void askForShortSlices() {
  if (::sched_getscheduler(0) != SCHED_OTHER)
    return; // somebody wants it otherwise
  // As Linux lays it out; its header cannot be included beside <sched.h>.
  struct {
    uint32_t size = 48, policy = 0; // the usual one
    uint64_t flags = 0;
    int32_t nice = ::getpriority(PRIO_PROCESS, 0);
    uint32_t priority = 0;
    uint64_t runtime = 100'000, deadline = 0, period = 0; // nanoseconds, the least
  } attributes;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void StoreCore::load() {
  askForShortSlices();
  std::array<ReadResult, mostPieces> results;
  std::unique_lock lock(mutex);
  for (;;) {
    ReadRequest request;
    while (nextRead(request)) {
      lock.unlock();
      Status status = options.reader->submit(request);
      lock.lock();
      if (status) {
        ExpertKey key = pieces[request.id].key;
        endPiece(request.id);
        fail(status.code(), key, status.message());
      }
    }
    if (isStopping && !piecesUnderWay)
      break;
    int milliseconds = waitMilliseconds();
    lock.unlock();
    size_t count = options.reader->wait(results, milliseconds);
    lock.lock();
    for (size_t i = 0; i < count; ++i)
      complete(results[i], lock);
    checkProgress();
  }
  hasEnded = true;
  ended.notify_all();
}

//===-- Submitting --------------------------------------------------------===//

bool StoreCore::nextRead(ReadRequest &request) {
  if (isStopping || hasFailed()) {
    dropRetries();
    return false;
  }
  if (!retries.empty()) { // they count as under way
    request = requestOf(retries.front());
    retries.pop_front();
    return true;
  }
  if (piecesUnderWay == depth)
    return false;
  if (!wantedReads.empty())
    return wantedUnderWay < wantedDepth && beginPiece(wantedReads, request);
  if (wantedUnderWay || piecesUnderWay >= guessDepth)
    return false;
  return (!guessReads.empty() || startGuess()) &&
         beginPiece(guessReads, request);
}

bool StoreCore::startGuess() {
  if (guesses.empty() || areGuessesBlocked)
    return false;
  ExpertKey key = guesses.front();
  if (!placeOne(key, true)) {
    areGuessesBlocked = true;
    return false;
  }
  guesses.pop_front();
  experts[key].isQueued = false;
  guessReads.push_back(key);
  return true;
}

bool StoreCore::beginPiece(std::deque<ExpertKey> &from, ReadRequest &request) {
  ExpertKey key = from.front();
  Expert &expert = experts[key];
  uint64_t size = std::min(options.pieceBytes, readSize(key) - expert.begun);
  size_t index = 0;
  while (pieces[index].key >= 0)
    ++index;
  pieces[index] = {key, expert.begun, size};
  if (expert.begun == 0)
    note(StoreEvent::ReadBegin, key, expert.isGuess);
  expert.begun += size;
  if (expert.begun == readSize(key))
    from.pop_front();
  ++expert.underWay;
  wantedUnderWay += !expert.isGuess;
  if (piecesUnderWay++ == 0)
    linkBegin = lastProgress = Clock::now();
  request = requestOf(index);
  return true;
}

ReadRequest StoreCore::requestOf(size_t index) const {
  const Piece &piece = pieces[index];
  return {index, options.extents[piece.key].offset + piece.offset, piece.size,
          memoryOf(experts[piece.key]) + piece.offset};
}

//===-- Completing --------------------------------------------------------===//

void StoreCore::endPiece(size_t index) {
  Expert &expert = experts[pieces[index].key];
  pieces[index].key = -1;
  --expert.underWay;
  wantedUnderWay -= !expert.isGuess;
  if (--piecesUnderWay == 0)
    counters.linkSeconds +=
        std::chrono::duration<double>(Clock::now() - linkBegin).count();
}

void StoreCore::dropRetries() {
  for (size_t index : retries)
    endPiece(index);
  retries.clear();
}

void StoreCore::complete(const ReadResult &result,
                         std::unique_lock<std::mutex> &lock) {
  if (result.id >= pieces.size() || pieces[result.id].key < 0)
    return;
  Piece &piece = pieces[result.id];
  ExpertKey key = piece.key;
  if (result.bytes == -EINTR || result.bytes == -EAGAIN)
    return retries.push_back(result.id);
  if (result.bytes < 0) {
    endPiece(result.id);
    return fail(MOERT_IO_ERROR, key,
                "cannot read its " +
                    std::to_string(options.extents[key].size) + " bytes at " +
                    std::to_string(options.extents[key].offset) + ": " +
                    errnoText(int(-result.bytes)));
  }
  lastProgress = Clock::now();
  counters.bytesRead += uint64_t(result.bytes);
  const ExpertExtent &extent = options.extents[key];
  // The last piece may reach beyond the expert, and the file may end there.
  uint64_t needed = std::min(piece.size, extent.size - piece.offset);
  if (uint64_t(result.bytes) < needed) {
    if (result.bytes > 0 && result.bytes % 4096 == 0) { // not at the end yet
      piece.offset += uint64_t(result.bytes);
      piece.size -= uint64_t(result.bytes);
      return retries.push_back(result.id);
    }
    uint64_t have = piece.offset + uint64_t(result.bytes);
    endPiece(result.id);
    return fail(MOERT_DATA_LOSS, key,
                "the file ends within it: has " + std::to_string(have) +
                    " of " + std::to_string(extent.size) + " bytes");
  }
  endPiece(result.id);
  arrive(key, lock);
}

/// After each piece: all of the expert may be there, or nobody may want the
/// rest.
void StoreCore::arrive(ExpertKey key, std::unique_lock<std::mutex> &lock) {
  Expert &expert = experts[key];
  bool isWhole = !expert.underWay && expert.begun == readSize(key);
  if (isWhole && !expert.isAbandoned) {
    if (!hasRightChecksum(key, lock))
      return;
    expert.place = Place::Resident;
    note(StoreEvent::ReadEnd, key, expert.isGuess);
    if (expert.isWanted)
      announce();
    areGuessesBlocked &= expert.isWanted;
  } else if (expert.isAbandoned && !expert.underWay) {
    leave(key);
  }
  if (!waiting.empty()) {
    placeWaiting();
    announce();
  }
}

/// Only once for each expert, on this thread, while the next pieces come.
bool StoreCore::hasRightChecksum(ExpertKey key,
                                 std::unique_lock<std::mutex> &lock) {
  Expert &expert = experts[key];
  if (!options.checkExtents || expert.wasChecked)
    return true;
  const ExpertExtent &extent = options.extents[key];
  std::span<const std::byte> bytes(
      reinterpret_cast<const std::byte *>(memoryOf(expert)), extent.size);
  // Whoever reads keeps its entry, so the bytes stay while nobody holds the
  // lock.
  ++checksUnderWay;
  lock.unlock();
  uint64_t found = checksum(bytes);
  lock.lock();
  --checksUnderWay;
  expert.wasChecked = true;
  if (found == extent.checksum)
    return true;
  fail(MOERT_DATA_LOSS, key,
       "is damaged: checksum " + hex(found) + ", must be " +
           hex(extent.checksum));
  return false;
}

//===-- Time --------------------------------------------------------------===//

int StoreCore::waitMilliseconds() const {
  if (!piecesUnderWay || hasFailed())
    return -1;
  std::chrono::duration<double> passed = Clock::now() - lastProgress;
  double left = std::ceil((options.readTimeout - passed.count()) * 1000);
  return int(std::clamp(left + 1, 1.0, double(INT_MAX)));
}

void StoreCore::checkProgress() {
  std::chrono::duration<double> passed = Clock::now() - lastProgress;
  if (!piecesUnderWay || hasFailed() || passed.count() < options.readTimeout)
    return;
  auto piece = std::find_if(pieces.begin(), pieces.end(),
                            [](const Piece &piece) { return piece.key >= 0; });
  std::ostringstream what;
  what << "no byte has come for " << options.readTimeout << " seconds; has "
       << piece->offset << " of " << options.extents[piece->key].size
       << " bytes";
  fail(MOERT_IO_ERROR, piece->key, what.str());
}

bool StoreCore::stop() {
  std::unique_lock lock(mutex);
  isStopping = needsWake = true;
  unlockAndWake(lock);
  lock.lock();
  auto isOver = [&] { return hasEnded; };
  if (!options.poolOwner) {
    ended.wait(lock, isOver);
    return true;
  }
  double seconds = std::min(options.readTimeout, 5.0);
  return ended.wait_for(lock, std::chrono::duration<double>(seconds), isOver);
}
