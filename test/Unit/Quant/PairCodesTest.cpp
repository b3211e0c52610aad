//===- PairCodesTest.cpp - every code of the schemes of pairs -------------===//
#include "QuantTesting.h"

using namespace moe;

namespace {

/// One row that decodes to all codes in turn, with scale 1 and the zero `zero`.
class PairCodesTest : public QuantTest {
protected:
  /// What each code decodes to: the pairs of one row.
  std::vector<std::pair<float, float>> decodeAll(CodeAttr code, int64_t zero) {
    TileScales scales = getScales(code, zero);
    std::vector<std::pair<float, float>> result;
    for (int64_t i = 0; i < 128; ++i) {
      auto [first, second] = getPairLevels(code, uint16_t(i << 9));
      float shift = float(code.getOffset() + zero);
      result.push_back({float(first) - shift, float(second) - shift});
    }
    return result;
  }

  TileScales getScales(CodeAttr code, int64_t zero) {
    TileScales scales(code, 256);
    for (int64_t group = 0; group < scales.groups; ++group) {
      scales.setScale(0, group, 1);
      if (code.getZeros())
        scales.setZero(0, group, zero);
    }
    return scales;
  }

  /// The codes that the scheme gives to what all codes decode to.
  std::vector<uint8_t> encodeAll(const QuantScheme &scheme, int64_t zero) {
    CodeAttr code = scheme.getCode(&context);
    std::vector<float> weights;
    for (auto [first, second] : decodeAll(code, zero)) {
      weights.push_back(first);
      weights.push_back(second);
    }
    TileScales scales = getScales(code, zero);
    std::unique_ptr<RowEncoder> encoder =
        scheme.createRowEncoder(code, Effort::Normal);
    std::vector<uint8_t> codes(128);
    encoder->begin(scales, 0);
    encoder->encode(0, weights, 256, codes);
    return codes;
  }

