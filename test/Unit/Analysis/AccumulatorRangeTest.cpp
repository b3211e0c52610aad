//===- AccumulatorRangeTest.cpp - bounds against sums that reach them -----===//
#include "moe/Analysis/AccumulatorRange.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace moe;

namespace {

class AccumulatorRangeTest : public testing::Test {
protected:
  AccumulatorRangeTest() { context.loadDialect<MoeDialect>(); }

  CodeAttr getPlanes(int64_t bits, int64_t columns, int64_t offset, bool zeros,
                     llvm::ArrayRef<int64_t> levels = {}) {
    return CodeAttr::get(&context, "test", CodeLayout::Planes, bits, columns,
                         /*weights=*/1, offset, zeros, /*rotated=*/false,
                         /*window=*/{}, levels);
  }

  mlir::MLIRContext context;
};

/// The largest of the three sums over all levels, zeros and signs.
uint64_t getLargestSum(CodeAttr code, int64_t columns) {
  int64_t largest = 0;
  int64_t fields = int64_t(1) << code.getBits();
  for (int64_t field = 0; field < fields; ++field)
    for (int64_t zero = 0; zero <= (code.getZeros() ? 255 : 0); ++zero) {
      int64_t level =
          code.getLevels().empty() ? field : code.getLevels()[field];
      int64_t shift = code.getOffset() + zero;
      for (int64_t factor : {level, level - shift, shift})
        largest = std::max(largest, std::abs(-128 * factor * columns));
    }
  return largest;
}

TEST_F(AccumulatorRangeTest, IsReachedAndNotPassed) {
  for (CodeAttr code :
       {getPlanes(8, 0, 128, false), getPlanes(4, 64, 0, true),
        getPlanes(3, 64, 200, false), getPlanes(5, 128, 9, true),
        getPlanes(2, 0, 128, false, {1, 90, 166, 255})}) {
    AccumulatorRange range(code, 64);
    EXPECT_EQ(range.columns, 64u);
    EXPECT_EQ(range.getReach(), getLargestSum(code, 64));
  }
}

TEST_F(AccumulatorRangeTest, CountsTheColumnsOfAScale) {
  EXPECT_EQ(AccumulatorRange(getPlanes(4, 128, 0, true), 4096).columns, 128u);
  EXPECT_EQ(AccumulatorRange(getPlanes(4, 128, 0, true), 100).columns, 100u);
  EXPECT_EQ(AccumulatorRange(getPlanes(4, 0, 0, false), 4096).columns, 4096u);
}

TEST_F(AccumulatorRangeTest, BitsAreTheFewestThatHold) {
  // 128 * 1 * 1 and 128 * 255 * 65793.
  EXPECT_EQ(AccumulatorRange(getPlanes(1, 0, 0, false), 1).getBits(), 9);
  EXPECT_EQ(AccumulatorRange(getPlanes(8, 0, 0, false), 65793).getBits(), 32);
  EXPECT_TRUE(AccumulatorRange(getPlanes(8, 0, 0, false), 65793).fitsInt32());
  EXPECT_FALSE(AccumulatorRange(getPlanes(8, 0, 0, false), 65794).fitsInt32());
}

TEST_F(AccumulatorRangeTest, FloatHoldsIntegersTo24Bits) {
  // 128 * 128 * 1024 = 2^24.
  CodeAttr code = getPlanes(8, 0, 128, false);
  EXPECT_TRUE(AccumulatorRange(code, 1024).isExactInFloat());
  EXPECT_FALSE(AccumulatorRange(code, 1025).isExactInFloat());
}

TEST_F(AccumulatorRangeTest, PairsOfProductsFitInt16UpToLevel127) {
  EXPECT_TRUE(AccumulatorRange(getPlanes(1, 0, 0, false, {0, 127}), 64)
                  .fitsInt16Pairs());
  EXPECT_FALSE(AccumulatorRange(getPlanes(1, 0, 0, false, {0, 128}), 64)
                   .fitsInt16Pairs());
}

TEST_F(AccumulatorRangeTest, HugeRowsDoNotWrap) {
  AccumulatorRange range(getPlanes(8, 0, 128, false), int64_t(1) << 60);
  EXPECT_FALSE(range.fitsInt32());
  EXPECT_EQ(range.getReach(), UINT64_MAX);
}

} // namespace
