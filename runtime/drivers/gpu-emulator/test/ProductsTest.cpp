//===- ProductsTest.cpp - matrix products of warps ------------------------===//
#include "EmulatorTesting.h"

#include <random>

using namespace moert;
using namespace moert::emulator;

namespace {

uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>(bits >> 16);
}
float fromBf16(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

/// One product: every lane hands over the registers that lie at its place.
struct Registers {
  uint32_t a[4], b[2], c[4], d[4];
};

void multiply(E e, void *const *p) {
  Registers &r = parameter<Registers *>(p, 0)[threadOf(e)];
  e->mma(e, parameter<int32_t>(p, 1), r.a, r.b, r.c, r.d, 0);
}

TEST_F(EmulatorTest, MultipliesBf16FragmentsAsPtxSays) {
  std::mt19937 random(1);
  // Integers, whose sums are exact in any order.
  std::uniform_int_distribution<int> small(-9, 9);
  float a[16][16], b[16][8], c[16][8];
  for (auto &row : a)
    for (float &x : row)
      x = float(small(random));
  for (auto &row : b)
    for (float &x : row)
      x = float(small(random));
  for (auto &row : c)
    for (float &x : row)
      x = float(small(random));
  Buffer<Registers> lanes(emulator, 32);
  for (int lane = 0; lane < 32; ++lane) {
    int group = lane >> 2, member = lane % 4;
    uint16_t as[8], bs[4];
    float cs[4];
    for (int i = 0; i < 8; ++i) {
      int row = i < 2 || (4 <= i && i < 6) ? group : group + 8;
      int column = i < 4 ? member * 2 + (i & 1) : member * 2 + (i & 1) + 8;
      as[i] = toBf16(a[row][column]);
    }
    for (int i = 0; i < 4; ++i) {
      int row = i < 2 ? member * 2 + (i & 1) : member * 2 + (i & 1) + 8;
      bs[i] = toBf16(b[row][group]);
      cs[i] = c[i < 2 ? group : group + 8][member * 2 + (i & 1)];
    }
    std::memcpy(lanes[lane].a, as, sizeof(as));
    std::memcpy(lanes[lane].b, bs, sizeof(bs));
    std::memcpy(lanes[lane].c, cs, sizeof(cs));
  }
  EXPECT_OK(run(multiply, 32, 0, 1, lanes.data(),
                int32_t(MOERT_EMULATOR_MMA_M16N8K16_BF16)));
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      int row = (lane >> 2) + (i < 2 ? 0 : 8);
      int column = lane % 4 * 2 + (i & 1);
      float sum = c[row][column], got;
      for (int k = 0; k < 16; ++k)
        sum += a[row][k] * b[k][column];
      std::memcpy(&got, &lanes[lane].d[i], 4);
      EXPECT_EQ(got, sum) << row << " " << column;
    }
}

class BytesTest : public EmulatorTest,
                  public testing::WithParamInterface<moert_emulator_mma_t> {};

TEST_P(BytesTest, MultipliesFragmentsAsPtxSays) {
  bool isSigned = GetParam() == MOERT_EMULATOR_MMA_M16N8K32_S8S8;
  std::mt19937 random(2);
  int8_t a[16][32];
  uint8_t b[32][8];
  uint32_t c[16][8];
  for (auto &row : a)
    for (int8_t &x : row)
      x = static_cast<int8_t>(random());
  for (auto &row : b)
    for (uint8_t &x : row)
      x = static_cast<uint8_t>(random());
  for (auto &row : c)
    for (uint32_t &x : row)
      x = random(); // so that some sums wrap
  Buffer<Registers> lanes(emulator, 32);
  for (int lane = 0; lane < 32; ++lane) {
    int group = lane >> 2, member = lane % 4;
    int8_t as[16];
    uint8_t bs[8];
    for (int i = 0; i < 16; ++i) {
      int row = i < 4 || (8 <= i && i < 12) ? group : group + 8;
      int column = member * 4 + (i & 3) + (i < 8 ? 0 : 16);
      as[i] = a[row][column];
    }
    for (int i = 0; i < 8; ++i)
      bs[i] = b[member * 4 + (i & 3) + (i < 4 ? 0 : 16)][group];
    std::memcpy(lanes[lane].a, as, sizeof(as));
    std::memcpy(lanes[lane].b, bs, sizeof(bs));
    for (int i = 0; i < 4; ++i)
      lanes[lane].c[i] = c[i < 2 ? group : group + 8][member * 2 + (i & 1)];
  }
  EXPECT_OK(run(multiply, 32, 0, 1, lanes.data(), int32_t(GetParam())));
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      int row = (lane >> 2) + (i < 2 ? 0 : 8);
      int column = lane % 4 * 2 + (i & 1);
      uint32_t sum = c[row][column];
      for (int k = 0; k < 32; ++k) {
        int right = isSigned ? int8_t(b[k][column]) : int(b[k][column]);
        sum += static_cast<uint32_t>(a[row][k] * right);
      }
      EXPECT_EQ(lanes[lane].d[i], sum) << row << " " << column;
    }
}

