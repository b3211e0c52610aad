//===- TrellisKernels.h - one step of a trellis search ----------*- C++ -*-===//
#ifndef MOE_QUANT_Q35_TRELLISKERNELS_H
#define MOE_QUANT_Q35_TRELLISKERNELS_H

#include <cstdint>

namespace moe::q35 {

/// Codes of a pair, and successors of a state.
constexpr int codeCount = 128;
/// Values of the 9 bits of a state that a code is shifted in above.
constexpr int rowCount = 512;
/// A level differs by 1, a target by half: 16 and 8 of these. Thus every
/// square is a multiple of 64, and a cost has room for the number of a group.
constexpr int levelUnit = 16, targetUnit = 8, costUnit = 64;
/// Targets are at most this many units, so that costs fit (Trellis.cpp).
constexpr int targetLimit = 320 * levelUnit;
/// Costs of what cannot be reached.
constexpr int32_t unreachable = int32_t(1) << 30;

/// Bits of a search: it has 2^bits survivors.
constexpr int minBits = 8, maxBits = 16;
/// Survivors that agree in all but their oldest 7 bits.
constexpr int getGroups(int bits) { return 1 << (bits - 7); }

/// The target of a pair; the second weight of `half` a pair does not exist.
struct PairTarget {
  int16_t first = 0, second = 0;
  bool half = false;
};

/// The survivors of a stream after some pairs. The states whose 16 bits end in
/// the same `bits` bits are represented by one of them, the cheapest; with all
/// 16 bits the search is exact. What is kept is a *group*: the survivors that
/// agree in all but their oldest 7 bits have the same successors, so the
/// cheapest is enough. Group g means that the bits of a successor below its own
/// code are g, counted from the newest.
struct Frontier {
  int bits = 16;
  int32_t costs[rowCount];  ///< of a group, multiples of costUnit, least 0
  int32_t rows[rowCount];   ///< of a group: the upper 9 bits of its survivor

  void start(int bits, uint16_t state);
  /// The cheapest group.
  int getBest() const;
};

/// Levels of the successors of each row, in levelUnit: [rowCount][lane][2].
using LevelRows = const int16_t *;

/// Where a search of `bits` bits finds a code's levels in a row: codes whose
/// survivors differ in what the next step forgets lie in different runs.
inline int getLane(int bits, int code) {
  int shift = bits < 14 ? 14 - bits : 0;
  return (code & ((1 << shift) - 1)) << (7 - shift) | code >> shift;
}

/// Appends a pair. For each new group g, its survivor had the `bits` bits
/// (g << 7 | back[g]) of which the newest 7 are the pair's code.
using Advance = void (*)(Frontier &frontier, LevelRows levels,
                         PairTarget target, uint8_t *back);

/// Instruction sets with a function of their own. All give the same bits.
enum class Isa { Portable, Avx2, Avx512 };
Isa getBestIsa();
/// Null if this processor lacks the instructions.
Advance getAdvance(Isa isa, int bits);

} // namespace moe::q35

#endif // MOE_QUANT_Q35_TRELLISKERNELS_H
