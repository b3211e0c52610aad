//===- Simulate.h - runs a program, given and asked numbers -----*- C++ -*-===//
//
// The compiler's tests are C++17 and the simulator is not, so they meet here.
//===----------------------------------------------------------------------===//
#ifndef MOE_TEST_UNIT_LPU_SIMULATE_H
#define MOE_TEST_UNIT_LPU_SIMULATE_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace moe::lpu {

/// Lanes of all vectors of f32 buffers, by name.
using Numbers = std::map<std::string, std::vector<float>>;

struct Simulated {
  std::string error;
  uint64_t predicted = 0, cycles = 0;
  Numbers outputs;
};

Simulated simulate(const std::vector<char> &program, const Numbers &inputs);

} // namespace moe::lpu

#endif // MOE_TEST_UNIT_LPU_SIMULATE_H
