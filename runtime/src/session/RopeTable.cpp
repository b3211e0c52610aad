//===- RopeTable.cpp - cosines and sines of every position ----------------===//
#include "session/RopeTable.h"

#include <cmath>

void moert::fillRopeTable(std::span<const double> frequencies, double gain,
                          int64_t capacity, float *table) {
  int64_t count = static_cast<int64_t>(frequencies.size());
#pragma omp parallel for schedule(static)
  for (int64_t position = 0; position < capacity; ++position) {
    float *cosines = table + position * 2 * count;
    float *sines = cosines + count;
    for (int64_t i = 0; i < count; ++i) {
      double angle = static_cast<double>(position) * frequencies[i];
      cosines[i] = static_cast<float>(std::cos(angle) * gain);
      sines[i] = static_cast<float>(std::sin(angle) * gain);
    }
  }
}
