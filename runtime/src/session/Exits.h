//===- Exits.h - rows that leave early, in one forward ----------*- C++ -*-===//
#ifndef MOERT_SESSION_EXITS_H
#define MOERT_SESSION_EXITS_H

#include "base/Status.h"
#include "module_generated.h"
#include "moert/abi/module.h"
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace moert {

/// Where rows may leave, and when; no exits for a module that has none.
struct ExitPlan {
  explicit ExitPlan(const fb::Module &module);
  ExitPlan() = default;

  int64_t exits() const { return int64_t(layers.size()); }

  std::vector<int32_t> layers;    ///< that have run at each exit, ascending
  std::vector<double> thresholds; ///< of each exit
  int32_t allLayers = 0;          ///< of the model
  bool parks = false;             ///< rows that left may go on later
  /// Of weights that an entry reads in a check; besides, if it leaves; and then if
  /// its best word is not certain.
  uint64_t checkBytes = 0, leaveBytes = 0, unsureBytes = 0;
};

/// The rows of one forward, before it runs. What the spans show outlives it.
struct ExitBatch {
  std::span<const int32_t> sequences; ///< of each row, in [0, sequences)
  std::span<const int32_t> wanted;    ///< row of each entry
  /// Of each row the layers behind which it waits, 0 if it waits not; empty if
  /// none does.
  std::span<const int32_t> waiting;
  /// Of each row that waits the features with which it left.
  std::span<const std::span<const float>> features;
  /// As moert_batch_t::leave_after; empty: by score.
  std::span<const int32_t> leaveAfter;
  bool mayLeave = true;
  /// Least score at every exit; NaN: the plan's.
  double threshold = std::numeric_limits<double>::quiet_NaN();
  bool wholeDistributions = false; ///< as of moert_batch_t
  bool watches = false;            ///< numbers for who records are kept
};

/// Decides, as moe.enter, moe.exit, moe.resume and moe.park of the dialect say,
/// which rows of a forward run on, and keeps what became of them.
class ExitRows {
public:
  ExitRows(const ExitPlan &plan, int64_t sequences);
  ExitRows(const ExitRows &) = delete;
  ExitRows &operator=(const ExitRows &) = delete;

  void begin(const ExitBatch &batch);
  /// What the code gets as moert_abi_forward_t::exits.
  const moert_abi_exits_t *abi() const { return &functions; }
  /// What the code did that it must not.
  Status end(const std::string &origin) const;

  /// Layers that made an entry's logits; negative: it waits behind so many.
  int32_t layersOf(int64_t entry) const;
  bool runsAtEnd(int64_t row) const { return rows[size_t(row)].runs; }
  /// Layers that a row has run, in this forward or before.
  int32_t depthOf(int64_t row) const;
  /// Whether it waited, and went on.
  bool isResumed(int64_t row) const;
  /// With which it left; empty unless the code parks.
  std::span<const float> featuresOf(int64_t row) const;
  /// Of an entry at each exit; NaN where it did not ask.
  std::span<const float> scoresOf(int64_t entry) const;
  /// Numbers for who records, of each exit where it asked.
  const std::vector<std::vector<float>> &watchedOf(int64_t entry) const {
    return watched[size_t(entry)];
  }
  int64_t checks() const { return checked; } ///< scores that were computed
  /// Of weights that an entry read in checks, and for its logits if it left.
  uint64_t bytesOf(int64_t entry) const { return bytes[size_t(entry)]; }
  int64_t certainRows() const { return certainCount; }
  int64_t unsureRows() const { return unsureCount; }

private:
  struct Row {
    bool runs;
    int32_t depth; ///< layers behind which it waits or left; 0: neither
    int32_t entry; ///< that wants it; -1: none
  };
  /// What becomes of a sequence's rows: all that count left, one did
  /// not, or all wait.
  enum Fate : char { Waits, Leaves, Stays };
  static ExitRows &of(const moert_abi_exits_t *exits) {
    return *static_cast<ExitRows *>(exits->host);
  }
  int32_t waitsBehind(size_t row) const {
    return given.waiting.empty() ? 0 : given.waiting[row];
  }
  bool leaves(int32_t entry, size_t exit, float score) const;
  void enter(int32_t *running, int32_t *due, int32_t *asking, int64_t *counts);
  void resume(int64_t columns, float *features);
  void noteScores(size_t exit, const float *scores, int64_t numbers,
                  const float *const *watched);
  void decideSequences();
  bool goesOn(size_t row) const;
  std::string refusal(int64_t exit, int64_t numbers,
                      const float *const *shownNumbers) const;
  void leave(int64_t exit, const float *scores, int64_t numbers,
             const float *const *watched, int32_t *running, int32_t *gone,
             int32_t *due, int32_t *kept, int32_t *leaving, int64_t *counts);
  void park(int64_t columns, const float *features);
  void settle(int64_t count, const float *surplus, int32_t *certain,
              int32_t *unsure, int64_t *counts);

  const ExitPlan &plan;
  moert_abi_exits_t functions = {};
  ExitBatch given;
  std::vector<Row> rows;
  std::vector<int32_t> asks;      ///< entries that ask
  std::vector<int32_t> leftAfter; ///< of each entry, layers; 0: it has not left
  std::vector<int32_t> leftHere;  ///< entries that left at the last exit asked
  std::vector<Fate> fates;        ///< of each sequence, if its rows may park
  std::vector<float> scores;      ///< [entries][exits]
  std::vector<std::vector<std::vector<float>>> watched; ///< [entries][asked]
  std::vector<float> parked; ///< [rows][parkedColumns]
  int64_t parkedColumns = 0;
  std::vector<uint64_t> bytes; ///< of each entry
  int64_t checked = 0, certainCount = 0, unsureCount = 0;
  bool hasEntered = false;
  int64_t lastExit = -1; ///< that was asked
  std::string wrong;
};

} // namespace moert

#endif // MOERT_SESSION_EXITS_H