  void expectRoundTrip(llvm::StringRef name, int64_t codes) {
    std::unique_ptr<QuantScheme> scheme = createScheme(name);
    for (int64_t zero : {0, 64, 255}) {
      std::vector<uint8_t> back = encodeAll(*scheme, zero);
      for (int64_t i = 0; i < codes; ++i)
        EXPECT_EQ(back[i], i);
    }
  }
};

TEST_F(PairCodesTest, NibblesAreTwosComplement) {
  CodeAttr code = createScheme("q35-4x3")->getCode(&context);
  const auto decoded = decodeAll(code, 0);
  // Steps of the second weight are twice as wide, about the same middle.
  const float step = (decoded[1 << 3].first - decoded[0].first);
  const float middle = (decoded[7 << 3].first + decoded[8 << 3].first) / 2;
  for (int raw = 0; raw < 128; ++raw) {
    int first = raw >> 3, second = raw & 7;
    first -= first >= 8 ? 16 : 0;
    second -= second >= 4 ? 8 : 0;
    EXPECT_EQ(decoded[raw].first, middle + step * (float(first) + 0.5f));
    EXPECT_EQ(decoded[raw].second, middle + 2 * step * (float(second) + 0.5f));
  }
  // 56 bytes for 128 weights.
  EXPECT_EQ(code.getCodeBytes(16, 128), 16u * 56);
  expectRoundTrip("q35-4x3", 128);
}

TEST_F(PairCodesTest, RadixIsDivisionAndRemainder) {
  CodeAttr code = createScheme("q35-radix11")->getCode(&context);
  const auto decoded = decodeAll(code, 0);
  const float step = decoded[1].second;
  for (int raw = 0; raw < 121; ++raw) {
    EXPECT_EQ(decoded[raw].first, step * float(raw / 11));
    EXPECT_EQ(decoded[raw].second, step * float(raw % 11));
  }
  expectRoundTrip("q35-radix11", 121);
}

TEST_F(PairCodesTest, PointsOfThePlaneEncodeToThemselves) {
  std::unique_ptr<QuantScheme> scheme = createScheme("q35-vq");
  std::vector<uint8_t> back = encodeAll(*scheme, 0);
  for (int i = 0; i < 128; ++i)
    EXPECT_EQ(back[i], i);
}

TEST_F(PairCodesTest, TheNearestOfAllPairsIsFound) {
  for (const char *name : {"q35-4x3", "q35-radix11", "q35-vq"}) {
    std::unique_ptr<QuantScheme> scheme = createScheme(name);
    CodeAttr code = scheme->getCode(&context);
    const int64_t zero = code.getZeros() ? 60 : 0;
    const auto decoded = decodeAll(code, zero);
    TileScales scales = getScales(code, zero);
    std::unique_ptr<RowEncoder> encoder =
        scheme->createRowEncoder(code, Effort::Normal);
    // Some lie beyond all levels.
    Matrix weights = makeNormal(40, 256, 70);
    for (int64_t row = 0; row < weights.rows; ++row) {
      std::vector<uint8_t> codes(128);
      encoder->begin(scales, 0);
      encoder->encode(0, weights.getRow(row), 256, codes);
      for (int64_t pair = 0; pair < 128; ++pair) {
        auto getDistance = [&](int i) {
          double x = weights.at(row, 2 * pair) - decoded[i].first;
          double y = weights.at(row, 2 * pair + 1) - decoded[i].second;
          return x * x + y * y;
        };
        double least = INFINITY;
        for (int i = 0; i < 128; ++i)
          least = std::min(least, getDistance(i));
        ASSERT_NEAR(getDistance(codes[pair]), least, 1e-3 * least) << name;
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Zeros
//===----------------------------------------------------------------------===//

/// scale, zero, sum of activation * level, sum of activations -> product.
using Formula = double (*)(double, double, double, double);

double getOurs(double scale, double zero, double products, double inputs) {
  return scale * (products - zero * inputs);
}

/// As the work that this format comes from computes it: the offset is added
/// once, whatever the activations are.
double getWrong(double scale, double zero, double products, double) {
  return (products - zero) * scale;
}

/// Whether the formula gives the products of the weights that were stored.
bool multipliesRight(const StoredMatrix &stored, CodeAttr code, int64_t columns,
                     Formula formula) {
  std::mt19937 engine(3);
  std::vector<int> inputs(columns);
  for (int &input : inputs)
    input = int(engine() % 255) - 127;
  std::vector<int16_t> levels(columns);
  std::vector<float> weights(columns);
  stored.decodeLevels(0, levels);
  stored.decodeRow(0, weights);
  double expected = 0, result = 0;
  for (int64_t k = 0; k < columns; ++k)
    expected += double(weights[k]) * inputs[k];
  for (int64_t start = 0; start < columns; start += code.getColumns()) {
    double zero = double(code.getOffset() + stored.getZero(0, start));
    double products = 0, sum = 0;
    for (int64_t k = start; k < start + code.getColumns(); ++k) {
      products += (levels[k] + zero) * inputs[k];
      sum += inputs[k];
    }
    result += formula(stored.getScale(0, start), zero, products, sum);
  }
  return std::fabs(result - expected) <= 1e-6 * std::fabs(expected);
}

TEST_F(PairCodesTest, ZerosMultiplyTheSumOfTheInputs) {
  for (const char *name : {"q35-4x3", "q35-radix11", "q4", "q5"}) {
    std::unique_ptr<QuantScheme> scheme = createScheme(name);
    CodeAttr code = scheme->getCode(&context);
    Encoded encoded = encode(*scheme, makeNormal(1, 512, 1));
    StoredMatrix stored(code, 1, 512, encoded.bytes);
    EXPECT_TRUE(multipliesRight(stored, code, 512, getOurs)) << name;
    EXPECT_FALSE(multipliesRight(stored, code, 512, getWrong)) << name;
  }
}

} // namespace
