//===- AluTest.cpp - every operation of an ALU against plain arithmetic ---===//
#include "ProgramBuilder.h"
#include "Simulator/Units.h"
#include <bit>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr int64_t width = 320;
using Words = std::vector<uint32_t>;

uint32_t maskOf(unsigned type) {
  int planes = planesOf(type);
  return planes == 4 ? 0xffffffffu : (1u << 8 * planes) - 1;
}

/// Random lanes, among them the numbers at which something changes.
Words lanesOf(unsigned type, unsigned seed) {
  std::mt19937 random(seed);
  Words words(width);
  for (uint32_t &word : words)
    word = random() & maskOf(type);
  std::vector<uint32_t> special = {0,           1,          0x7f,
                                   0x80,        0xff,       0x7fff,
                                   0x8000,      0xffff,     0x7fffffff,
                                   0x80000000u, 0xffffffffu};
  for (float f : {0.5f, 1.5f, 2.5f, -0.5f, -2.5f, 127.5f, -128.5f, 3e9f, -3e9f,
                  65504.0f, 65520.0f, 1e-7f, 5.96e-8f, 1e30f, -1e-30f, 1e-40f})
    special.push_back(type == MOERT_LPU_F16 ? floatToHalf(f)
                                            : std::bit_cast<uint32_t>(f));
  special.push_back(type == MOERT_LPU_F16 ? 0x7c00 : 0x7f800000);
  special.push_back(type == MOERT_LPU_F16 ? 0xfc00 : 0xff800000);
  special.push_back(type == MOERT_LPU_F16 ? 0x7e01 : 0x7fc00001);
  std::shuffle(special.begin(), special.end(), random);
  for (size_t i = 0; i < special.size(); ++i)
    words[i * 7 % width] = special[i] & maskOf(type);
  // Floats of a common size in half of the lanes.
  if (type == MOERT_LPU_F32)
    for (int64_t l = 0; l < width; l += 2)
      words[size_t(l)] =
          std::bit_cast<uint32_t>((float(random()) - 2e9f) * 1e-8f);
  return words;
}

Words run(unsigned opcode, bool flag, unsigned type, unsigned result,
          const Words &a, const Words &b, AluOutcome *outcome = nullptr) {
  EXPECT_TRUE(aluSupports(opcode, flag, type, result));
  alignas(64) static uint32_t storage[3][paddedWidth(width)];
  std::copy(a.begin(), a.end(), storage[0]);
  std::copy(b.begin(), b.end(), storage[1]);
  AluOutcome got = aluCompute(opcode, flag, type, result, storage[0],
                              storage[1], width, storage[2]);
  if (outcome)
    *outcome = got;
  return Words(storage[2], storage[2] + width);
}

int64_t signedOf(uint32_t word, unsigned type) {
  if (type == MOERT_LPU_I8)
    return int8_t(word);
  return type == MOERT_LPU_I16 ? int16_t(word) : int64_t(int32_t(word));
}
int64_t leastOf(unsigned type) {
  return -(int64_t(1) << (8 * planesOf(type) - 1));
}
double numberOf(uint32_t word, unsigned type) {
  if (type == MOERT_LPU_F32)
    return std::bit_cast<float>(word);
  if (type == MOERT_LPU_F16)
    return halfToFloat(uint16_t(word));
  return double(signedOf(word, type));
}
/// f16 or f32 nearest to a double; `exact` must be one rounding away.
uint32_t bitsOf(double value, unsigned type) {
  if (type == MOERT_LPU_F32)
    return std::bit_cast<uint32_t>(float(value));
  return floatToHalf(float(value));
}
bool sameNumber(uint32_t a, uint32_t b, unsigned type) {
  double x = numberOf(a, type), y = numberOf(b, type);
  return a == b || (std::isnan(x) && std::isnan(y));
}

constexpr unsigned integers[] = {MOERT_LPU_I8, MOERT_LPU_I16, MOERT_LPU_I32};
constexpr unsigned floats[] = {MOERT_LPU_F16, MOERT_LPU_F32};

} // namespace

