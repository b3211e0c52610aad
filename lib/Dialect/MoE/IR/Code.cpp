//===- Code.cpp - the geometry of stored matrices -------------------------===//
#include "moe/Dialect/MoE/IR/Verify.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;

/// Every part of a stored matrix starts on a cache line.
static uint64_t alignPart(uint64_t bytes) {
  constexpr uint64_t alignment = 64;
  return llvm::SaturatingAdd(bytes, alignment - 1) / alignment * alignment;
}

/// The product, or the largest number if it is larger.
static uint64_t multiply(std::initializer_list<int64_t> factors) {
  uint64_t product = 1;
  for (int64_t factor : factors)
    product = llvm::SaturatingMultiply<uint64_t>(product, factor);
  return product;
}

//===----------------------------------------------------------------------===//
// What a description demands
//===----------------------------------------------------------------------===//

using EmitError = function_ref<InFlightDiagnostic()>;

// code_c1
static LogicalResult verifyName(EmitError emitError, StringRef name) {
  auto isWord = [](char c) { return llvm::isAlnum(c) || c == '-'; };
  if (!name.empty() && llvm::all_of(name, isWord))
    return success();
  return emitError() << "the name of a code is '" << name
                     << "' when it should be letters, digits and dashes";
}

// code_c2
static LogicalResult verifyBits(EmitError emitError, CodeLayout layout,
                                int64_t bits) {
  if (layout == CodeLayout::Pairs && bits != 7)
    return emitError() << "pairs have " << bits
                       << " bits when they should have 7";
  if (bits < 1 || bits > 8)
    return emitError() << "planes have " << bits
                       << " bits when they should have 1 to 8";
  return success();
}

// code_c3
static LogicalResult verifyLevels(EmitError emitError, CodeLayout layout,
                                  int64_t bits, bool isTrellis,
                                  ArrayRef<int64_t> levels) {
  int64_t count = levels.size(), codes = int64_t(1) << bits;
  bool isPairs = layout == CodeLayout::Pairs;
  bool fits = count == codes || (!isPairs && count == 0) ||
              (isPairs && !isTrellis && count == 2 * codes);
  if (!fits)
    return emitError() << count << " levels are listed for " << codes
                       << " codes";
  for (int64_t level : levels)
    if (level < 0 || level > 255)
      return emitError() << "a level is " << level
                         << " when it should lie between 0 and 255";
  return success();
}

// code_c5
static LogicalResult verifyColumns(EmitError emitError, int64_t columns,
                                   bool zeros) {
  bool fits = columns >= 0 && columns % 32 == 0 &&
              (columns <= 64 || columns % CodeAttr::stepColumns == 0);
  if (!fits)
    return emitError() << "a scale has " << columns
                       << " columns when it should have 0, 32 or a multiple of "
                       << CodeAttr::stepColumns;
  if (zeros && columns == 0)
    return emitError() << "a zero has 0 columns when it should have 32 or more";
  return success();
}

// code_c7
static LogicalResult verifyWindow(EmitError emitError, CodeLayout layout,
                                  ArrayRef<int64_t> window) {
  if (window.empty())
    return success();
  if (layout != CodeLayout::Pairs)
    return emitError() << "planes have a window of " << window.size()
                       << " numbers when they should have 0";
  if (window.size() != 2)
    return emitError() << "a window has " << window.size()
                       << " numbers when it should have 2";
  int64_t least = 0, most = 0;
  for (int64_t factor : window) {
    if (factor < -128 || factor > 127)
      return emitError() << "a number of a window is " << factor
                         << " when it should lie between -128 and 127";
    (factor < 0 ? least : most) += 255 * factor;
  }
  if (least < INT16_MIN || most > INT16_MAX)
    return emitError() << "a window adds " << least << " to " << most
                       << " to a state when that should lie between "
                       << INT16_MIN << " and " << INT16_MAX;
  return success();
}

LogicalResult CodeAttr::verify(EmitError emitError, StringRef name,
                               CodeLayout layout, int64_t bits, int64_t columns,
                               int64_t weights, int64_t offset, bool zeros,
                               bool rotated, ArrayRef<int64_t> window,
                               ArrayRef<int64_t> levels) {
  if (failed(verifyName(emitError, name)) ||
      failed(verifyBits(emitError, layout, bits)) ||
      failed(verifyWindow(emitError, layout, window)) ||
      failed(verifyLevels(emitError, layout, bits, !window.empty(), levels)) ||
      failed(verifyColumns(emitError, columns, zeros)))
    return failure();
  // code_c4
  if (offset < 0 || offset > 255)
    return emitError() << "offset is " << offset
                       << " when it should lie between 0 and 255";
  // code_c6
  if (weights < 1)
    return emitError() << "a scale has " << weights
                       << " weights when it should have at least 1";
  return success();
}

//===----------------------------------------------------------------------===//
// Geometry
//===----------------------------------------------------------------------===//

int64_t CodeAttr::getStepBytes() const {
  int64_t bits = getLayout() == CodeLayout::Pairs ? 7 : 2 * getBits();
  return tileRows * stepColumns * bits / 16;
}

double CodeAttr::getCodeBits() const {
  return getLayout() == CodeLayout::Pairs ? 3.5 : double(getBits());
}

int64_t CodeAttr::getGroups(int64_t columns) const {
  return getColumns()
             ? llvm::divideCeil(getPaddedColumns(columns), getColumns())
             : 1;
}

int64_t CodeAttr::getScaleRows(int64_t columns) const {
  int64_t rows = 1;
  if (!getColumns())
    while (rows < tileRows && rows * columns < getWeights())
      rows *= 2;
  return rows;
}

int64_t CodeAttr::getRotation(int64_t columns) const {
  constexpr int64_t largest = 1024;
  if (!getRotated())
    return 0;
  int64_t block = int64_t(1) << llvm::countr_zero(uint64_t(columns));
  return block < 2 ? 0 : std::min(block, largest);
}

uint64_t CodeAttr::getCodeBytes(int64_t rows, int64_t columns) const {
  return multiply({getTiles(rows), getPaddedColumns(columns) / stepColumns,
                   getStepBytes()});
}

uint64_t CodeAttr::getScaleBytes(int64_t rows, int64_t columns) const {
  return alignPart(
      multiply({getTiles(rows), getGroups(columns),
                tileRows / getScaleRows(columns), sizeof(uint16_t)}));
}

uint64_t CodeAttr::getZeroBytes(int64_t rows, int64_t columns) const {
  if (!getZeros())
    return 0;
  return alignPart(multiply({getTiles(rows), getGroups(columns), tileRows}));
}

uint64_t CodeAttr::getMatrixBytes(int64_t rows, int64_t columns) const {
  return llvm::SaturatingAdd(getCodeBytes(rows, columns),
                             getScaleBytes(rows, columns),
                             getZeroBytes(rows, columns));
}
