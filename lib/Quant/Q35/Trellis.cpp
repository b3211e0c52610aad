//===- Trellis.cpp - the Viterbi search forward and back ------------------===//
//
// Costs fit in 31 bits: levels differ from targets by at most (255 + 320) * 16,
// so a pair costs less than 1.7e8. From any state three pairs lead to every
// other, so costs differ by less than 5.1e8 and, a pair later, stay below
// unreachable.
//===----------------------------------------------------------------------===//
#include "Trellis.h"

#include <cassert>

using namespace moe::q35;

std::pair<int, int> TrellisTable::getIndices(int a, int b, uint16_t state) {
  uint16_t mixed = uint16_t(state + a * (state & 255) + b * (state >> 8));
  return {mixed & 127, mixed >> 8 & 127};
}

TrellisTable::TrellisTable(int bits, int a, int b,
                           const std::vector<int> &levels)
    : bits(bits), storage(rowCount * codeCount * 2 + 32) {
  assert(bits >= minBits && bits <= maxBits && levels.size() == codeCount);
  uintptr_t begin = reinterpret_cast<uintptr_t>(storage.data());
  rows = reinterpret_cast<int16_t *>((begin + 63) & ~uintptr_t(63));
  for (int state = 0; state <= UINT16_MAX; ++state) {
    auto [first, second] = getIndices(a, b, state);
    int16_t *pair = const_cast<int16_t *>(getPair(state));
    pair[0] = levels[first] * levelUnit;
    pair[1] = levels[second] * levelUnit;
  }
}

const int16_t *TrellisTable::getPair(uint16_t state) const {
  int row = state & (rowCount - 1), lane = getLane(bits, state >> 9);
  return rows + (row * codeCount + lane) * 2;
}

std::pair<int, int> TrellisTable::getLevels(uint16_t state) const {
  const int16_t *pair = getPair(state);
  return {pair[0] / levelUnit, pair[1] / levelUnit};
}

TrellisSearch::TrellisSearch(const TrellisTable &table, Isa isa)
    : table(table), advance(getAdvance(isa, table.getBits())) {
  assert(advance && "instructions that the processor lacks");
}

void TrellisSearch::run(uint16_t &state,
                        const std::vector<PairTarget> &targets, int64_t count,
                        uint8_t *codes) {
  const int bits = table.getBits();
  int64_t pairs = targets.size(), groups = getGroups(bits);
  assert(count <= pairs && "codes without targets");
  back.resize(pairs * groups);
  path.resize(pairs);
  frontier.start(bits, state);
  for (int64_t pair = 0; pair < pairs; ++pair)
    advance(frontier, table.getRows(), targets[pair],
            back.data() + pair * groups);
  int group = frontier.getBest();
  for (int64_t pair = pairs; pair-- > 0;) {
    int newest = group << 7 | back[pair * groups + group];
    path[pair] = newest >> (bits - 7);
    group = newest & (groups - 1);
  }
  for (int64_t pair = 0; pair < count; ++pair) {
    codes[pair] = path[pair];
    state = getNextState(state, path[pair]);
  }
}
