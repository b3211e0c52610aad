//===- RandomNormal.cpp - normal variates that every machine agrees on ----===//
//
// Box-Muller on SplitMix64. The libraries of two machines may differ in the
// last bit of log, sin and cos, so these are polynomials here: only additions,
// multiplications, divisions and square roots, which IEEE 754 fixes. The build
// keeps the compiler from fusing multiplications with additions.
//===----------------------------------------------------------------------===//
#include "ElementRounding.h"
#include "moe/Model/WeightData.h"
#include "llvm/ADT/bit.h"
#include <array>
#include <cmath>

using namespace moe;

namespace {

constexpr double pi = 3.14159265358979323846;
constexpr double ln2 = 0.69314718055994530942;
constexpr double sqrtHalf = 0.70710678118654752440;

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Number `n` of SplitMix64, whose state starts at `key`, as a 53-bit integer.
uint64_t uniform53(uint64_t key, uint64_t n) {
  return mix(key + (n + 1) * 0x9e3779b97f4a7c15) >> 11;
}

/// Seeds are mixed first: neighbouring ones give unrelated sequences.
uint64_t keyOf(uint64_t seed) { return mix(seed + 0x9e3779b97f4a7c15); }

/// Horner's rule; coefficients from the lowest power.
template <size_t n>
double polynomial(const std::array<double, n> &coefficients, double x) {
  double sum = coefficients[n - 1];
  for (size_t i = n - 1; i-- > 0;)
    sum = sum * x + coefficients[i];
  return sum;
}

/// ln(n / 2^53) for 1 <= n <= 2^53.
double logOfUniform(uint64_t n) {
  // n = 2^e * m with m in [1, 2), then m in [sqrt(1/2), sqrt(2)).
  uint64_t bits = llvm::bit_cast<uint64_t>(double(int64_t(n)));
  double exponent = double(int64_t(bits >> 52)) - (1023 + 53);
  double m =
      llvm::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  bool large = m >= 2 * sqrtHalf;
  m = large ? 0.5 * m : m;
  exponent = large ? exponent + 1 : exponent;
  // ln m = 2 artanh(s) with |s| < 0.1716; the next term is below 2e-17.
  constexpr std::array<double, 10> artanh = {
      1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,
      1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19};
  double s = (m - 1) / (m + 1);
  return exponent * ln2 + 2 * s * polynomial(artanh, s * s);
}

struct Pair {
  double even, odd;
};

/// Elements 2 * `pair` and 2 * `pair` + 1.
Pair normalPair(uint64_t key, uint64_t pair) {
  double radius = std::sqrt(-2 * logOfUniform(uniform53(key, 2 * pair) + 1));
  // The angle is `turn` of a full turn, split into quarters and a rest of at
  // most an eighth; the rest is exact.
  double turn = double(int64_t(uniform53(key, 2 * pair + 1))) * 0x1p-53;
  int64_t quarters = int64_t(turn * 4 + 0.5);
  double x = (turn - 0.25 * double(quarters)) * (2 * pi);
  // Taylor series up to x^17 and x^18: the next terms are below 1e-19.
  constexpr std::array<double, 9> sine = {1.0,
                                          -1.0 / 6,
                                          1.0 / 120,
                                          -1.0 / 5040,
                                          1.0 / 362880,
                                          -1.0 / 39916800,
                                          1.0 / 6227020800,
                                          -1.0 / 1307674368000,
                                          1.0 / 355687428096000};
  constexpr std::array<double, 10> cosine = {1.0,
                                             -0.5,
                                             1.0 / 24,
                                             -1.0 / 720,
                                             1.0 / 40320,
                                             -1.0 / 3628800,
                                             1.0 / 479001600,
                                             -1.0 / 87178291200,
                                             1.0 / 20922789888000,
                                             -1.0 / 6402373705728000};
  double s = x * polynomial(sine, x * x), c = polynomial(cosine, x * x);
  // A quarter turn takes (c, s) to (-s, c).
  double turnedC = quarters & 1 ? s : c, turnedS = quarters & 1 ? c : s;
  double signC = (quarters + 1) & 2 ? -radius : radius;
  double signS = quarters & 2 ? -radius : radius;
  return {signC * turnedC, signS * turnedS};
}

} // namespace

double moe::randomNormal(uint64_t seed, uint64_t index) {
  Pair pair = normalPair(keyOf(seed), index / 2);
  return index % 2 ? pair.odd : pair.even;
}

void moe::randomNormals(uint64_t seed, uint64_t first,
                        llvm::MutableArrayRef<double> out) {
  size_t done = 0;
  if (first % 2 && !out.empty())
    out[done++] = randomNormal(seed, first);
  uint64_t key = keyOf(seed), pair = (first + done) / 2;
  size_t pairs = (out.size() - done) / 2;
  for (size_t i = 0; i < pairs; ++i) {
    Pair values = normalPair(key, pair + i);
    out[done + 2 * i] = values.even;
    out[done + 2 * i + 1] = values.odd;
  }
  done += 2 * pairs;
  if (done < out.size())
    out[done] = randomNormal(seed, first + done);
}
