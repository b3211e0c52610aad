//===- Products.cpp - products of a vector and a matrix -------------------===//
//
// Bytes: sum (w + 128) a - 128 sum a = sum w a, and unsigned times signed bytes
// is what dot-product instructions take. Fours of lanes that are 0 in the
// activation or in all of a group's columns change neither sum if both leave
// them out.
//
// Halves: their products are exact in double, so it makes no difference whether
// a processor rounds them. A sum that begins at +0 never becomes -0, so lanes
// whose products are +0 or -0 may be left out; what is not finite times 0 is
// not 0, so that is looked after.
//===----------------------------------------------------------------------===//
#include "Products.h"

#include "Half.h"
#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#define MOERT_LPU_AVX2 __attribute__((target("avx2,fma")))
#define MOERT_LPU_AVX512                                                       \
  __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,"         \
                        "avx512vnni")))
#endif

using namespace moert::lpu;

static constexpr int64_t lanesOfFour = 4,
                         fourBytes = lanesOfFour * groupColumns;
/// Columns of halves that are summed at once.
static constexpr int64_t batchColumns = 64;

static HostIsa findBestIsa() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma"))
    return HostIsa::Avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return HostIsa::Avx2;
#endif
  return HostIsa::Portable;
}

HostIsa moert::lpu::bestHostIsa() {
  static const HostIsa best = findBestIsa();
  return best;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static uint32_t wordAt(const void *bytes, int64_t index) {
  uint32_t word;
  std::memcpy(&word, static_cast<const char *>(bytes) + 4 * index, 4);
  return word;
}

ByteMatrix::ByteMatrix(int64_t width)
    : width(width), bytes(size_t(width * width)),
      used(size_t(width / groupColumns)) {
  assert(width % groupColumns == 0);
  std::memset(bytes.get(), 0x80, size_t(width * width));
}

void ByteMatrix::clearGroup(int64_t group) {
  Extent &extent = used[size_t(group)];
  if (extent.begin != extent.end) // otherwise they are 0
    std::memset(bytes.get() + group * width * groupColumns, 0x80,
                size_t(width * groupColumns));
  extent = Extent();
}

int8_t ByteMatrix::at(int64_t lane, int64_t column) const {
  const uint8_t *four =
      groupAt(column / groupColumns) + lane / lanesOfFour * fourBytes;
  return int8_t(four[column % groupColumns * lanesOfFour + lane % lanesOfFour] ^
                0x80);
}

void ByteMatrix::setGroup(int64_t group,
                          const uint8_t *const streams[groupColumns]) {
  uint8_t *out = bytes.get() + group * width * groupColumns;
  Extent extent;
  for (int64_t four = 0; four < width / lanesOfFour; ++four) {
    uint32_t words[groupColumns], any = 0;
    for (int64_t s = 0; s < groupColumns; ++s) {
      words[s] = wordAt(streams[s], four);
      any |= words[s];
    }
    for (uint32_t &word : words)
      word ^= 0x80808080u;
    std::memcpy(out + four * fourBytes, words, sizeof(words));
    if (!any)
      continue;
    if (extent.begin == extent.end)
      extent.begin = four;
    extent.end = four + 1;
  }
  used[size_t(group)] = extent;
}

/// sums[s] = sum of activation times byte, over fours [range) of a group.
using SumFours = void (*)(const uint8_t *weights, const int8_t *activation,
                          Extent range, int32_t *sums);

static void sumFoursPortable(const uint8_t *weights, const int8_t *activation,
                             Extent range, int32_t *sums) {
  int32_t local[groupColumns] = {};
  for (int64_t four = range.begin; four < range.end; ++four)
    for (int64_t s = 0; s < groupColumns; ++s)
      for (int64_t j = 0; j < lanesOfFour; ++j)
        local[s] += activation[lanesOfFour * four + j] *
                    weights[four * fourBytes + s * lanesOfFour + j];
  std::memcpy(sums, local, sizeof(local));
}

#if defined(__x86_64__)
MOERT_LPU_AVX2 static void sumFoursAvx2(const uint8_t *weights,
                                        const int8_t *activation, Extent range,
                                        int32_t *sums) {
  __m256i parts[4] = {};
  for (int64_t four = range.begin; four < range.end; ++four) {
    __m128i word = _mm_cvtsi32_si128(int(wordAt(activation, four)));
    __m256i factors = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(word));
    const __m128i *from =
        reinterpret_cast<const __m128i *>(weights + four * fourBytes);
    for (int i = 0; i < 4; ++i) {
      __m256i wide = _mm256_cvtepu8_epi16(_mm_load_si128(from + i));
      parts[i] = _mm256_add_epi32(parts[i], _mm256_madd_epi16(wide, factors));
    }
  }
  alignas(32) int32_t halves[2 * groupColumns];
  for (int i = 0; i < 4; ++i)
    _mm256_store_si256(reinterpret_cast<__m256i *>(halves) + i, parts[i]);
  for (int64_t s = 0; s < groupColumns; ++s)
    sums[s] = halves[2 * s] + halves[2 * s + 1];
}

