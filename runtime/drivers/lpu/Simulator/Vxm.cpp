//===- Vxm.cpp - what an ALU computes in each lane ------------------------===//
//
// Loops are written to become vectors: one operation and one type each, no
// branch in a lane. Transcendentals are sums of double arithmetic, rounded to
// f32 once.
//===----------------------------------------------------------------------===//
#include "Half.h"
#include "Units.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#pragma clang fp contract(off)

using namespace moert::lpu;

//===-- byte planes -------------------------------------------------------===//

void moert::lpu::wordsOfPlanes(const uint8_t *const *planes, int count,
                               int64_t width, uint32_t *words) {
  const uint8_t *a = planes[0];
  if (count == 1) {
    for (int64_t l = 0; l < width; ++l)
      words[l] = a[l];
    return;
  }
  const uint8_t *b = planes[1];
  if (count == 2) {
    for (int64_t l = 0; l < width; ++l)
      words[l] = uint32_t(a[l] | b[l] << 8);
    return;
  }
  const uint8_t *c = planes[2], *d = planes[3];
  for (int64_t l = 0; l < width; ++l)
    words[l] = uint32_t(a[l]) | uint32_t(b[l]) << 8 | uint32_t(c[l]) << 16 |
               uint32_t(d[l]) << 24;
}

void moert::lpu::planesOfWords(const uint32_t *words, int count, int64_t width,
                               uint8_t *const *planes) {
  for (int p = 0; p < count; ++p) {
    uint8_t *plane = planes[p];
    for (int64_t l = 0; l < width; ++l)
      plane[l] = uint8_t(words[l] >> 8 * p);
  }
}

//===-- transcendentals ---------------------------------------------------===//

/// e^r - 1 for |r| <= ln 2 / 2, to the precision of double.
static inline double expMinusOne(double r) {
  double sum = 1.0 / 87178291200.0; // 1 / 14!
  sum = sum * r + 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  return r + sum * r * r;
}

/// Adding and subtracting it rounds to a whole number, ties to even.
static constexpr double roundingNumber = 0x1.8p52;
static constexpr double ln2 = 0x1.62e42fefa39efp-1;

/// 2^n of a whole number in (-1000, 1000).
static inline double powerOfTwo(double n) {
  return std::bit_cast<double>(
      (std::bit_cast<uint64_t>(n + (roundingNumber + 1023.0)) & 0x7ff) << 52);
}

static inline float exp2Lane(float x) {
  double clamped = std::min(std::max(double(x), -200.0), 200.0);
  double whole = (clamped + roundingNumber) - roundingNumber;
  double scale = powerOfTwo(whole);
  float y = float(scale + scale * expMinusOne((clamped - whole) * ln2));
  return x == x ? y : x;
}

static inline float rsqrtLane(float x) {
  float y = float(1.0 / std::sqrt(double(x)));
  return x == 0 ? std::numeric_limits<float>::infinity() : y;
}

static inline float tanhLane(float x) {
  // tanh x = t / (t + 2) where t = e^(2x) - 1, which is exact enough near 0,
  // too.
  double magnitude = std::min(std::fabs(double(x)), 20.0);
  double exponent = 2.0 * magnitude;
  double whole = (exponent * (1.0 / ln2) + roundingNumber) - roundingNumber;
  // Two parts of ln 2, the first of few bits: their products are exact enough.
  double r = (exponent - whole * 0x1.62e42feep-1) -
             whole * 0x1.a39ef35793c76p-33;
  double scale = powerOfTwo(whole);
  double t = scale * expMinusOne(r) + (scale - 1.0);
  float y = std::copysign(float(t / (t + 2.0)), x);
  return x == x ? y : x;
}

float moert::lpu::exp2Nearest(float x) { return exp2Lane(x); }
float moert::lpu::rsqrtNearest(float x) { return rsqrtLane(x); }
float moert::lpu::tanhNearest(float x) { return tanhLane(x); }
float moert::lpu::halfToFloat(uint16_t bits) { return widenHalf(bits); }

static inline uint32_t halfLane(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  // Normal: the exponent less 112, and 13 digits rounded away.
  uint32_t normal =
      (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // Subnormal: the float addition rounds to a multiple of 2^-24.
  uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) -
      std::bit_cast<uint32_t>(0.5f);
  uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
  half = magnitude >= 0x477ff000 ? 0x7c00u : half;
  half = magnitude > 0x7f800000 ? 0x7e00u : half;
  return sign | half;
}
uint16_t moert::lpu::floatToHalf(float value) {
  return uint16_t(halfLane(value));
}

