//===- Races.h - accesses that nothing orders -------------------*- C++ -*-===//
//
// Two accesses of the same byte race when at least one writes, not both are
// atomic, and neither happens before the other. Within a block only barriers
// order, of the block or of a warp; nothing orders two blocks of one launch. So
// each thread has a clock, each knows up to which time of which other thread it
// is behind (a vector clock), and each byte remembers who touched it when.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_EMULATOR_RACES_H
#define MOERT_DRIVERS_EMULATOR_RACES_H

#include "Launch.h"
#include <memory>
#include <unordered_map>
#include <vector>

namespace moert::emulator {

class Races {
public:
  Races();
  Races(const Races &) = delete;
  Races &operator=(const Races &) = delete;
  ~Races();

  void beginLaunch(uint32_t newThreads);
  void beginBlock(int64_t newBlock);
  /// These lanes of a warp have met.
  void syncWarp(uint32_t warp, uint32_t lanes);
  /// All threads of these warps have met.
  void syncWarps(uint32_t warps);

  struct Conflict {
    uint32_t block, thread;
    bool hasWritten;
  };
  /// Remembers an access by `thread` of the block; true if it races with an
  /// earlier one.
  bool note(uintptr_t address, int64_t bytes, int32_t kind, uint32_t thread,
            bool isShared, Conflict *out);

private:
  /// Who and when: block, thread and its clock; 0 for nobody.
  using Mark = uint64_t;
  struct Cell;
  struct Page;

  Page &pageOf(uintptr_t address);
  static void refine(Page &page);
  bool noteCell(Cell &cell, int32_t kind, Mark self, bool isShared,
                Conflict *out) const;
  bool races(Mark mark, Mark self, bool isShared) const;
  uint32_t seen(uint32_t by, uint32_t thread) const;
  uint32_t *rowOf(uint32_t thread);
  void meet();

  uint32_t threads = 0;
  uint32_t block = 0;
  uint64_t launch = 0;
  uint64_t usedBytes = 0;
  std::vector<uint32_t> clocks; ///< of each thread, now
  /// Times that everybody is behind, since the last barrier of the whole block.
  std::vector<uint32_t> common;
  /// [threads][threads]: times beyond these that a thread is behind, if its row
  /// is of this epoch.
  std::vector<uint32_t> rows;
  std::vector<uint32_t> rowEpochs;
  uint32_t epoch = 1;
  std::vector<uint32_t> meeting,
      joined; ///< threads that meet; what all know then
  std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages;
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_RACES_H
