//===- LayoutTest.cpp - bytes mean what the description says --------------===//
//
// The layout is written a second time here, bit by bit, from the description of
// moe.code.
//===----------------------------------------------------------------------===//
#include "Pack.h"
#include "QuantTesting.h"

using namespace moe;

namespace {

class LayoutTest : public QuantTest {
protected:
  CodeAttr getPlanes(int64_t bits) {
    return CodeAttr::get(&context, "planes", CodeLayout::Planes, bits,
                         /*columns=*/64, 1, /*offset=*/3, /*zeros=*/true, false,
                         {}, {});
  }

  CodeAttr getPairs(llvm::ArrayRef<int64_t> window, int64_t levels) {
    std::vector<int64_t> numbers;
    for (int64_t i = 0; i < levels; ++i)
      numbers.push_back(i * 37 % 256);
    return CodeAttr::get(&context, "pairs", CodeLayout::Pairs, 7, 0, 1, 128,
                         false, false, window, numbers);
  }

  std::vector<char> getRandomBytes(size_t count) {
    std::mt19937 engine(5);
    std::vector<char> bytes(count);
    for (char &byte : bytes)
      byte = char(engine());
    return bytes;
  }
};

constexpr int64_t rows = 35, columns = 190;

int getBit(const std::vector<char> &bytes, int64_t byte, int64_t bit) {
  return (uint8_t(bytes[byte]) >> bit) & 1;
}

TEST_F(LayoutTest, PlanesOfEveryWidth) {
  const std::vector<int64_t> planesOf[] = {
      {}, {1}, {2}, {2, 1}, {4}, {4, 1}, {4, 2}, {4, 2, 1}, {8}};
  for (int64_t bits = 1; bits <= 8; ++bits) {
    CodeAttr code = getPlanes(bits);
    std::vector<char> bytes =
        getRandomBytes(code.getMatrixBytes(rows, columns));
    StoredMatrix stored(code, rows, columns, bytes);
    const uint64_t zeros =
        code.getCodeBytes(rows, columns) + code.getScaleBytes(rows, columns);
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<int16_t> levels(columns);
      stored.decodeLevels(row, levels);
      for (int64_t k = 0; k < columns; ++k) {
        int64_t plane = (row / 16 * 3 + k / 64) * 128 * bits;
        int64_t field = 0, shift = 0;
        for (int64_t p : planesOf[bits]) {
          int64_t vector = k % 64 / (32 / p), i = k % (32 / p) / 4, j = k % 4;
          int64_t byte = plane + vector * 64 + row % 16 * 4 + j;
          for (int64_t bit = 0; bit < p; ++bit)
            field |= int64_t(getBit(bytes, byte, i * p + bit)) << shift++;
          plane += 128 * p;
        }
        int64_t zero =
            uint8_t(bytes[zeros + (row / 16 * 3 + k / 64) * 16 + row % 16]);
        ASSERT_EQ(stored.getZero(row, k), zero);
        ASSERT_EQ(levels[k], field - 3 - zero)
            << bits << " bits, row " << row << ", column " << k;
      }
    }
  }
}

