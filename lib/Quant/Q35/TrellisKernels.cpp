//===- TrellisKernels.cpp - the inner loop of the trellis search ----------===//
//
// A step takes, for every code n, the minimum over the groups g of
//   cost[g] + |levels[row of g][n] - target|^2,
// which is vertical in vectors of successive n: a subtraction, a product that
// accumulates, a minimum. The lowest bits of a cost say which group it came
// from, so the minimum is also its own argument, and ties fall to the first.
//===----------------------------------------------------------------------===//
#include "TrellisKernels.h"

#include <algorithm>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace moe::q35;

/// The groups of one call, which fit in the lowest bits of a cost.
static constexpr int partGroups = costUnit;

/// Writes the minimum of each code over `count` groups, at most partGroups, to
/// `out`, which is aligned to a cache line.
using Minima = void (*)(LevelRows levels, const int32_t *costs,
                        const int32_t *rows, int count, PairTarget target,
                        int32_t *out);

//===----------------------------------------------------------------------===//
// Minima
//===----------------------------------------------------------------------===//

static void minimaPortable(LevelRows levels, const int32_t *costs,
                           const int32_t *rows, int count, PairTarget target,
                           int32_t *out) {
  std::fill_n(out, codeCount, INT32_MAX);
  for (int group = 0; group < count; ++group) {
    if (costs[group] == unreachable)
      continue;
    const int16_t *row = levels + int64_t(rows[group]) * codeCount * 2;
    int32_t base = costs[group] + group;
    for (int code = 0; code < codeCount; ++code) {
      int32_t first = row[2 * code] - target.first;
      int32_t second = target.half ? 0 : row[2 * code + 1] - target.second;
      int32_t cost = base + first * first + second * second;
      out[code] = cost < out[code] ? cost : out[code];
    }
  }
}

#if defined(__x86_64__)
static int32_t getPacked(PairTarget target) {
  return int32_t(uint32_t(uint16_t(target.second)) << 16 |
                 uint16_t(target.first));
}

__attribute__((target("avx2"))) static void
minimaAvx2(LevelRows levels, const int32_t *costs, const int32_t *rows,
           int count, PairTarget target, int32_t *out) {
  if (target.half)
    return minimaPortable(levels, costs, rows, count, target, out);
  constexpr int lanes = 8, vectors = 8;
  const __m256i wanted = _mm256_set1_epi32(getPacked(target));
  for (int code = 0; code < codeCount; code += lanes * vectors) {
    __m256i least[vectors];
    for (__m256i &vector : least)
      vector = _mm256_set1_epi32(INT32_MAX);
    for (int group = 0; group < count; ++group) {
      if (costs[group] == unreachable)
        continue;
      const int16_t *row =
          levels + (int64_t(rows[group]) * codeCount + code) * 2;
      const __m256i base = _mm256_set1_epi32(costs[group] + group);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; ++v) {
        __m256i difference = _mm256_sub_epi16(
            _mm256_load_si256((const __m256i *)row + v), wanted);
        __m256i cost = _mm256_add_epi32(
            base, _mm256_madd_epi16(difference, difference));
        least[v] = _mm256_min_epi32(least[v], cost);
      }
    }
    for (int v = 0; v < vectors; ++v)
      _mm256_store_si256((__m256i *)(out + code) + v, least[v]);
  }
}

#define MOE_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"

__attribute__((target(MOE_AVX512))) static void
minimaAvx512(LevelRows levels, const int32_t *costs, const int32_t *rows,
             int count, PairTarget target, int32_t *out) {
  if (target.half)
    return minimaPortable(levels, costs, rows, count, target, out);
  constexpr int lanes = 16, vectors = codeCount / lanes;
  const __m512i wanted = _mm512_set1_epi32(getPacked(target));
  __m512i least[vectors];
  for (__m512i &vector : least)
    vector = _mm512_set1_epi32(INT32_MAX);
  for (int group = 0; group < count; ++group) {
    if (costs[group] == unreachable)
      continue;
    const int16_t *row = levels + int64_t(rows[group]) * codeCount * 2;
    const __m512i base = _mm512_set1_epi32(costs[group] + group);
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; ++v) {
      __m512i difference = _mm512_sub_epi16(
          _mm512_load_si512(row + v * lanes * 2), wanted);
      least[v] = _mm512_min_epi32(
          least[v], _mm512_dpwssd_epi32(base, difference, difference));
    }
  }
  for (int v = 0; v < vectors; ++v)
    _mm512_store_si512(out + v * lanes, least[v]);
}
#endif

//===----------------------------------------------------------------------===//
// A step
//===----------------------------------------------------------------------===//

namespace {
/// The minima of each code over some groups, and which group.
struct Winners {
  alignas(64) int32_t costs[codeCount];
  alignas(64) int32_t groups[codeCount];
};
} // namespace

/// Minima over groups [first, first + count), at most codeCount of them.
template <Minima minima>
[[gnu::always_inline]] static inline void
findWinners(const Frontier &frontier, LevelRows levels, PairTarget target,
            int first, int count, Winners &winners) {
  alignas(64) int32_t least[codeCount];
  for (int part = 0; part < count; part += partGroups) {
    int begin = first + part;
    minima(levels, frontier.costs + begin, frontier.rows + begin,
           std::min(count - part, partGroups), target, least);
    for (int code = 0; code < codeCount; ++code) {
      int32_t cost = least[code] & -costUnit;
      int32_t group = begin + (least[code] & (costUnit - 1));
      bool better = part == 0 || cost < winners.costs[code];
      winners.costs[code] = better ? cost : winners.costs[code];
      winners.groups[code] = better ? group : winners.groups[code];
    }
  }
}

