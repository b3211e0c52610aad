//===- Mxm.h - the planes of one hemisphere over time -----------*- C++ -*-===//
//
// Each plane has an array, which activations go through, and a buffer, which
// the next weights come into. Cycles are those in which instructions are
// dispatched; they never go back. Whoever calls samples streams, compares
// claims, and brings results to streams `mxm_result` cycles later.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_MXM_H
#define MOERT_DRIVERS_LPU_SIMULATOR_MXM_H

#include "Products.h"
#include "lpu/Machine.h"
#include "moert/abi/lpu.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace moert::lpu {

/// What a program did that it must not do; hazard 0: nothing.
struct Violation {
  int hazard = 0;
  std::string what; ///< lower case, with both numbers
  explicit operator bool() const { return hazard != 0; }
};

class Mxm {
public:
  /// Without data, times and identities only.
  Mxm(const Machine &machine, bool data);
  ~Mxm();
  /// Nothing in arrays, buffers and accumulators, and cycle 0.
  void reset();

  /// LW and LWX at `cycle`: columns of the groups [group, group + count) come
  /// in this cycle and the next ones. H15.
  Violation load(int64_t plane, uint64_t cycle, int64_t group, int64_t count);
  /// What comes: 16 columns of a byte a lane. Only with data.
  void takeColumns(int64_t plane, int64_t group, const uint8_t *const *columns);
  /// The identity of the weights in the buffer, told with the last columns.
  void setLoaded(int64_t plane, uint32_t identity);
  /// Of the weights that are in the buffer; 0 if there are none. A load that
  /// comes on top of others has it as the first number after `row` in its fold.
  uint32_t getLoaded(int64_t plane) const;

  /// IW: H14 to H16. Groups of columns that nobody loaded are 0.
  Violation install(int64_t plane, uint64_t cycle, unsigned type);
  /// H14, H15.
  Violation clear(int64_t plane, uint64_t cycle);
  /// Identity of the weights in the array.
  uint32_t getInstalled(int64_t plane) const;

  /// ABC: one activation, with the identity of its stream and its byte planes
  /// (not without data). H13, H16.
  Violation feed(int64_t plane, uint64_t cycle, unsigned type,
                 uint32_t identity, const uint8_t *const *bytes);

  struct Sum {
    uint32_t identity = 0;
    bool overflow = false, notANumber = false;
  };
  /// ACC: the result of the activation of the same cycle, as 32-bit words (not
  /// without data). Results go through accumulator `accumulator` if the machine
  /// has them. H17, H19. After all ABCs of the cycle.
  Violation drain(int64_t plane, uint64_t cycle, unsigned type, bool add,
                  int64_t accumulator, uint32_t *words, Sum &out);
  /// Whether an activation of this cycle waits for its ACC.
  bool isUndrained(int64_t plane, uint64_t cycle) const;

private:
  struct Accumulator;
  struct Plane;
  /// The planes of an instruction: both of a pair for f16.
  int64_t planesOfType(unsigned type) const {
    return type == MOERT_LPU_F16 ? 2 : 1;
  }
  Violation checkPlane(int64_t plane, unsigned type, const char *what) const;
  Violation checkQuiet(const Plane &plane, uint64_t cycle) const;

  const Machine &machine;
  const bool data;
  std::vector<Plane> planes;
  std::vector<std::unique_ptr<HalfMatrix>> halves; ///< of each pair, when it has some
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_MXM_H
