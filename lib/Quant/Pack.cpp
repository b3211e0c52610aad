//===- Pack.cpp - where each bit of a code lies in its tile ---------------===//
#include "Pack.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"

using namespace moe;

/// A vector of every layout: 4 bytes, or 2 words of 16 bits, for each of 16
/// rows.
static constexpr int64_t vectorBytes = 64;

namespace {
/// Where a field's bits lie that are in one plane.
struct PlaneBits {
  int64_t bits;   ///< 1, 2, 4 or 8
  int64_t shift;  ///< of its lowest bit within the field
  int64_t offset; ///< of its first byte within a step
};
} // namespace

/// Calls visit(plane) for each plane of a code, in the order of its bytes.
template <typename Visit> static void forEachPlane(int64_t bits, Visit visit) {
  PlaneBits plane = {0, 0, 0};
  while (plane.shift < bits) {
    plane.bits = int64_t(1) << llvm::Log2_64(bits - plane.shift);
    visit(plane);
    plane.shift += plane.bits;
    plane.offset += 2 * plane.bits * vectorBytes;
  }
}

/// Calls visit(byte of the step, first bit in it, column of the step) for each
/// column of one row.
template <typename Visit>
static void forEachField(const PlaneBits &plane, int64_t row, Visit visit) {
  const int64_t columns = 32 / plane.bits; // of a row in one vector
  for (int64_t column = 0; column < CodeAttr::stepColumns; ++column) {
    int64_t rest = column % columns;
    int64_t byte =
        plane.offset + column / columns * vectorBytes + row * 4 + rest % 4;
    visit(byte, rest / 4 * plane.bits, column);
  }
}

static void packPlanes(CodeAttr code, int64_t row,
                       llvm::ArrayRef<uint8_t> codes,
                       llvm::MutableArrayRef<char> tile) {
  forEachPlane(code.getBits(), [&](const PlaneBits &plane) {
    const unsigned mask = (1u << plane.bits) - 1;
    char *step = tile.data();
    for (int64_t start = 0, e = codes.size(); start < e;
         start += CodeAttr::stepColumns, step += code.getStepBytes()) {
      int64_t count = std::min(CodeAttr::stepColumns, e - start);
      forEachField(plane, row, [&](int64_t byte, int64_t bit, int64_t column) {
        if (column < count)
          step[byte] |=
              char(((codes[start + column] >> plane.shift) & mask) << bit);
      });
    }
  });
}

static void unpackPlanes(CodeAttr code, int64_t row, llvm::ArrayRef<char> tile,
                         llvm::MutableArrayRef<uint8_t> codes) {
  std::fill(codes.begin(), codes.end(), 0);
  forEachPlane(code.getBits(), [&](const PlaneBits &plane) {
    const unsigned mask = (1u << plane.bits) - 1;
    const char *step = tile.data();
    for (int64_t start = 0, e = codes.size(); start < e;
         start += CodeAttr::stepColumns, step += code.getStepBytes()) {
      int64_t count = std::min(CodeAttr::stepColumns, e - start);
      forEachField(plane, row, [&](int64_t byte, int64_t bit, int64_t column) {
        if (column < count)
          codes[start + column] |=
              uint8_t(((uint8_t(step[byte]) >> bit) & mask) << plane.shift);
      });
    }
  });
}

//===----------------------------------------------------------------------===//
// Pairs: two lanes of a row take turns
//===----------------------------------------------------------------------===//

static constexpr int64_t pairBits = 7, wordBits = 16;

/// First byte of word `word` of a lane's stream.
static int64_t getWordByte(CodeAttr code, int64_t lane, int64_t word) {
  return word / pairBits * code.getStepBytes() + word % pairBits * vectorBytes +
         2 * lane;
}

static void packPairs(CodeAttr code, int64_t row, llvm::ArrayRef<uint8_t> codes,
                      llvm::MutableArrayRef<char> tile) {
  for (int64_t half = 0; half < 2; ++half) {
    uint32_t bits = 0;
    int64_t held = 0, word = 0;
    auto flush = [&] {
      char *out = tile.data() + getWordByte(code, 2 * row + half, word++);
      llvm::support::endian::write16le(out, uint16_t(bits));
      bits >>= wordBits;
      held -= wordBits;
    };
    for (int64_t i = half, e = codes.size(); i < e; i += 2) {
      bits |= uint32_t(codes[i]) << held;
      held += pairBits;
      if (held >= wordBits)
        flush();
    }
    if (held > 0)
      flush();
  }
}

static void unpackPairs(CodeAttr code, int64_t row, llvm::ArrayRef<char> tile,
                        llvm::MutableArrayRef<uint8_t> codes) {
  for (int64_t half = 0; half < 2; ++half) {
    uint32_t bits = 0;
    int64_t held = 0, word = 0;
    for (int64_t i = half, e = codes.size(); i < e; i += 2) {
      if (held < pairBits) {
        const char *in =
            tile.data() + getWordByte(code, 2 * row + half, word++);
        bits |= uint32_t(llvm::support::endian::read16le(in)) << held;
        held += wordBits;
      }
      codes[i] = bits & 127;
      bits >>= pairBits;
      held -= pairBits;
    }
  }
}

void moe::packRow(CodeAttr code, int64_t row, llvm::ArrayRef<uint8_t> codes,
                  llvm::MutableArrayRef<char> tile) {
  if (code.getLayout() == CodeLayout::Pairs)
    packPairs(code, row, codes, tile);
  else
    packPlanes(code, row, codes, tile);
}

void moe::unpackRow(CodeAttr code, int64_t row, llvm::ArrayRef<char> tile,
                    llvm::MutableArrayRef<uint8_t> codes) {
  if (code.getLayout() == CodeLayout::Pairs)
    unpackPairs(code, row, tile, codes);
  else
    unpackPlanes(code, row, tile, codes);
}
