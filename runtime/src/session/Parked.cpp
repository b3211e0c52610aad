//===- Parked.cpp - rows that left early, and wait ------------------------===//
#include "session/Parked.h"

#include <algorithm>
#include <iterator>

using namespace moert;

const ParkedRow *Parked::find(int32_t sequence, int32_t position) const {
  const Rows &waiting = rowsOf(sequence);
  auto found = waiting.find(position);
  return found == waiting.end() ? nullptr : &found->second;
}

void Parked::keep(int32_t sequence, int32_t position, ParkedRow row) {
  rows += sequences[size_t(sequence)]
              .insert_or_assign(position, std::move(row))
              .second;
}

void Parked::drop(int32_t sequence, int32_t position) {
  rows -= int64_t(sequences[size_t(sequence)].erase(position));
}

void Parked::dropFrom(int32_t sequence, int32_t position) {
  Rows &waiting = sequences[size_t(sequence)];
  auto first = waiting.lower_bound(position);
  rows -= std::distance(first, waiting.end());
  waiting.erase(first, waiting.end());
}

int32_t Parked::fullest() const {
  auto found = std::max_element(
      sequences.begin(), sequences.end(),
      [](const Rows &a, const Rows &b) { return a.size() < b.size(); });
  return int32_t(found - sequences.begin());
}