TEST(Alu, IntegerArithmeticWrapsOrSaturates) {
  std::pair<unsigned, std::function<int64_t(int64_t, int64_t)>> cases[] = {
      {MOERT_LPU_ADD, std::plus<int64_t>()},
      {MOERT_LPU_SUB, std::minus<int64_t>()},
      {MOERT_LPU_MUL, std::multiplies<int64_t>()}};
  for (unsigned type : integers)
    for (auto &[opcode, exact] : cases)
      for (bool saturates : {false, true}) {
        Words a = lanesOf(type, 1), b = lanesOf(type, 2);
        AluOutcome outcome;
        Words got = run(opcode, saturates, type, type, a, b, &outcome);
        const int64_t least = leastOf(type), most = -least - 1;
        for (size_t l = 0; l < width; ++l) {
          int64_t x = exact(signedOf(a[l], type), signedOf(b[l], type));
          if (saturates)
            x = std::clamp(x, least, most);
          ASSERT_EQ(got[l], uint32_t(x) & maskOf(type))
              << opcode << " " << type << " " << l;
        }
        EXPECT_EQ(outcome.overflow, type == MOERT_LPU_I32 && !saturates);
      }
}

TEST(Alu, FloatArithmeticIsRoundedOnce) {
  for (unsigned type : floats)
    for (unsigned opcode : {MOERT_LPU_ADD, MOERT_LPU_SUB, MOERT_LPU_MUL}) {
      Words a = lanesOf(type, 3), b = lanesOf(type, 4);
      Words got = run(opcode, false, type, type, a, b);
      for (size_t l = 0; l < width; ++l) {
        float x = float(numberOf(a[l], type)), y = float(numberOf(b[l], type));
        float exact = opcode == MOERT_LPU_ADD   ? x + y
                      : opcode == MOERT_LPU_SUB ? x - y
                                                : x * y;
        ASSERT_TRUE(sameNumber(got[l], bitsOf(exact, type), type))
            << opcode << " " << type << " " << l;
      }
    }
}

TEST(Alu, BitsOfAnyType) {
  for (unsigned type = 0; type < MOERT_LPU_TYPES; ++type) {
    Words a = lanesOf(type, 5), b = lanesOf(type, 6);
    const uint32_t mask = maskOf(type);
    Words conj = run(MOERT_LPU_AND, false, type, type, a, b),
          disj = run(MOERT_LPU_OR, false, type, type, a, b),
          exor = run(MOERT_LPU_XOR, false, type, type, a, b),
          masked = run(MOERT_LPU_MASK, false, type, type, a, b),
          unmasked = run(MOERT_LPU_MASKN, false, type, type, a, b),
          same = run(MOERT_LPU_PASS, false, type, type, a, b);
    for (size_t l = 0; l < width; ++l) {
      ASSERT_EQ(conj[l], a[l] & b[l]);
      ASSERT_EQ(disj[l], a[l] | b[l]);
      ASSERT_EQ(exor[l], a[l] ^ b[l]);
      ASSERT_EQ(masked[l], a[l] & b[l]);
      ASSERT_EQ(unmasked[l], a[l] & ~b[l] & mask);
      ASSERT_EQ(same[l], a[l]);
    }
  }
}

TEST(Alu, ShiftsAreModuloTheWidth) {
  for (unsigned type : integers) {
    Words a = lanesOf(type, 7), b = lanesOf(type, 8);
    const uint32_t bits = 8 * uint32_t(planesOf(type)), mask = maskOf(type);
    Words left = run(MOERT_LPU_SHL, false, type, type, a, b),
          right = run(MOERT_LPU_SHR, false, type, type, a, b);
    for (size_t l = 0; l < width; ++l) {
      ASSERT_EQ(left[l], (a[l] << b[l] % bits) & mask);
      ASSERT_EQ(right[l], a[l] >> b[l] % bits);
    }
  }
}

TEST(Alu, ComparisonsGiveAllBits) {
  for (unsigned type = 0; type < MOERT_LPU_I8X4; ++type) {
    Words a = lanesOf(type, 9), b = lanesOf(type, 10);
    for (size_t l = 0; l < width; l += 3)
      b[l] = a[l];
    Words gt = run(MOERT_LPU_GT, false, type, MOERT_LPU_I32, a, b),
          ge = run(MOERT_LPU_GE, false, type, MOERT_LPU_I32, a, b),
          eq = run(MOERT_LPU_EQ, false, type, MOERT_LPU_I32, a, b);
    for (size_t l = 0; l < width; ++l) {
      double x = numberOf(a[l], type), y = numberOf(b[l], type);
      ASSERT_EQ(gt[l], x > y ? 0xffffffffu : 0u);
      ASSERT_EQ(ge[l], x >= y ? 0xffffffffu : 0u);
      ASSERT_EQ(eq[l], x == y ? 0xffffffffu : 0u);
    }
  }
}

