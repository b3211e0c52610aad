//===- Places.h - which rows of which slices are free -----------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_LAYOUT_PLACES_H
#define MOE_LIB_TARGET_LPU_LAYOUT_PLACES_H

#include "IR/Lpu.h"
#include "IR/Machines.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace moe::lpu {

/// Rows of the slices of all chips. Each bank of a slice fills from its first row.
class Places {
public:
  Places(const Machine &machine, int64_t chips)
      : machine(&machine),
        used(chips * 2 * machine.mem.slices * machine.mem.banks) {}

  /// The first row from which `count` are free in all of these slices, those of
  /// `bank` first; -1: there are none. A buffer that no bank holds may lie in more.
  int64_t findRow(int64_t chip, int side, llvm::ArrayRef<int64_t> slices,
                  int64_t count, int64_t bank) const;
  /// The row after which a slice is free to its end.
  int64_t endOf(int64_t chip, int side, int64_t slice) const;
  void take(int64_t chip, int side, llvm::ArrayRef<int64_t> slices,
            int64_t row, int64_t count);

private:
  int64_t at(int64_t chip, int side, int64_t slice, int64_t bank) const {
    return ((chip * 2 + side) * machine->mem.slices + slice) *
               machine->mem.banks +
           bank;
  }
  int64_t firstFree(int64_t chip, int side, llvm::ArrayRef<int64_t> slices,
                    int64_t bank) const;

  const Machine *machine;
  std::vector<int64_t> used; ///< rows, by bank of each slice
};
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LAYOUT_PLACES_H