MOERT_LPU_AVX512 static void sumFoursAvx512(const uint8_t *weights,
                                            const int8_t *activation,
                                            Extent range, int32_t *sums) {
  // The latency of a dot product is that of four or five.
  constexpr int ways = 5;
  __m512i parts[ways] = {};
  auto add = [&](__m512i sum, int64_t four) MOERT_LPU_AVX512 {
    return _mm512_dpbusd_epi32(
        sum, _mm512_load_si512(weights + four * fourBytes),
        _mm512_set1_epi32(int(wordAt(activation, four))));
  };
  int64_t four = range.begin;
  for (; four + ways <= range.end; four += ways)
    for (int i = 0; i < ways; ++i)
      parts[i] = add(parts[i], four + i);
  for (; four < range.end; ++four)
    parts[0] = add(parts[0], four);
  for (int i = 1; i < ways; ++i)
    parts[0] = _mm512_add_epi32(parts[0], parts[i]);
  _mm512_storeu_si512(sums, parts[0]);
}
#endif

static SumFours sumFoursOf(HostIsa isa) {
#if defined(__x86_64__)
  if (isa == HostIsa::Avx512)
    return sumFoursAvx512;
  if (isa == HostIsa::Avx2)
    return sumFoursAvx2;
#endif
  (void)isa;
  return sumFoursPortable;
}

void ByteMatrix::multiply(const int8_t *activation, int32_t *out,
                          HostIsa isa) const {
  const int64_t fours = width / lanesOfFour;
  // before[f]: sum of the activations of lanes below four f.
  std::vector<int32_t> before(size_t(fours) + 1);
  Extent active{fours, 0};
  for (int64_t four = 0; four < fours; ++four) {
    const int8_t *a = activation + lanesOfFour * four;
    before[size_t(four) + 1] = before[size_t(four)] + a[0] + a[1] + a[2] + a[3];
    if (!wordAt(activation, four))
      continue;
    active.begin = std::min(active.begin, four);
    active.end = four + 1;
  }
  const SumFours sumFours = sumFoursOf(isa);
  for (size_t group = 0; group < used.size(); ++group) {
    int32_t *sums = out + int64_t(group) * groupColumns;
    Extent range{std::max(used[group].begin, active.begin),
                 std::min(used[group].end, active.end)};
    if (range.begin >= range.end) {
      std::fill_n(sums, groupColumns, 0);
      continue;
    }
    sumFours(groupAt(int64_t(group)), activation, range, sums);
    int32_t excess =
        128 * (before[size_t(range.end)] - before[size_t(range.begin)]);
    for (int64_t s = 0; s < groupColumns; ++s)
      sums[s] -= excess;
  }
}

//===----------------------------------------------------------------------===//
// Halves
//===----------------------------------------------------------------------===//