TEST(Alu, MinimumMaximumNegationRelu) {
  for (unsigned type = 0; type < MOERT_LPU_I8X4; ++type) {
    Words a = lanesOf(type, 11), b = lanesOf(type, 12);
    Words min = run(MOERT_LPU_MIN, false, type, type, a, b),
          max = run(MOERT_LPU_MAX, false, type, type, a, b),
          neg = run(MOERT_LPU_NEG, false, type, type, a, b),
          relu = run(MOERT_LPU_RELU, false, type, type, a, b);
    bool real = type == MOERT_LPU_F16 || type == MOERT_LPU_F32;
    for (size_t l = 0; l < width; ++l) {
      double x = numberOf(a[l], type), y = numberOf(b[l], type);
      ASSERT_EQ(min[l], x < y ? a[l] : b[l]);
      ASSERT_EQ(max[l], x > y ? a[l] : b[l]);
      ASSERT_EQ(relu[l], x > 0 ? a[l] : 0u);
      uint32_t sign = (maskOf(type) >> 1) + 1;
      ASSERT_EQ(neg[l], real ? a[l] ^ sign : (0 - a[l]) & maskOf(type));
    }
  }
}

TEST(Alu, BytesOfI8x4AreNumbersOfTheirOwn) {
  const unsigned type = MOERT_LPU_I8X4;
  Words a = lanesOf(type, 13), b = lanesOf(type, 14);
  Words sum = run(MOERT_LPU_ADD, true, type, type, a, b),
        product = run(MOERT_LPU_MUL, false, type, type, a, b),
        shifted = run(MOERT_LPU_SHR, false, type, type, a, b),
        greater = run(MOERT_LPU_GT, false, type, type, a, b);
  for (size_t l = 0; l < width; ++l)
    for (int p = 0; p < 32; p += 8) {
      int x = int8_t(a[l] >> p), y = int8_t(b[l] >> p);
      ASSERT_EQ(int8_t(sum[l] >> p), std::clamp(x + y, -128, 127));
      ASSERT_EQ(int8_t(product[l] >> p), int8_t(x * y));
      ASSERT_EQ(uint8_t(shifted[l] >> p), uint8_t(x) >> (y & 7));
      ASSERT_EQ(uint8_t(greater[l] >> p), x > y ? 255 : 0);
    }
}

TEST(Alu, ConversionsRoundToNearestAndSaturate) {
  for (unsigned from = 0; from < MOERT_LPU_I8X4; ++from)
    for (unsigned to = 0; to < MOERT_LPU_I8X4; ++to) {
      Words a = lanesOf(from, 15 + from);
      Words got = run(MOERT_LPU_CVT, false, from, to, a, a);
      for (size_t l = 0; l < width; ++l) {
        double x = numberOf(a[l], from);
        if (to == MOERT_LPU_F16 || to == MOERT_LPU_F32) {
          ASSERT_TRUE(sameNumber(got[l], bitsOf(x, to), to))
              << from << " " << to << " " << x;
          continue;
        }
        double least = double(leastOf(to));
        double whole = std::isnan(x) ? 0.0
                                     : std::nearbyint(std::clamp(
                                           x, least, -least - 1));
        ASSERT_EQ(got[l], uint32_t(int64_t(whole)) & maskOf(to))
            << from << " " << to << " " << x;
      }
    }
}

TEST(Alu, HalvesAreRoundedToTheNearest) {
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    float here = halfToFloat(uint16_t(bits)),
          next = halfToFloat(uint16_t(bits + 1));
    ASSERT_EQ(floatToHalf(here), bits);
    ASSERT_EQ(floatToHalf(-here), bits | 0x8000);
    if (bits + 1 == 0x7c00)
      next = 65536;
    float middle = here / 2 + next / 2;
    ASSERT_EQ(floatToHalf(middle), bits + (bits & 1)) << bits;
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 1e9f)), bits + 1);
  }
}

/// The f32 nearest to what long double says, or its neighbour where that says
/// that they are about equally near.
static void expectNearest(float got, long double exact, float x) {
  float nearest = float(exact);
  if (got == nearest || (std::isnan(got) && std::isnan(nearest)))
    return;
  long double apart = std::fabs((long double)got - nearest);
  long double wrong = std::fabs((long double)got - exact),
              best = std::fabs((long double)nearest - exact);
  EXPECT_LE(wrong - best, apart * 1e-6L) << "of " << x;
}

