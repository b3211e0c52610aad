//===- StoreCore.h - what computing and reading share -----------*- C++ -*-===//
//
// Two threads: the one that computes, one layer at a time, calls demand, take,
// prefetch and cancel; the other one reads (Loader.cpp). One mutex guards
// everything here; nobody holds it while a read is submitted, waited for or
// checked.
//
// An expert is
//
//   Absent    -> Waiting   a layer wants it, and no entry is free yet
//             -> Reading   it has an entry, and pieces of it come
//   Waiting   -> Reading
//   Reading   -> Resident  all pieces have come, and the checksum is right
//             -> Absent    a guess that was given up
//   Resident  -> Absent    it was evicted
//
// Entries are given out by the computing thread where an expert is wanted, so
// that without guesses the policy sees the same calls in every run; a guess
// gets one only when its first piece is about to be read. What has pieces under
// way keeps its entry until they have come.
//===----------------------------------------------------------------------===//
#ifndef MOERT_EXPERTS_STORECORE_H
#define MOERT_EXPERTS_STORECORE_H

#include "experts/ExpertStore.h"
#include "experts/PrefetchSwitch.h"
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace moert {

class StoreCore {
public:
  explicit StoreCore(ExpertStoreOptions options);

  // The computing thread.
  /// Whether it wants to hear guesses.
  bool beginForward(int64_t rows);
  Status endForward();
  void demand(int64_t layer, std::span<const int32_t> ids);
  int64_t take(int64_t layer, int32_t *experts);
  void prefetch(int64_t layer, std::span<const int32_t> ids,
                const float *confidence, float threshold);
  void cancel(int64_t layer);
  ExpertStoreStats stats();
  const char *readerName() const { return options.reader->name(); }

  // The reading thread.
  void load();

  /// Ends load(); false if a read does not end.
  bool stop();

private:
  using Clock = std::chrono::steady_clock;
  enum class Place : uint8_t { Absent, Waiting, Reading, Resident };

  struct Expert {
    Place place = Place::Absent;
    bool isWanted = false;    ///< by a layer that has not got it yet
    bool isPinned = false;    ///< the layer that got it computes
    bool isGuess = false;     ///< came, or comes, without having been wanted
    bool isExpected = false;  ///< guessed for a layer that has not come yet
    bool isQueued = false;    ///< among `guesses`
    bool isAbandoned = false; ///< becomes absent when its pieces have come
    bool isChecking = false;  ///< its checksum is being computed
    bool wasChecked = false;
    int32_t entry = -1;
    int32_t underWay = 0;  ///< pieces
    uint64_t begun = 0;    ///< bytes whose pieces were submitted
    int64_t guessedAt = 0; ///< forward of the guess
  };
  struct Layer {
    std::vector<ExpertKey> wanted; ///< and not handed out, ascending
    std::vector<ExpertKey> handed;
    int64_t entries = 0, share = 0;
  };
  struct Piece {
    ExpertKey key = -1; ///< -1: unused
    uint64_t offset, size; ///< in the expert
  };
  /// The most pieces under way, for any reader.
  static constexpr int mostPieces = 16;

  // Computing (StoreCore.cpp)
  int64_t indexOf(int64_t layer) const;
  bool mark(int64_t index, std::span<const int32_t> ids);
  void want(ExpertKey key);
  void promote(ExpertKey key);
  void enqueueGuesses(int64_t index, float threshold);
  void endGuesses(int64_t index);
  void forgetWanted(Layer &layer);
  void release(Layer &layer);
  int64_t handOut(Layer &layer, int64_t index, int32_t *experts);
  bool isStuck(const Layer &layer) const;
  void waitForArrival(std::unique_lock<std::mutex> &lock);

  // Entries (Entries.cpp)
  void placeWaiting();
  bool placeOne(ExpertKey key, bool isGuess);
  ExpertKey chooseVictim(ExpertKey forWhom, bool isGuess);
  void leave(ExpertKey key);
  void evict(ExpertKey key);
  void abandon(ExpertKey key);
  void giveUpReading();

  // Reading (Loader.cpp)
  bool nextRead(ReadRequest &request);
  bool beginPiece(std::deque<ExpertKey> &from, ReadRequest &request);
  bool startGuess();
  ReadRequest requestOf(size_t piece) const;
  void complete(const ReadResult &result, std::unique_lock<std::mutex> &lock);
  void arrive(ExpertKey key, std::unique_lock<std::mutex> &lock);
  bool hasRightChecksum(ExpertKey key, std::unique_lock<std::mutex> &lock);
  void endPiece(size_t piece);
  void dropRetries();
  void checkProgress();
  int waitMilliseconds() const;
  void announce();
  void unlockAndWake(std::unique_lock<std::mutex> &lock);

  void fail(moert_status_code_t code, const std::string &what);
  void fail(moert_status_code_t code, ExpertKey key, const std::string &what);
  void note(StoreEvent::Kind kind, ExpertKey key, bool isGuess);
  bool hasFailed() const { return failureCode != MOERT_OK; }
  Layer &layerOf(ExpertKey key) { return layers[key / options.experts]; }
  char *memoryOf(const Expert &expert) const;
  uint64_t readSize(ExpertKey key) const;

  ExpertStoreOptions options;
  std::vector<int64_t> indices; ///< by decoder layer; -1: none
  int depth;

  std::mutex mutex;
  std::condition_variable arrived;
  /// Grows whenever a thread in take() should look again.
  std::atomic<uint64_t> arrivals = 0;
  std::condition_variable ended;
  bool isStopping = false, hasEnded = false;
  bool needsWake = false; ///< there is something new to read

  std::vector<Expert> experts; ///< by key
  std::vector<Layer> layers;
  std::vector<int32_t> freeEntries;
  std::vector<ExpertKey> waiting;
  std::deque<ExpertKey> wantedReads, guessReads; ///< with pieces left to submit
  std::deque<ExpertKey> guesses; ///< not begun, best first
  bool areGuessesBlocked = false; ///< nobody may leave for them
  std::array<Piece, mostPieces> pieces;
  std::deque<size_t> retries; ///< pieces to be submitted again
  int piecesUnderWay = 0, wantedUnderWay = 0, checksUnderWay = 0;
  Clock::time_point linkBegin, lastProgress;

  PrefetchSwitch guessing;
  bool mayGuess = false;     ///< in this forward
  int64_t wantingLayers = 0; ///< of the forward under way
  bool hasGuesses = false;   ///< the module makes some
  bool guessesLinger = false; ///< some expert may be guessed or expected
  int64_t forward = 0;
  Clock::time_point forwardBegin;
  std::vector<float> confidences; ///< of one call, by expert

  ExpertStoreStats counters;
  moert_status_code_t failureCode = MOERT_OK;
  std::string failure;
};

} // namespace moert

#endif // MOERT_EXPERTS_STORECORE_H