HalfMatrix::HalfMatrix(int64_t width)
    : width(width), batches((width + batchColumns - 1) / batchColumns),
      floats(size_t(batches * width * batchColumns)), used(size_t(batches)) {
  // The columns beyond the last group are summed with the others.
  std::memset(floats.get(), 0,
              size_t(batches * width * batchColumns) * sizeof(float));
}

/// Four lanes of 16 columns: rows of `out` are batchColumns apart. Whether all
/// are finite.
[[gnu::always_inline]] static inline bool
convertFour(const uint8_t *low, const uint8_t *high, float *out) {
  uint32_t largest = 0;
  for (int64_t j = 0; j < lanesOfFour; ++j)
    for (int64_t s = 0; s < groupColumns; ++s) {
      int64_t i = s * lanesOfFour + j;
      uint16_t half = uint16_t((low[i] | high[i] << 8) ^ 0x8080);
      out[j * batchColumns + s] = widenHalf(half);
      largest = std::max<uint32_t>(largest, half & 0x7fff);
    }
  return largest < 0x7c00;
}

static bool convertFourPortable(const uint8_t *low, const uint8_t *high,
                                float *out) {
  return convertFour(low, high, out);
}

#if defined(__x86_64__)
MOERT_LPU_AVX512 static bool
convertFourAvx512(const uint8_t *low, const uint8_t *high, float *out) {
  const __m512i lows = _mm512_load_si512(low), highs = _mm512_load_si512(high);
  const __m512i byte = _mm512_set1_epi32(0xff),
                flip = _mm512_set1_epi32(0x8080),
                digits = _mm512_set1_epi32(0x7fff);
  __m512i largest = _mm512_setzero_si512();
  for (int j = 0; j < lanesOfFour; ++j) {
    __m512i one = _mm512_and_si512(
        _mm512_srl_epi32(lows, _mm_cvtsi32_si128(8 * j)), byte);
    __m512i two = _mm512_and_si512(
        _mm512_srl_epi32(highs, _mm_cvtsi32_si128(8 * j)), byte);
    __m512i half =
        _mm512_xor_si512(_mm512_or_si512(one, _mm512_slli_epi32(two, 8)), flip);
    largest = _mm512_max_epu32(largest, _mm512_and_si512(half, digits));
    _mm512_store_ps(out + j * batchColumns,
                    _mm512_cvtph_ps(_mm512_cvtepi32_epi16(half)));
  }
  return _mm512_reduce_max_epu32(largest) < 0x7c00;
}
#endif

void HalfMatrix::set(const ByteMatrix &low, const ByteMatrix &high) {
  assert(low.width == width && high.width == width);
  auto *convert = convertFourPortable;
#if defined(__x86_64__)
  if (bestHostIsa() == HostIsa::Avx512)
    convert = convertFourAvx512;
#endif
  constexpr int64_t groupsOfBatch = batchColumns / groupColumns;
  const int64_t groups = width / groupColumns;
  finite = true;
  for (int64_t batch = 0; batch < batches; ++batch) {
    int64_t first = batch * groupsOfBatch,
            last = std::min(first + groupsOfBatch, groups);
    Extent fours{width / lanesOfFour, 0};
    for (int64_t group = first; group < last; ++group)
      for (const ByteMatrix *half : {&low, &high}) {
        Extent extent = half->used[size_t(group)];
        if (extent.begin == extent.end)
          continue;
        fours.begin = std::min(fours.begin, extent.begin);
        fours.end = std::max(fours.end, extent.end);
      }
    used[size_t(batch)] = {lanesOfFour * fours.begin, lanesOfFour * fours.end};
    float *out = floats.get() + batch * width * batchColumns;
    for (int64_t group = first; group < last; ++group)
      for (int64_t four = fours.begin; four < fours.end; ++four)
        finite &= convert(low.groupAt(group) + four * fourBytes,
                          high.groupAt(group) + four * fourBytes,
                          out + four * lanesOfFour * batchColumns +
                              (group - first) * groupColumns);
  }
}