TEST(Alu, TranscendentalsAreNearest) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> exponents(-152, 130), small(-3, 3);
  for (int i = 0; i < 200000; ++i) {
    float x = exponents(random);
    expectNearest(exp2Nearest(x), std::exp2((long double)x), x);
    float y = std::ldexp(small(random), int(random() % 60) - 40);
    expectNearest(tanhNearest(y), std::tanh((long double)y), y);
    expectNearest(exp2Nearest(y), std::exp2((long double)y), y);
    float z = std::fabs(std::bit_cast<float>(uint32_t(random() % 0x7f800000)));
    expectNearest(rsqrtNearest(z), 1 / std::sqrt((long double)z), z);
  }
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp2Nearest(inf), inf);
  EXPECT_EQ(exp2Nearest(-inf), 0);
  EXPECT_EQ(exp2Nearest(0), 1);
  EXPECT_EQ(rsqrtNearest(0), inf);
  EXPECT_EQ(rsqrtNearest(-0.0f), inf);
  EXPECT_EQ(rsqrtNearest(inf), 0);
  EXPECT_TRUE(std::isnan(rsqrtNearest(-1)));
  EXPECT_EQ(tanhNearest(inf), 1);
  EXPECT_EQ(tanhNearest(-100), -1);
  EXPECT_TRUE(std::signbit(tanhNearest(-0.0f)));
  for (auto *function : {exp2Nearest, rsqrtNearest, tanhNearest})
    EXPECT_TRUE(std::isnan(function(NAN)));
}

TEST(Alu, LanesAndScalarsAgree) {
  Words a = lanesOf(MOERT_LPU_F32, 30);
  std::pair<unsigned, float (*)(float)> cases[] = {
      {MOERT_LPU_EXP2, exp2Nearest},
      {MOERT_LPU_RSQRT, rsqrtNearest},
      {MOERT_LPU_TANH, tanhNearest}};
  for (auto [opcode, function] : cases) {
    AluOutcome outcome;
    Words got = run(opcode, false, MOERT_LPU_F32, MOERT_LPU_F32, a, a, &outcome);
    bool any = false;
    for (size_t l = 0; l < width; ++l) {
      float y = function(std::bit_cast<float>(a[l]));
      any |= std::isnan(y);
      ASSERT_TRUE(sameNumber(got[l], std::bit_cast<uint32_t>(y), MOERT_LPU_F32));
    }
    EXPECT_EQ(outcome.notANumber, any);
  }
}

TEST(Alu, SaysWhatItCannotDo) {
  EXPECT_FALSE(aluSupports(MOERT_LPU_EXP2, false, MOERT_LPU_F16, MOERT_LPU_F16));
  EXPECT_FALSE(aluSupports(MOERT_LPU_ADD, false, MOERT_LPU_I8, MOERT_LPU_I32));
  EXPECT_FALSE(aluSupports(MOERT_LPU_GT, false, MOERT_LPU_F32, MOERT_LPU_F32));
  EXPECT_FALSE(aluSupports(MOERT_LPU_NEG, true, MOERT_LPU_I8, MOERT_LPU_I8));
  EXPECT_FALSE(aluSupports(MOERT_LPU_CVT, false, MOERT_LPU_I8X4, MOERT_LPU_I8));
  EXPECT_FALSE(aluSupports(MOERT_LPU_READ, false, MOERT_LPU_I8, MOERT_LPU_I8));
  EXPECT_FALSE(aluSupports(MOERT_LPU_PASS, false, MOERT_LPU_TYPES,
                           MOERT_LPU_TYPES));
}

TEST(Alu, BytePlanesAndWordsAreInverse) {
  Words a = lanesOf(MOERT_LPU_I32, 40), back(width);
  std::vector<uint8_t> planes(4 * width);
  for (int count : {1, 2, 4}) {
    uint8_t *out[4] = {&planes[0], &planes[width], &planes[2 * width],
                       &planes[3 * width]};
    planesOfWords(a.data(), count, width, out);
    wordsOfPlanes(out, count, width, back.data());
    uint32_t mask = count == 4 ? 0xffffffffu : (1u << 8 * count) - 1;
    for (size_t l = 0; l < width; ++l)
      ASSERT_EQ(back[l], a[l] & mask);
  }
}