//===-- lanes of each type ------------------------------------------------===//

namespace {
/// How a lane of a type is read from a word, computed with, and put back.
struct Int8 {
  using Number = int32_t;
  static constexpr int64_t least = -128, most = 127;
  static constexpr uint32_t mask = 0xff, bits = 8;
  static Number get(uint32_t w) { return int8_t(w); }
  static uint32_t put(Number n) { return uint8_t(n); }
};
struct Int16 {
  using Number = int32_t;
  static constexpr int64_t least = -32768, most = 32767;
  static constexpr uint32_t mask = 0xffff, bits = 16;
  static Number get(uint32_t w) { return int16_t(w); }
  static uint32_t put(Number n) { return uint16_t(n); }
};
struct Int32 {
  using Number = int64_t;
  static constexpr int64_t least = INT32_MIN, most = INT32_MAX;
  static constexpr uint32_t mask = 0xffffffff, bits = 32;
  static Number get(uint32_t w) { return int32_t(w); }
  static uint32_t put(Number n) { return uint32_t(n); }
};
struct Float16 {
  using Number = float;
  static constexpr uint32_t mask = 0xffff, bits = 16, sign = 0x8000;
  static Number get(uint32_t w) { return widenHalf(uint16_t(w)); }
  static uint32_t put(Number n) { return halfLane(n); }
};
struct Float32 {
  using Number = float;
  static constexpr uint32_t mask = 0xffffffff, bits = 32, sign = 0x80000000;
  static Number get(uint32_t w) { return std::bit_cast<float>(w); }
  static uint32_t put(Number n) { return std::bit_cast<uint32_t>(n); }
};
template <typename T>
constexpr bool isFloat = std::is_same_v<typename T::Number, float>;

struct Lanes {
  const uint32_t *a, *b;
  int64_t width;
  uint32_t *out;
};
} // namespace

template <typename Body> static void eachLane(const Lanes &l, Body &&body) {
  for (int64_t i = 0; i < l.width; ++i)
    l.out[i] = body(l.a[i], l.b[i]);
}

/// Sums and products: integers wrap or saturate. Whether one did not fit.
template <typename T, typename Body>
static bool arithmetic(const Lanes &l, bool saturate, Body &&body) {
  if constexpr (isFloat<T>) {
    eachLane(l, [&](uint32_t a, uint32_t b) {
      return T::put(body(T::get(a), T::get(b)));
    });
    return false;
  } else {
    uint32_t beyond = 0;
    for (int64_t i = 0; i < l.width; ++i) {
      auto exact = body(T::get(l.a[i]), T::get(l.b[i]));
      auto clamped = std::clamp<typename T::Number>(
          exact, typename T::Number(T::least), typename T::Number(T::most));
      beyond |= uint32_t(exact != clamped);
      l.out[i] = T::put(saturate ? clamped : exact);
    }
    return beyond && !saturate;
  }
}

template <typename T, typename Body>
static void comparison(const Lanes &l, Body &&body) {
  eachLane(l, [&](uint32_t a, uint32_t b) {
    return body(T::get(a), T::get(b)) ? 0xffffffffu : 0u;
  });
}

