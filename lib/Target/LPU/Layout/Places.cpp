//===- Places.cpp - which rows of which slices are free -------------------===//
#include "Layout/Places.h"

using namespace moe::lpu;

int64_t Places::firstFree(int64_t chip, int side,
                          llvm::ArrayRef<int64_t> slices, int64_t bank) const {
  int64_t first = 0;
  for (int64_t slice : slices)
    first = std::max(first, used[at(chip, side, slice, bank)]);
  return first;
}

int64_t Places::findRow(int64_t chip, int side, llvm::ArrayRef<int64_t> slices,
                        int64_t count, int64_t bank) const {
  int64_t rows = machine->mem.rows, banks = machine->mem.banks;
  for (int64_t i = 0; i < banks; ++i) {
    int64_t each = (bank + i) % banks;
    int64_t first = firstFree(chip, side, slices, each);
    if (first + count <= rows)
      return each * rows + first;
  }
  // What is longer than a bank goes on in the next one, which must be empty.
  for (int64_t each = 0; each < banks; ++each) {
    int64_t first = firstFree(chip, side, slices, each);
    int64_t end = each * rows + first + count;
    bool isFree = end <= banks * rows;
    for (int64_t next = each + 1; isFree && next * rows < end; ++next)
      isFree = firstFree(chip, side, slices, next) == 0;
    if (isFree)
      return each * rows + first;
  }
  return -1;
}

int64_t Places::endOf(int64_t chip, int side, int64_t slice) const {
  for (int64_t bank = machine->mem.banks; bank-- > 0;)
    if (int64_t end = used[at(chip, side, slice, bank)])
      return bank * machine->mem.rows + end;
  return 0;
}

void Places::take(int64_t chip, int side, llvm::ArrayRef<int64_t> slices,
                  int64_t row, int64_t count) {
  int64_t rows = machine->mem.rows;
  for (int64_t bank = row / rows; bank * rows < row + count; ++bank)
    for (int64_t slice : slices) {
      int64_t &end = used[at(chip, side, slice, bank)];
      end = std::max(end, std::min(rows, row + count - bank * rows));
    }
}
