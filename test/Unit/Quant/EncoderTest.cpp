//===- EncoderTest.cpp - what the encoder does around a scheme ------------===//
#include "QuantTesting.h"
#include "moe/Quant/Rotation.h"

using namespace moe;

namespace {

class EncoderTest : public QuantTest {
protected:
  std::string getFailure(const QuantScheme &scheme, const Matrix &matrix) {
    return encode(scheme, matrix).failure;
  }
};

TEST_F(EncoderTest, RotatesBlocksOfRows) {
  const int64_t rows = 64, columns = 128;
  Matrix matrix = makeNormal(rows, columns, 1);
  std::unique_ptr<QuantScheme> scheme = createScheme("q8");
  CodeAttr code = scheme->getCode(&context);
  MatrixInput input;
  input.values = matrix.values;
  input.rows = rows;
  input.columns = columns;
  input.rowRotation = 32;
  input.columnRotation = 16;
  Encoded encoded;
  encoded.bytes.resize(code.getMatrixBytes(rows, columns));
  ASSERT_TRUE(bool(encodeMatrix(*scheme, code, input, {}, encoded.bytes)));
  Matrix decoded = decode(code, encoded, rows, columns);

  rotateColumns(matrix.values, rows, columns, 32);
  for (int64_t row = 0; row < rows; ++row) {
    rotateRow(llvm::MutableArrayRef<float>(&matrix.at(row, 0), columns), 16);
    for (int64_t k = 0; k < columns; ++k)
      ASSERT_NEAR(decoded.at(row, k), matrix.at(row, k), 0.03);
  }
}

TEST_F(EncoderTest, RefusesRotationsBeyondF32) {
  Matrix matrix = makeNormal(20, 256, 1);
  for (int64_t k = 0; k < matrix.columns; ++k)
    matrix.at(18, k) = 3e38f * getRotationSign(k);
  EXPECT_EQ(getFailure(*createScheme("q2"), matrix),
            "rows 16 to 19 go beyond the range of f32 when they are rotated");
}

TEST_F(EncoderTest, SaysWhichScaleIsTooLarge) {
  Matrix matrix = makeNormal(20, 256, 1);
  // 127 * 65504 is the largest weight of q8.
  matrix.at(17, 3) = 127 * 65504.0f;
  EXPECT_EQ(getFailure(*createScheme("q8"), matrix), "");
  matrix.at(17, 3) = 127 * 70000.0f;
  EXPECT_EQ(getFailure(*createScheme("q8"), matrix),
            "rows 16 to 19 need a scale of 70000 when f16 holds at most 65504");
}

TEST_F(EncoderTest, TheFirstFailureOfAllRowsIsReported) {
  Matrix matrix = makeNormal(200, 64, 1);
  for (int64_t row : {40, 100, 199})
    matrix.at(row, 0) = 127 * 70000.0f;
  EXPECT_EQ(
      encode(*createScheme("q8"), matrix, nullptr, Effort::Normal, 4).failure,
      "rows 32 to 47 need a scale of 70000 when f16 holds at most 65504");
}

/// Numbers in [-1, 1) that do not depend on a library.
std::vector<float> makeUniform(int64_t count) {
  std::vector<float> result(count);
  uint64_t state = 1;
  for (float &value : result) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = float(int32_t(state >> 32)) * 0x1p-31f;
  }
  return result;
}

TEST_F(EncoderTest, EveryProcessorWritesTheSameBytes) {
  // As builds for SSE2 alone and for AVX-512 wrote them. Who chooses better
  // codes on purpose puts the new sums here.
  const std::pair<const char *, uint64_t> sums[] = {
      {"q4", 2467046571301972591u},
      {"q35-radix11", 8646674345637602248u},
      {"q35-vq", 15461007807275598811u}};
  Matrix matrix = {40, 320, makeUniform(40 * 320)};
  InputRows inputs = {150, 320, makeUniform(150 * 320)};
  for (auto [name, expected] : sums) {
    uint64_t sum = 0;
    for (char byte : encode(*createScheme(name), matrix, &inputs).bytes)
      sum = sum * 31 + uint8_t(byte);
    EXPECT_EQ(sum, expected) << name;
  }
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

TEST_F(EncoderTest, ScalesAreRoundedUp) {
  CodeAttr code = createScheme("q8")->getCode(&context);
  TileScales scales(code, 64);
  // From below the smallest f16 up to the largest; exact ones stay.
  for (float scale : {0.0f, 0x1p-24f, 0x1p-14f, 1.5f, 65504.0f}) {
    scales.setScale(5, 0, scale);
    EXPECT_EQ(scales.getScale(5, 0), scale);
  }
  const std::pair<float, float> cases[] = {{1e-45f, 0x1p-24f},
                                           {0x1.1p-24f, 0x1p-23f},
                                           {0x1.ffffp-15f, 0x1p-14f},
                                           {1.0001f, 0x1.004p+0f},
                                           {0x1.ffdp+3f, 0x1p+4f}};
  for (auto [scale, rounded] : cases) {
    scales.setScale(5, 0, scale);
    EXPECT_EQ(scales.getScale(5, 0), rounded);
  }
  EXPECT_EQ(scales.overflow, 0);
  scales.setScale(5, 0, 65505);
  EXPECT_EQ(scales.overflow, 65505);
}

TEST_F(EncoderTest, RowsShareAScaleWhereTheyAreShort) {
  CodeAttr code = createScheme("q35-vq")->getCode(&context);
  EXPECT_EQ(TileScales(code, 1024).scales.size(), 16u);
  TileScales shared(code, 256);
  ASSERT_EQ(shared.scales.size(), 4u);
  shared.setScale(4, 0, 2);
  for (int64_t row = 0; row < 16; ++row)
    EXPECT_EQ(shared.getScale(row, 0), row / 4 == 1 ? 2 : 0);
}

TEST_F(EncoderTest, ImportantColumnsKeepMore) {
  // One column matters a thousand times more, and is larger than the others.
  Matrix matrix = makeNormal(1, 128, 1);
  matrix.at(0, 5) = 9;
  std::vector<float> importance(128, 1);
  std::unique_ptr<QuantScheme> scheme = createScheme("q4");
  CodeAttr code = scheme->getCode(&context);
  auto getError = [&](llvm::ArrayRef<float> given) {
    TileScales scales(code, 128);
    scheme->chooseScales({matrix.values, 1, 128, given}, scales);
    std::vector<uint8_t> codes(128);
    std::unique_ptr<RowEncoder> encoder =
        scheme->createRowEncoder(code, Effort::Normal);
    encoder->begin(scales, 0);
    encoder->encode(0, matrix.values, 128, codes);
    return std::fabs(9 - scales.getScale(0, 0) *
                             float(codes[5] - scales.getZero(0, 0)));
  };
  float before = getError({});
  importance[5] = 1000;
  EXPECT_LT(getError(importance), before / 4);
}

} // namespace
