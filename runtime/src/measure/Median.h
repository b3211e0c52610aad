//===- Median.h - the median of several measurements ------------*- C++ -*-===//
#ifndef MOERT_MEASURE_MEDIAN_H
#define MOERT_MEASURE_MEDIAN_H

#include <algorithm>
#include <array>
#include <chrono>

namespace moert {

/// Median seconds of seven calls, after one that only warms up.
template <typename Body> double medianSeconds(Body &&body) {
  body();
  std::array<double, 7> seconds;
  for (double &entry : seconds) {
    auto start = std::chrono::steady_clock::now();
    body();
    entry =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

} // namespace moert

#endif // MOERT_MEASURE_MEDIAN_H
