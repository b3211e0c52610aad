//===- Bench.h - figures of repeated measurements ---------------*- C++ -*-===//
#ifndef MOERT_CLI_BENCH_H
#define MOERT_CLI_BENCH_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace moert::cli {

/// How much memory to read for its bandwidth: enough that no cache holds it,
/// but no more than a quarter of what is free.
uint64_t probeBytes();

/// One figure, measured several times.
class Samples {
public:
  void add(double value) { values.push_back(value); }
  bool empty() const { return values.empty(); }
  size_t size() const { return values.size(); }
  double operator[](size_t i) const { return values[i]; }
  double median() const;
  double least() const {
    return *std::min_element(values.begin(), values.end());
  }
  double most() const {
    return *std::max_element(values.begin(), values.end());
  }

private:
  std::vector<double> values;
};

} // namespace moert::cli

#endif // MOERT_CLI_BENCH_H