namespace {
/// A lane whose product counts.
struct ActiveLane {
  int64_t lane;
  double value;
};
} // namespace

/// Sums of a batch over lanes, rounded to float.
using SumLanes = void (*)(const float *weights, const ActiveLane *lanes,
                          int64_t count, float *sums);

[[gnu::always_inline]] static inline void sumLanes(const float *weights,
                                                   const ActiveLane *lanes,
                                                   int64_t count, float *sums) {
  typedef double Doubles __attribute__((vector_size(64)));
  typedef float Floats __attribute__((vector_size(32)));
  constexpr int vectors = batchColumns / 8;
  Doubles local[vectors] = {};
  for (int64_t i = 0; i < count; ++i) {
    const float *row = weights + lanes[i].lane * batchColumns;
    const double value = lanes[i].value;
    for (int v = 0; v < vectors; ++v) {
      Floats part;
      std::memcpy(&part, row + 8 * v, sizeof(part));
      local[v] += __builtin_convertvector(part, Doubles) * value;
    }
  }
  for (int v = 0; v < vectors; ++v) {
    Floats rounded = __builtin_convertvector(local[v], Floats);
    std::memcpy(sums + 8 * v, &rounded, sizeof(rounded));
  }
}

static void sumLanesPortable(const float *weights, const ActiveLane *lanes,
                             int64_t count, float *sums) {
  sumLanes(weights, lanes, count, sums);
}
#if defined(__x86_64__)
MOERT_LPU_AVX2 static void sumLanesAvx2(const float *weights,
                                        const ActiveLane *lanes, int64_t count,
                                        float *sums) {
  sumLanes(weights, lanes, count, sums);
}
MOERT_LPU_AVX512 static void sumLanesAvx512(const float *weights,
                                            const ActiveLane *lanes,
                                            int64_t count, float *sums) {
  sumLanes(weights, lanes, count, sums);
}
#endif

static SumLanes sumLanesOf(HostIsa isa) {
#if defined(__x86_64__)
  if (isa == HostIsa::Avx512)
    return sumLanesAvx512;
  if (isa == HostIsa::Avx2)
    return sumLanesAvx2;
#endif
  (void)isa;
  return sumLanesPortable;
}

void HalfMatrix::multiply(const uint16_t *activation, uint32_t *out,
                          HostIsa isa) const {
  std::vector<ActiveLane> lanes;
  lanes.reserve(size_t(width));
  // Lanes with something that is not finite, which times 0 is not a number.
  Extent special{width, 0};
  for (int64_t lane = 0; lane < width; ++lane) {
    uint16_t half = activation[lane];
    if (finite && !(half & 0x7fff))
      continue;
    lanes.push_back({lane, widenHalf(half)});
    if ((half & 0x7fff) < 0x7c00)
      continue;
    special.begin = std::min(special.begin, lane);
    special.end = lane + 1;
  }
  const SumLanes sumLanes = sumLanesOf(isa);
  auto indexOf = [&](int64_t lane) {
    return std::lower_bound(
               lanes.begin(), lanes.end(), lane,
               [](const ActiveLane &a, int64_t b) { return a.lane < b; }) -
           lanes.begin();
  };
  for (int64_t batch = 0; batch < batches; ++batch) {
    alignas(64) float sums[batchColumns];
    Extent range = used[size_t(batch)];
    bool outside = special.begin < special.end &&
                   (special.begin < range.begin || special.end > range.end);
    int64_t begin = 0, end = 0;
    if (range.begin < range.end) {
      begin = indexOf(range.begin);
      end = indexOf(range.end);
    }
    sumLanes(floats.get() + batch * width * batchColumns, lanes.data() + begin,
             end - begin, sums);
    int64_t first = batch * batchColumns,
            count = std::min(batchColumns, width - first);
    for (int64_t column = 0; column < count; ++column)
      out[first + column] = outside || std::isnan(sums[column])
                                ? 0x7fc00000u
                                : std::bit_cast<uint32_t>(sums[column]);
  }
}
