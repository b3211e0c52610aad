//===- Machine.h - an LPU as data -----------------------------------------===//
//
// The machine file is all that the scheduler and the simulator have in common: a
// JSON object with the members below, section by section; docs/LPU.md says what
// each is and where its value comes from. A library of its own, moert_lpu_machine,
// for the compiler, and a part of moert.
//===----------------------------------------------------------------------===//
#ifndef MOERT_SRC_LPU_MACHINE_H
#define MOERT_SRC_LPU_MACHINE_H

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moert::lpu {

/// All latencies and distances in cycles; a stream flows one column a cycle.
struct Machine {
  std::string name;
  std::string text; ///< the file itself
  double clockHz = 0;
  int64_t superlanes = 0, lanes = 0; ///< lanes of a superlane
  int64_t streams = 0;               ///< of each direction, a byte a lane

  struct {
    int64_t slices = 0; ///< of a hemisphere
    int64_t banks = 0, rows = 0; ///< rows of a bank
    int64_t group = 0; ///< slices that share a column
  } mem;
  struct {
    int64_t mem = 0, sxm = 0, mxm = 0; ///< columns from the VXM; mem: first group
  } position;
  struct {
    int64_t read = 0, write = 0, gather = 0;
    int64_t vxmEntry = 0, alu = 0;
    int64_t shift = 0, permute = 0, distribute = 0, rotate = 0, transpose = 0, select = 0;
    int64_t mxmResult = 0; ///< activation to result
    int64_t install = 0;   ///< weight buffer to array
  } latency;
  struct {
    int64_t planes = 0;  ///< of a hemisphere; an even one and the next are a pair
    int64_t streams = 0; ///< that a load takes in a cycle: so many columns of weights
    int64_t depth = 0;   ///< cycles that an activation is on its way through the array
    int64_t clear = 0;
    int64_t overhead = 0; ///< least cycles between the end of a load and the next
    int64_t accumulators = 0; ///< results that ACC can add to; 0: none
    bool expander = false;    ///< ours: LWX
  } mxm;
  struct {
    int64_t alus = 0;
    std::vector<bool> large;               ///< of each ALU
    std::vector<std::vector<bool>> reach;  ///< [ALU][group of 4 streams]
    int64_t fanout = 0; ///< places that the result of an ALU goes to
  } vxm;
  struct {
    int64_t shifters = 0, permuters = 0, distributors = 0, transposers = 0, selectors = 0;
  } sxm; ///< of a hemisphere
  struct {
    int64_t queues = 0, ifetchBytes = 0, barrier = 0;
  } icu;
  struct {
    int64_t links = 0;
    int64_t vectorCycles = 0; ///< that a vector occupies a link
    int64_t hopCycles = 0;
    int64_t deskewWindow = 0; ///< cycles that an arrival may be off
    int64_t local = 0, global = 0; ///< links to chips of the node, to other nodes
    int64_t node = 0, nodesOfRack = 0; ///< chips, nodes
  } c2c;

  int64_t width() const { return superlanes * lanes; }
  int64_t rowsOfSlice() const { return mem.banks * mem.rows; }
  /// Column of a slice, as a distance from the VXM.
  int64_t columnOf(int64_t slice) const { return position.mem + slice / mem.group; }
  uint64_t sramBytes() const { return 2 * mem.slices * rowsOfSlice() * uint64_t(width()); }
};

/// Reads and checks a machine file. On failure `out` is as it was and the result says
/// what is wrong, with both numbers; on success it is empty. `origin` is for messages.
std::string parseMachine(std::string_view text, std::string_view origin, Machine &out);

/// Machines that come with the project: name and text, sorted.
struct NamedMachine {
  const char *name;
  const char *text;
};
const std::vector<NamedMachine> &machines();

} // namespace moert::lpu

#endif // MOERT_SRC_LPU_MACHINE_H
