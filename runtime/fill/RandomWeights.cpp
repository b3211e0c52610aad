//===- RandomWeights.cpp - bytes of parameters, from a seed ---------------===//
#include "RandomWeights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

using namespace moert;

static constexpr double deviation = 0.02;
/// Bytes that one thread makes at a time.
static constexpr size_t block = size_t(1) << 20;

/// Number `index` of a stream: SplitMix64 (Steele, Lea, Flood, 2014), whose state
/// is a counter, so that threads begin anywhere.
static uint64_t randomAt(uint64_t stream, uint64_t index) {
  uint64_t x = stream + index * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Where the standard normal distribution has reached `share`.
static double quantile(double share) {
  double low = -6, high = 6;
  for (int i = 0; i < 48; ++i) {
    double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

RandomWeights::RandomWeights(uint64_t seed, std::span<const Code> codes)
    : seed(seed), codes(codes), normal(1 << 16) {
  for (size_t i = 0; i < normal.size(); ++i)
    normal[i] = float(deviation * quantile((double(i) + 0.5) / 65536));
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static uint16_t toBf16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Of values that are normal numbers as f16, or so small that 0 does as well.
static uint16_t toF16(float value) {
  auto bits = std::bit_cast<uint32_t>(value);
  uint32_t rounded = bits + 0xfff + ((bits >> 13) & 1);
  int32_t exponent = int32_t((rounded >> 23) & 0xff) - 127 + 15;
  uint32_t sign = (bits >> 16) & 0x8000;
  if (exponent <= 0)
    return uint16_t(sign);
  return uint16_t(sign | uint32_t(exponent) << 10 | ((rounded >> 13) & 0x3ff));
}

/// Calls `body` with slices of `out`, which begin with number `first` of their
/// stream, on several threads.
template <typename T, typename Body>
static void inBlocks(std::span<std::byte> out, const Body &body) {
  auto *values = reinterpret_cast<T *>(out.data());
  const auto count = int64_t(out.size() / sizeof(T));
  const auto step = int64_t(block / sizeof(T));
#pragma omp parallel for schedule(static)
  for (int64_t first = 0; first < count; first += step)
    body(values + first, first, std::min(step, count - first));
}

template <typename T, typename Convert>
static void fillElements(std::span<std::byte> out, uint64_t stream,
                         const std::vector<float> &values, bool ones,
                         const Convert &convert) {
  std::vector<T> table(values.size());
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = convert(ones ? 1.0f : values[i]);
  inBlocks<T>(out, [&](T *to, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; ++i) { // a block begins with a whole word
      uint64_t word = randomAt(stream, uint64_t(first + i) / 4);
      to[i] = table[(word >> (16 * ((first + i) % 4))) & 0xffff];
    }
  });
}

void RandomWeights::makeElements(fb::ElementType type, bool ones,
                                 uint64_t stream,
                                 std::span<std::byte> out) const {
  if (type == fb::ElementType::F32)
    return fillElements<float>(out, stream, normal, ones,
                               [](float value) { return value; });
  if (type == fb::ElementType::BF16)
    return fillElements<uint16_t>(out, stream, normal, ones, toBf16);
  if (type == fb::ElementType::F16)
    return fillElements<uint16_t>(out, stream, normal, ones, toF16);
  std::memset(out.data(), 0, out.size()); // integers: nothing makes such yet
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

static void makeBits(std::span<std::byte> out, uint64_t stream) {
  inBlocks<std::byte>(out, [&](std::byte *to, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; i += 8) {
      uint64_t word = randomAt(stream, uint64_t(first + i) / 8);
      std::memcpy(to + i, &word, size_t(std::min<int64_t>(8, count - i)));
    }
  });
}

/// Mean and deviation of the levels of the first row, which random codes make.
static void measureLevels(const Code &code, const fb::Matrix &matrix,
                          const std::byte *bytes, double *mean,
                          double *spread) {
  std::vector<int16_t> levels(size_t(matrix.columns()));
  decodeLevels(code, uint64_t(matrix.rows()), uint64_t(matrix.columns()), bytes,
               0, levels.data());
  double sum = 0, squares = 0;
  for (int16_t level : levels) {
    sum += level;
    squares += double(level) * level;
  }
  *mean = sum / double(levels.size());
  *spread = std::sqrt(squares / double(levels.size()) - *mean * *mean);
}

void RandomWeights::makeCodes(const fb::Matrix &matrix, uint64_t stream,
                              std::span<std::byte> out) const {
  const Code &code = codes[size_t(matrix.code())];
  auto rows = uint64_t(matrix.rows()), columns = uint64_t(matrix.columns());
  const uint64_t bits = code.codeBytes(rows, columns);
  const uint64_t scales = code.scaleBytes(rows, columns);
  makeBits(out.first(bits), stream);
  double mean, spread;
  measureLevels(code, matrix, out.data(), &mean, &spread);
  const uint16_t scale = toF16(float(deviation / std::max(spread, 1.0)));
  for (uint64_t at = 0; at < scales; at += sizeof(scale))
    std::memcpy(&out[bits + at], &scale, sizeof(scale));
  const auto zero = int(std::lround(std::clamp(mean, 0.0, 255.0)));
  std::memset(&out[bits + scales - 1] + 1, zero, out.size() - bits - scales);
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

void RandomWeights::make(const fb::Parameter &parameter, uint64_t index,
                         std::span<std::byte> out) const {
  const uint64_t stream = randomAt(seed, 4 * index);
  if (!parameter.matrices()) {
    uint64_t all = 1;
    for (int64_t extent : *parameter.shape())
      all *= uint64_t(extent);
    auto columns = uint64_t(*(parameter.shape()->end() - 1));
    bool isRow = all == columns && parameter.kind() == fb::ParameterKind::Tensor;
    return makeElements(parameter.element(), isRow, stream, out);
  }
  for (uint32_t i = 0; i < parameter.matrices()->size(); ++i) {
    const fb::Matrix &matrix = *parameter.matrices()->Get(i);
    std::span<std::byte> part = out.first(matrix.size());
    out = out.subspan(matrix.size());
    if (matrix.code() < 0) {
      makeElements(matrix.element(), false, randomAt(seed, 4 * index + i), part);
      continue;
    }
    // A weight with several matrices of one shape (experts that are one tensor) has
    // them one after the other.
    const Code &code = codes[size_t(matrix.code())];
    uint64_t size = code.matrixBytes(uint64_t(matrix.rows()),
                                     uint64_t(matrix.columns()));
    for (uint64_t at = 0; at < part.size(); at += size)
      makeCodes(matrix, randomAt(randomAt(seed, 4 * index + i), at),
                part.subspan(at, size));
  }
}