INSTANTIATE_TEST_SUITE_P(Signs, BytesTest,
                         testing::Values(MOERT_EMULATOR_MMA_M16N8K32_S8S8,
                                         MOERT_EMULATOR_MMA_M16N8K32_S8U8));

TEST_F(EmulatorTest, LoadsMatricesAsPtxSays) {
  for (int32_t count : {1, 2, 4})
    for (int32_t transposed : {0, 1}) {
      Buffer<uint32_t> out(emulator, 128);
      EXPECT_OK(run(
          [](E e, void *const *p) {
            auto *shared = static_cast<uint16_t *>(e->shared(e));
            uint32_t thread = threadOf(e);
            // Element (row, column) of matrix m is 100 m + 10 row + column.
            for (uint32_t i = thread; i < 256; i += 32)
              store(e, shared + i,
                    uint16_t(i / 64 * 100 + i / 8 % 8 * 10 + i % 8));
            e->sync_warp(e, all, 1);
            int32_t count = parameter<int32_t>(p, 1);
            // Rows that nobody asked for may be anywhere.
            bool counts = thread < uint32_t(count) * 8;
            e->load_matrix(e, count, parameter<int32_t>(p, 2),
                           counts ? shared + thread * 8 : nullptr,
                           parameter<uint32_t *>(p, 0) + thread * 4, 2);
          },
          32, 512, 1, out.data(), count, transposed));
      for (int lane = 0; lane < 32; ++lane)
        for (int m = 0; m < count; ++m)
          for (int half = 0; half < 2; ++half) {
            int row = lane / 4, column = lane % 4 * 2 + half;
            if (transposed)
              std::swap(row, column);
            EXPECT_EQ(out[lane * 4 + m] >> (16 * half) & 0xffff,
                      uint32_t(100 * m + 10 * row + column))
                << lane << " " << m;
          }
    }
}

/// C[64][32] = A[64][depth] B, of bf16, by four warps: a warp makes 16 rows. B
/// is [32][depth], or, transposed, [depth][32]. Slices of 16 columns of A and
/// rows of B arrive in the shared memory by copies, one slice ahead; rows have
/// 8 elements more than they need.
constexpr int tileRows = 64, tileColumns = 32, slice = 16;
constexpr int strideA = slice + 8, strideB = tileColumns + 8;

struct Slices {
  uint16_t a[2][tileRows * strideA];
  uint16_t b[2][tileColumns * strideA]; ///< or [slice * strideB]
};
static_assert(tileColumns * strideA >= slice * strideB);