//===-- on the chip -------------------------------------------------------===//

/// Two f32 vectors in eight slices of the east, through four ALUs, into four
/// others.
TEST(Alu, ChainsOfVectorsOfFourBytes) {
  TestProgram p;
  Words a(width), b(width);
  for (size_t l = 0; l < width; ++l) {
    a[l] = std::bit_cast<uint32_t>(float(l) * 0.37f - 50);
    b[l] = std::bit_cast<uint32_t>(3.0f / float(l + 1));
  }
  auto planes = [](const Words &words) {
    std::vector<uint8_t> bytes(4 * width);
    uint8_t *out[4];
    for (int i = 0; i < 4; ++i)
      out[i] = &bytes[size_t(i) * width];
    planesOfWords(words.data(), 4, width, out);
    return bytes;
  };
  BufferSpec spec{.name = "a", .type = MOERT_LPU_F32, .slices = {0, 1, 2, 3}};
  p.input(spec, planes(a));
  spec.slices = {4, 5, 6, 7};
  p.input(spec, planes(b));
  size_t out = p.buffer({.name = "out",
                         .kind = BufferKind::Output,
                         .type = MOERT_LPU_F32,
                         .slices = {8, 9, 10, 11}});
  // Column 1 at 1 and column 2 at 1: x = 0 at 2 and 3.
  for (int i = 0; i < 4; ++i) {
    p.read(East, i).at(1, test::read(0, W(i)));
    p.read(East, 4 + i).at(0, test::read(0, W(4 + i)));
    // x = 1 at 19, column 3 at 21.
    p.write(East, 8 + i).at(21, test::write(E(8 + i), 0));
  }
  p.alu(0)
      .at(7, binary(MOERT_LPU_MUL, MOERT_LPU_F32, W(0), W(4)));
  p.alu(2)
      .at(10, unary(MOERT_LPU_TANH, MOERT_LPU_F32, fromAlu(0)));
  p.alu(1)
      .at(13, unary(MOERT_LPU_NEG, MOERT_LPU_F32, fromAlu(2)));
  p.alu(5)
      .at(16, unary(MOERT_LPU_EXP2, MOERT_LPU_F32, fromAlu(1), E(8)));
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  std::vector<uint8_t> got = contentsOf(*r.simulator, out, 1);
  Words result(width), expected(width);
  const uint8_t *in[4] = {&got[0], &got[width], &got[2 * width],
                          &got[3 * width]};
  wordsOfPlanes(in, 4, width, result.data());
  for (size_t l = 0; l < width; ++l) {
    float x = std::bit_cast<float>(a[l]) * std::bit_cast<float>(b[l]);
    expected[l] = std::bit_cast<uint32_t>(exp2Nearest(-tanhNearest(x)));
  }
  EXPECT_EQ(result, expected);
  EXPECT_EQ(r.result.busy.alu, 4u);
  EXPECT_EQ(r.result.busy.read, 8u);
}

TEST(Alu, LatchHoldsAnOperand) {
  TestProgram p;
  std::vector<uint8_t> bytes(2 * 320);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(i % 97);
  p.input({.name = "in", .count = 2, .slices = {0}}, bytes);
  size_t out = p.buffer({.name = "out",
                         .kind = BufferKind::Output,
                         .count = 2,
                         .slices = {1}});
  p.read(East, 0)
      .at(0, test::read(0, W(0)))
      .at(1, test::read(1, W(0)))
      .at(2, test::read(0, W(0)));
  p.alu(0)
      .at(6, unary(MOERT_LPU_LATCH, MOERT_LPU_I8, W(0)))
      .at(7, binary(MOERT_LPU_SUB, MOERT_LPU_I8, W(0), fromLatch, E(0)))
      .at(8, binary(MOERT_LPU_SUB, MOERT_LPU_I8, fromLatch, W(0), E(0)));
  p.write(East, 1).at(10, test::write(E(0), 0)).repeat(1, 1, 1);
  RunOutcome r = p.run();
  ASSERT_EQ(r.error, "");
  std::vector<uint8_t> got = contentsOf(*r.simulator, out, 2);
  ASSERT_EQ(got.size(), 640u);
  for (size_t l = 0; l < 320; ++l) {
    EXPECT_EQ(got[l], uint8_t(bytes[320 + l] - bytes[l]));
    EXPECT_EQ(got[320 + l], 0);
  }
}