/// All that is not a conversion. Whether an integer did not fit.
template <typename T>
static bool computeLanes(unsigned opcode, bool flag, const Lanes &l) {
  using N = typename T::Number;
  switch (opcode) {
  case MOERT_LPU_PASS:
    eachLane(l, [](uint32_t a, uint32_t) { return a; });
    return false;
  case MOERT_LPU_NEG:
    if constexpr (isFloat<T>)
      eachLane(l, [](uint32_t a, uint32_t) { return a ^ T::sign; });
    else
      return arithmetic<T>(l, false, [](N a, N) { return N(-a); });
    return false;
  case MOERT_LPU_ADD:
    return arithmetic<T>(l, flag, [](N a, N b) { return N(a + b); });
  case MOERT_LPU_SUB:
    return arithmetic<T>(l, flag, [](N a, N b) { return N(a - b); });
  case MOERT_LPU_MUL:
    return arithmetic<T>(l, flag, [](N a, N b) { return N(a * b); });
  case MOERT_LPU_MIN:
    eachLane(l, [](uint32_t a, uint32_t b) {
      return T::get(a) < T::get(b) ? a : b;
    });
    return false;
  case MOERT_LPU_MAX:
    eachLane(l, [](uint32_t a, uint32_t b) {
      return T::get(a) > T::get(b) ? a : b;
    });
    return false;
  case MOERT_LPU_AND:
  case MOERT_LPU_MASK:
    eachLane(l, [](uint32_t a, uint32_t b) { return a & b; });
    return false;
  case MOERT_LPU_OR:
    eachLane(l, [](uint32_t a, uint32_t b) { return a | b; });
    return false;
  case MOERT_LPU_XOR:
    eachLane(l, [](uint32_t a, uint32_t b) { return a ^ b; });
    return false;
  case MOERT_LPU_MASKN:
    eachLane(l, [](uint32_t a, uint32_t b) { return a & ~b; });
    return false;
  case MOERT_LPU_SHL:
    eachLane(l, [](uint32_t a, uint32_t b) {
      return a << (b & (T::bits - 1)) & T::mask;
    });
    return false;
  case MOERT_LPU_SHR:
    eachLane(l,
             [](uint32_t a, uint32_t b) { return a >> (b & (T::bits - 1)); });
    return false;
  case MOERT_LPU_GT:
    comparison<T>(l, [](N a, N b) { return a > b; });
    return false;
  case MOERT_LPU_GE:
    comparison<T>(l, [](N a, N b) { return a >= b; });
    return false;
  case MOERT_LPU_EQ:
    comparison<T>(l, [](N a, N b) { return a == b; });
    return false;
  case MOERT_LPU_RELU:
    eachLane(l,
             [](uint32_t a, uint32_t) { return T::get(a) > N(0) ? a : 0u; });
    return false;
  default:
    break;
  }
  if constexpr (std::is_same_v<T, Float32>) {
    auto eachNumber = [&](auto function) {
      eachLane(l, [&](uint32_t a, uint32_t) {
        return T::put(function(T::get(a)));
      });
    };
    if (opcode == MOERT_LPU_EXP2)
      eachNumber([](float x) { return exp2Lane(x); });
    else if (opcode == MOERT_LPU_RSQRT)
      eachNumber([](float x) { return rsqrtLane(x); });
    else if (opcode == MOERT_LPU_TANH)
      eachNumber([](float x) { return tanhLane(x); });
  }
  return false;
}

/// Each byte a lane of its own: comparisons give bytes of ones.
static void computeBytes(unsigned opcode, bool flag, const Lanes &l) {
  auto *a = reinterpret_cast<const uint8_t *>(l.a);
  auto *b = reinterpret_cast<const uint8_t *>(l.b);
  auto *out = reinterpret_cast<uint8_t *>(l.out);
  // In pieces, as words of one byte each.
  constexpr int64_t piece = 64;
  uint32_t wideA[piece], wideB[piece], wideOut[piece];
  for (int64_t first = 0; first < 4 * l.width; first += piece) {
    int64_t n = std::min(piece, 4 * l.width - first);
    for (int64_t i = 0; i < n; ++i) {
      wideA[i] = a[first + i];
      wideB[i] = b[first + i];
    }
    computeLanes<Int8>(opcode, flag, {wideA, wideB, n, wideOut});
    for (int64_t i = 0; i < n; ++i)
      out[first + i] = uint8_t(wideOut[i]);
  }
}

//===-- conversions -------------------------------------------------------===//

/// Nearest whole number within bounds, ties to even; 0 of what is not a number.
template <typename T> static inline uint32_t toInteger(double x) {
  double clamped = std::min(std::max(x, double(T::least)), double(T::most));
  double whole = (clamped + roundingNumber) - roundingNumber;
  whole = x == x ? whole : 0.0;
  return T::put(typename T::Number(int32_t(whole)));
}

template <typename From, typename To> static void convert(const Lanes &l) {
  eachLane(l, [](uint32_t a, uint32_t) {
    auto value = From::get(a);
    if constexpr (isFloat<To> && isFloat<From>)
      return To::put(value);
    else if constexpr (std::is_same_v<To, Float32>)
      return To::put(float(int32_t(value)));
    else if constexpr (isFloat<To>) // below 2^17, so that one rounding is all
      return To::put(
          float(std::clamp(int32_t(value), int32_t(-100000), int32_t(100000))));
    else if constexpr (isFloat<From>)
      return toInteger<To>(double(value));
    else
      return To::put(typename To::Number(
          std::clamp(int64_t(value), To::least, To::most)));
  });
}