void copySlice(E e, Slices &slices, const uint16_t *a, const uint16_t *b,
               int depth, int k, bool isTransposed) {
  int thread = int(threadOf(e)), stage = k % 2;
  // 64 rows of two pieces of 16 bytes.
  int row = thread / 2, part = thread % 2 * 8;
  e->copy_async(e, &slices.a[stage][row * strideA + part],
                a + row * depth + k * slice + part, 16, 16, 10);
  if (thread < 64) {
    if (isTransposed) {
      row = thread / 4;
      part = thread % 4 * 8;
      e->copy_async(e, &slices.b[stage][row * strideB + part],
                    b + (k * slice + row) * tileColumns + part, 16, 16, 11);
    } else if (row < tileColumns) {
      e->copy_async(e, &slices.b[stage][row * strideA + part],
                    b + row * depth + k * slice + part, 16, 16, 12);
    }
  }
  e->commit_copies(e);
}

void multiplyTiles(E e, void *const *p) {
  auto *a = parameter<const uint16_t *>(p, 0);
  auto *b = parameter<const uint16_t *>(p, 1);
  auto *out = parameter<float *>(p, 2);
  int depth = parameter<int32_t>(p, 3);
  bool isTransposed = parameter<int32_t>(p, 4);
  auto &slices = *static_cast<Slices *>(e->shared(e));
  int thread = int(threadOf(e)), lane = thread % 32, warp = thread / 32;
  float sums[4][4] = {};
  copySlice(e, slices, a, b, depth, 0, isTransposed);
  for (int k = 0; k < depth / slice; ++k) {
    if (k + 1 < depth / slice)
      copySlice(e, slices, a, b, depth, k + 1, isTransposed);
    else
      e->commit_copies(e);
    e->wait_copies(e, 1);
    e->barrier(e, 0, 0, 20);
    uint32_t left[4];
    e->load_matrix(
        e, 4, 0,
        &slices.a[k % 2][(warp * 16 + lane % 16) * strideA + lane / 16 * 8],
        left, 21);
    for (int n = 0; n < 4; ++n) {
      uint32_t right[2];
      const uint16_t *row =
          isTransposed
              ? &slices.b[k % 2][lane % 16 * strideB + n * 8]
              : &slices
                     .b[k % 2][(n * 8 + lane % 8) * strideA + lane / 8 % 2 * 8];
      e->load_matrix(e, 2, isTransposed, row, right, 22);
      auto *sum = reinterpret_cast<uint32_t *>(sums[n]);
      e->mma(e, MOERT_EMULATOR_MMA_M16N8K16_BF16, left, right, sum, sum, 23);
    }
    e->barrier(e, 0, 0, 24);
  }
  for (int n = 0; n < 4; ++n)
    for (int i = 0; i < 4; ++i)
      store(e,
            out + (warp * 16 + lane / 4 + i / 2 * 8) * tileColumns + n * 8 +
                lane % 4 * 2 + i % 2,
            sums[n][i], 25);
}

class TilesTest : public EmulatorTest,
                  public testing::WithParamInterface<bool> {};

TEST_P(TilesTest, MultiplyMatrices) {
  bool isTransposed = GetParam();
  constexpr int depth = 80;
  Emulator emulator(1, /*checksRaces=*/true);
  std::mt19937 random(3);
  std::uniform_real_distribution<float> number(-2, 2);
  Buffer<uint16_t> a(emulator, tileRows * depth),
      b(emulator, tileColumns * depth);
  Buffer<float> out(emulator, tileRows * tileColumns);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = toBf16(number(random));
  for (size_t i = 0; i < b.size(); ++i)
    b[i] = toBf16(number(random));
  EXPECT_OK(runOn(emulator, multiplyTiles, 128, sizeof(Slices), 1, a.data(),
                  b.data(), out.data(), int32_t(depth), int32_t(isTransposed)));
  for (int row = 0; row < tileRows; ++row)
    for (int column = 0; column < tileColumns; ++column) {
      float sum = 0;
      for (int k = 0; k < depth; ++k) {
        size_t at =
            isTransposed ? k * tileColumns + column : column * depth + k;
        sum += fromBf16(a[row * depth + k]) * fromBf16(b[at]);
      }
      // Products are exact and added by ascending k: the same bits.
      ASSERT_EQ(out[row * tileColumns + column], sum) << row << " " << column;
    }
}

INSTANTIATE_TEST_SUITE_P(Layouts, TilesTest, testing::Bool());

} // namespace