/// With fewer than 14 bits some codes lead to the same group: a run of codes
/// for each value of their lowest bits (getLane).
template <int bits>
[[gnu::always_inline]] static inline void
fold(const Winners &winners, int32_t *costs, int32_t *lowest, int32_t *from) {
  constexpr int groups = getGroups(bits);
  for (int group = 0; group < groups; ++group) {
    int32_t least = winners.costs[group], low = 0;
    int32_t winner = winners.groups[group];
    for (int i = 1; i < codeCount / groups; ++i) {
      bool better = winners.costs[i * groups + group] < least;
      least = better ? winners.costs[i * groups + group] : least;
      winner = better ? winners.groups[i * groups + group] : winner;
      low = better ? i : low;
    }
    costs[group] = least;
    from[group] = winner;
    lowest[group] = low;
  }
}

/// Costs count from the least, and what is unreachable stays there.
template <int groups>
[[gnu::always_inline]] static inline void normalize(const int32_t *costs,
                                                    int32_t *out) {
  int32_t least = INT32_MAX;
  for (int group = 0; group < groups; ++group)
    least = std::min(least, costs[group]);
  for (int group = 0; group < groups; ++group)
    out[group] = std::min(costs[group] - least, unreachable);
}

template <Minima minima, int bits>
[[gnu::always_inline]] static inline void
advance(Frontier &frontier, LevelRows levels, PairTarget target,
        uint8_t *back) {
  constexpr int groups = getGroups(bits);
  alignas(64) int32_t costs[groups], rows[groups];
  Winners winners;
  if constexpr (bits < 14) {
    constexpr int shift = 14 - bits;
    alignas(64) int32_t lowest[groups], from[groups];
    findWinners<minima>(frontier, levels, target, 0, groups, winners);
    fold<bits>(winners, costs, lowest, from);
    for (int group = 0; group < groups; ++group) {
      rows[group] = (group << shift | lowest[group]) << 2 |
                    frontier.rows[from[group]] >> 7;
      back[group] = lowest[group] << (bits - 7) | from[group];
    }
  } else {
    // The groups [128 * set, 128 * (set + 1)) lead to the groups that end in
    // `set`, each by one code.
    constexpr int shift = bits - 14;
    for (int set = 0; set < 1 << shift; ++set) {
      findWinners<minima>(frontier, levels, target, set * codeCount, codeCount,
                          winners);
      for (int code = 0; code < codeCount; ++code) {
        int group = code << shift | set, from = winners.groups[code];
        costs[group] = winners.costs[code];
        rows[group] = code << 2 | frontier.rows[from] >> 7;
        back[group] = from & (codeCount - 1);
      }
    }
  }
  normalize<groups>(costs, frontier.costs);
  std::memcpy(frontier.rows, rows, sizeof(rows));
}

template <int bits>
static void advancePortable(Frontier &frontier, LevelRows levels,
                            PairTarget target, uint8_t *back) {
  advance<minimaPortable, bits>(frontier, levels, target, back);
}

#if defined(__x86_64__)
template <int bits>
__attribute__((target("avx2"))) static void
advanceAvx2(Frontier &frontier, LevelRows levels, PairTarget target,
            uint8_t *back) {
  advance<minimaAvx2, bits>(frontier, levels, target, back);
}

template <int bits>
__attribute__((target(MOE_AVX512))) static void
advanceAvx512(Frontier &frontier, LevelRows levels, PairTarget target,
              uint8_t *back) {
  advance<minimaAvx512, bits>(frontier, levels, target, back);
}
#endif

//===----------------------------------------------------------------------===//
// Which of them
//===----------------------------------------------------------------------===//

#define MOE_EACH_BITS(name)                                                    \
  {name<8>,  name<9>,  name<10>, name<11>, name<12>,                           \
   name<13>, name<14>, name<15>, name<16>}

static bool hasInstructions(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::Avx2)
    return __builtin_cpu_supports("avx2");
  if (isa == Isa::Avx512)
    return __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
#endif
  return isa == Isa::Portable;
}

Advance moe::q35::getAdvance(Isa isa, int bits) {
  static const Advance functions[][maxBits - minBits + 1] = {
      MOE_EACH_BITS(advancePortable),
#if defined(__x86_64__)
      MOE_EACH_BITS(advanceAvx2),
      MOE_EACH_BITS(advanceAvx512),
#endif
  };
  return hasInstructions(isa) ? functions[int(isa)][bits - minBits] : nullptr;
}

Isa moe::q35::getBestIsa() {
  for (Isa isa : {Isa::Avx512, Isa::Avx2})
    if (hasInstructions(isa))
      return isa;
  return Isa::Portable;
}

void Frontier::start(int bits, uint16_t state) {
  this->bits = bits;
  int shift = 16 - bits, groups = getGroups(bits);
  for (int group = 0; group < groups; ++group) {
    costs[group] = unreachable;
    rows[group] = group << shift;
  }
  int row = state >> 7;
  costs[row >> shift] = 0;
  rows[row >> shift] = row;
}

int Frontier::getBest() const {
  return std::min_element(costs, costs + getGroups(bits)) - costs;
}
