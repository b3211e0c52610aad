//===- Trellis.h - the cheapest codes of a stream of pairs ------*- C++ -*-===//
#ifndef MOE_QUANT_Q35_TRELLIS_H
#define MOE_QUANT_Q35_TRELLIS_H

#include "TrellisKernels.h"
#include <memory>
#include <utility>
#include <vector>

namespace moe::q35 {

/// What a trellis' bits mean: moe.code's window, levels and offset.
class TrellisTable {
public:
  /// For a search of `bits` bits, 8 to 16.
  TrellisTable(int bits, int a, int b, const std::vector<int> &levels);

  /// Indices into the levels of a state's two weights.
  static std::pair<int, int> getIndices(int a, int b, uint16_t state);
  /// Levels less the offset of a state's two weights.
  std::pair<int, int> getLevels(uint16_t state) const;
  LevelRows getRows() const { return rows; }
  int getBits() const { return bits; }

private:
  const int16_t *getPair(uint16_t state) const;

  int bits;
  std::vector<int16_t> storage;
  int16_t *rows; ///< aligned to a cache line
};

/// The state after a code.
inline uint16_t getNextState(uint16_t state, uint8_t code) {
  return uint16_t(state >> 7 | code << 9);
}

/// Finds codes for a stream of pairs: the Viterbi algorithm over 2^bits
/// survivors, each of which keeps its own state of 16 bits.
class TrellisSearch {
public:
  /// `table` outlives the search.
  TrellisSearch(const TrellisTable &table, Isa isa = getBestIsa());

  /// The first `count` of the best codes for all the targets, from `state`,
  /// which becomes the state after them.
  void run(uint16_t &state, const std::vector<PairTarget> &targets,
           int64_t count, uint8_t *codes);

private:
  const TrellisTable &table;
  Advance advance;
  Frontier frontier;
  std::vector<uint8_t> back; ///< [pair][group]
  std::vector<uint8_t> path;
};

} // namespace moe::q35

#endif // MOE_QUANT_Q35_TRELLIS_H
