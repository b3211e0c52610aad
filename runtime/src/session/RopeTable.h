//===- RopeTable.h - cosines and sines of every position --------*- C++ -*-===//
#ifndef MOERT_SESSION_ROPETABLE_H
#define MOERT_SESSION_ROPETABLE_H

#include <cstdint>
#include <span>

namespace moert {

/// Fills f32 [capacity][cosines, sines][frequencies], times `gain`. Angles are
/// float64: in float32 a position of a few thousand times a frequency of about
/// one would be wrong in the fourth digit.
void fillRopeTable(std::span<const double> frequencies, double gain,
                   int64_t capacity, float *table);

} // namespace moert

#endif // MOERT_SESSION_ROPETABLE_H