TEST_F(LayoutTest, PairsWithAndWithoutWindow) {
  const std::vector<int64_t> windows[] = {{}, {}, {-67, 31}};
  const int64_t levelCounts[] = {128, 256, 128};
  for (int kind = 0; kind < 3; ++kind) {
    CodeAttr code = getPairs(windows[kind], levelCounts[kind]);
    std::vector<char> bytes =
        getRandomBytes(code.getMatrixBytes(rows, columns));
    StoredMatrix stored(code, rows, columns, bytes);
    // Bit `bit` of the stream of lane 2 * row + half; zeros before it.
    auto getStreamBit = [&](int64_t row, int64_t half, int64_t bit) {
      if (bit < 0)
        return 0;
      int64_t word = bit / 16, step = word / 7;
      int64_t byte = (row / 16 * 3 + step) * 16 * 28 + word % 7 * 64 +
                     2 * (row % 16 * 2 + half) + bit % 16 / 8;
      return getBit(bytes, byte, bit % 8);
    };
    auto getWindow = [&](int64_t row, int64_t half, int64_t end) {
      int64_t state = 0;
      for (int64_t i = 0; i < 16; ++i)
        state |= int64_t(getStreamBit(row, half, end - 16 + i)) << i;
      return state;
    };
    llvm::ArrayRef<int64_t> levels = code.getLevels();
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<int16_t> decoded(columns);
      stored.decodeLevels(row, decoded);
      for (int64_t pair = 0; pair < columns / 2; ++pair) {
        int64_t state = getWindow(row, pair % 2, 7 * (pair / 2) + 7);
        int64_t first = levels[state >> 9];
        int64_t second = levels[levels.size() - 128 + (state >> 9)];
        if (code.isTrellis()) {
          int64_t hash =
              (state - 67 * (state & 255) + 31 * (state >> 8)) & 65535;
          first = levels[hash & 127];
          second = levels[hash >> 8 & 127];
        }
        ASSERT_EQ(decoded[2 * pair], first - 128) << "pair " << pair;
        ASSERT_EQ(decoded[2 * pair + 1], second - 128) << "pair " << pair;
      }
    }
  }
}

TEST_F(LayoutTest, ScalesOfGroupsAndOfSeveralRows) {
  CodeAttr groups = getPlanes(4);
  std::vector<char> bytes =
      getRandomBytes(groups.getMatrixBytes(rows, columns));
  // f16 1.5 for the second group of row 18, 2^-24 for the third.
  uint64_t scales = groups.getCodeBytes(rows, columns);
  auto set = [&](std::vector<char> &to, uint64_t index, uint16_t bits) {
    to[scales + 2 * index] = char(bits);
    to[scales + 2 * index + 1] = char(bits >> 8);
  };
  set(bytes, (1 * 3 + 1) * 16 + 2, 0x3e00);
  set(bytes, (1 * 3 + 2) * 16 + 2, 0x0001);
  StoredMatrix stored(groups, rows, columns, bytes);
  EXPECT_EQ(stored.getScale(18, 64), 1.5f);
  EXPECT_EQ(stored.getScale(18, 127), 1.5f);
  EXPECT_EQ(stored.getScale(18, 128), 0x1p-24f);

  // At least 700 weights of 190 columns: 4 rows.
  CodeAttr shared = CodeAttr::get(&context, "shared", CodeLayout::Planes, 2, 0,
                                  700, 0, false, false, {}, {});
  ASSERT_EQ(shared.getScaleRows(columns), 4);
  std::vector<char> other =
      getRandomBytes(shared.getMatrixBytes(rows, columns));
  scales = shared.getCodeBytes(rows, columns);
  set(other, 1 * 4 + 2, 0x3e00);
  StoredMatrix together(shared, rows, columns, other);
  for (int64_t row = 24; row < 28; ++row)
    EXPECT_EQ(together.getScale(row, 189), 1.5f);
}

TEST_F(LayoutTest, PackingIsUndoneByUnpacking) {
  for (int64_t bits = 1; bits <= 9; ++bits) {
    CodeAttr code = bits <= 8 ? getPlanes(bits) : getPairs({}, 128);
    const int64_t width = bits <= 8 ? bits : 7;
    for (int64_t count : {1, 2, 31, 64, 65, 190}) {
      int64_t weights = getCodeWeights(code);
      int64_t steps = llvm::divideCeil(count * weights, 64);
      std::vector<char> tile(steps * code.getStepBytes());
      std::vector<std::vector<uint8_t>> codes(16);
      for (int64_t row = 0; row < 16; ++row) {
        for (int64_t i = 0; i < count; ++i)
          codes[row].push_back((row * 71 + i * 29) & ((1 << width) - 1));
        packRow(code, row, codes[row], tile);
      }
      for (int64_t row = 0; row < 16; ++row) {
        std::vector<uint8_t> back(count);
        unpackRow(code, row, tile, back);
        ASSERT_EQ(back, codes[row]) << bits << " bits, " << count << " codes";
      }
    }
  }
}

} // namespace
