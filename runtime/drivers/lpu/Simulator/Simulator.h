//===- Simulator.h - runs programs of an LPU, to the cycle ------*- C++ -*-===//
//
// A program is checked once, when the simulator is made; what can be seen
// without running it is refused then. A hazard ends a run with a status that
// begins with its id (Hazards.h) and names the cycle, the unit and both
// instructions.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_SIMULATOR_H
#define MOERT_DRIVERS_LPU_SIMULATOR_SIMULATOR_H

#include "base/Status.h"
#include "lpu/Machine.h"
#include "lpu_generated.h"
#include "moert/abi/lpu.h"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace moert::lpu {

/// An instruction that is issued; NOP and REPEAT are not, their repetitions
/// are.
struct TraceEvent {
  uint64_t cycle;
  size_t track, word; ///< of the segment
  moert_lpu_instruction_t instruction;
};

struct SimulatorOptions {
  uint64_t seed = 0; ///< of what SRAM holds before anything is written
  bool data = true;  ///< false: time, identities and hazards only; no values
  int threads = 1;   ///< for products of many chips; changes no result
  /// Cycles between single-event upsets of a bit of a buffer; 0: none. SECDED
  /// corrects one of a 128-bit word when it is read, and a second one ends the
  /// run.
  uint64_t upsetEvery = 0;
  /// Fill in Simulator::recorded() instead of comparing claims and uses.
  bool record = false;
  std::function<void(const TraceEvent &)> trace;
};

struct Warning {
  uint64_t count = 0;
  std::string first; ///< with cycle and instruction
};

struct Result {
  uint64_t cycles = 0; ///< as Segment.cycles counts them
  uint64_t instructions = 0;
  /// Cycles in which each kind was at work, summed over units of all chips.
  struct {
    uint64_t install = 0; ///< planes: LW, LWX
    uint64_t feed = 0;    ///< planes: ABC
    uint64_t drain = 0;
    uint64_t alu = 0, sxm = 0;
    uint64_t read = 0, write = 0; ///< of slices
    uint64_t streams = 0;         ///< byte planes that came onto a stream
    uint64_t links = 0;           ///< vectors sent
  } busy;
  Warning overflow, notANumber; ///< H37, H38
  Warning unused;               ///< results that fewer took than declared
  uint64_t corrected = 0;       ///< upsets
};

/// Claims and uses as a run found them, of each track and word of a segment.
struct Recorded {
  std::vector<std::vector<uint32_t>> claims;
  std::vector<std::vector<uint16_t>> uses;
  uint32_t outputs = 0;
};

class Simulator {
public:
  /// Copies and checks `program`, a FlatBuffer (lpu.fbs). Constants and text
  /// are in SRAM from then on; parameters, inputs and state are for the host to
  /// write.
  static Status create(std::span<const std::byte> program,
                       SimulatorOptions options,
                       std::unique_ptr<Simulator> *out);
  ~Simulator();

  const Machine &machine() const;
  const Program &program() const;

  /// Runs a segment from its first cycle. `first` says that it is the first one
  /// of a run: then nothing is in temporary buffers and outputs, and identities
  /// are those that a program starts with. Rows of other kinds stay as they
  /// are. On failure `result` says how far it came.
  Status run(size_t segment, Result &result, bool first = true);

  /// Vectors of a buffer, each with all lanes of its byte plane 0, then of 1,
  /// ... (`vectorBytes` of them). Vectors that are written are there; a read of
  /// one that is not fails.
  Status writeVectors(size_t buffer, uint64_t first, uint64_t count,
                      std::span<const std::byte> bytes);
  Status readVectors(size_t buffer, uint64_t first, uint64_t count,
                     std::span<std::byte> bytes) const;
  size_t vectorBytes(size_t buffer) const;

  /// As after create.
  Status reset();

  /// Flips a bit of a byte plane of a vector (bit 0: lowest bit of lane 0).
  Status upset(size_t buffer, uint64_t vector, size_t plane, uint64_t bit);

  /// Of the last run, if the options say so.
  const Recorded &recorded() const;

private:
  class Implementation;
  explicit Simulator(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> self;
};

/// "mem.e12.read", "vxm.3", "c1.mxm.w0.load": a track as messages name it, with
/// its chip where there are more.
std::string trackName(moert_lpu_track_kind_t kind, int chip, int hemisphere,
                      int index, bool manyChips);
/// "READ", or nullptr if there is no such opcode (without the flag).
const char *opcodeName(unsigned opcode);

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_SIMULATOR_H