template <typename From> static void convertFrom(unsigned to, const Lanes &l) {
  switch (to) {
  case MOERT_LPU_I8:
    return convert<From, Int8>(l);
  case MOERT_LPU_I16:
    return convert<From, Int16>(l);
  case MOERT_LPU_I32:
    return convert<From, Int32>(l);
  case MOERT_LPU_F16:
    return convert<From, Float16>(l);
  default:
    return convert<From, Float32>(l);
  }
}

static void convertAny(unsigned from, unsigned to, const Lanes &l) {
  switch (from) {
  case MOERT_LPU_I8:
    return convertFrom<Int8>(to, l);
  case MOERT_LPU_I16:
    return convertFrom<Int16>(to, l);
  case MOERT_LPU_I32:
    return convertFrom<Int32>(to, l);
  case MOERT_LPU_F16:
    return convertFrom<Float16>(to, l);
  default:
    return convertFrom<Float32>(to, l);
  }
}

//===-- operations --------------------------------------------------------===//

int moert::lpu::aluSources(unsigned opcode) {
  switch (opcode) {
  case MOERT_LPU_PASS:
  case MOERT_LPU_NEG:
  case MOERT_LPU_CVT:
  case MOERT_LPU_RELU:
  case MOERT_LPU_EXP2:
  case MOERT_LPU_RSQRT:
  case MOERT_LPU_TANH:
  case MOERT_LPU_LATCH:
    return 1;
  default:
    return opcode >= MOERT_LPU_PASS && opcode <= MOERT_LPU_LATCH ? 2 : 0;
  }
}

bool moert::lpu::aluSupports(unsigned opcode, bool flag, unsigned type,
                             unsigned result) {
  if (!aluSources(opcode) || type >= MOERT_LPU_TYPES ||
      result >= MOERT_LPU_TYPES)
    return false;
  switch (opcode) {
  case MOERT_LPU_ADD:
  case MOERT_LPU_SUB:
  case MOERT_LPU_MUL:
    return type == result;
  case MOERT_LPU_GT:
  case MOERT_LPU_GE:
  case MOERT_LPU_EQ:
    return !flag &&
           result == unsigned(type == MOERT_LPU_I8X4 ? MOERT_LPU_I8X4
                                                     : MOERT_LPU_I32);
  case MOERT_LPU_CVT:
    return !flag && type != MOERT_LPU_I8X4 && result != MOERT_LPU_I8X4;
  case MOERT_LPU_EXP2:
  case MOERT_LPU_RSQRT:
  case MOERT_LPU_TANH:
    return !flag && type == MOERT_LPU_F32 && result == MOERT_LPU_F32;
  default:
    return !flag && type == result;
  }
}

AluOutcome moert::lpu::aluCompute(unsigned opcode, bool flag, unsigned type,
                                  unsigned result, const uint32_t *a,
                                  const uint32_t *b, int64_t width,
                                  uint32_t *out) {
  const Lanes lanes{a, b ? b : a, width, out};
  AluOutcome outcome;
  if (opcode == MOERT_LPU_CVT)
    convertAny(type, result, lanes);
  else if (type == MOERT_LPU_I8X4)
    computeBytes(opcode, flag, lanes);
  else if (type == MOERT_LPU_I8)
    computeLanes<Int8>(opcode, flag, lanes);
  else if (type == MOERT_LPU_I16)
    computeLanes<Int16>(opcode, flag, lanes);
  else if (type == MOERT_LPU_I32)
    outcome.overflow = computeLanes<Int32>(opcode, flag, lanes);
  else if (type == MOERT_LPU_F16)
    computeLanes<Float16>(opcode, flag, lanes);
  else
    computeLanes<Float32>(opcode, flag, lanes);
  // What is no number, by its bits: exponent of ones and a digit.
  uint32_t infinity = result == MOERT_LPU_F32   ? 0x7f800000u
                      : result == MOERT_LPU_F16 ? 0x7c00u
                                                : 0;
  if (infinity && !(opcode >= MOERT_LPU_AND && opcode <= MOERT_LPU_SHR) &&
      opcode != MOERT_LPU_MASK && opcode != MOERT_LPU_MASKN) {
    uint32_t magnitude = result == MOERT_LPU_F32 ? 0x7fffffffu : 0x7fffu;
    uint32_t most = 0;
    for (int64_t l = 0; l < width; ++l)
      most = std::max(most, out[l] & magnitude);
    outcome.notANumber = most > infinity;
  }
  return outcome;
}
