//===- LpuProgram.h - a program, loaded into a simulated chip -------------===//
#ifndef MOERT_DRIVERS_LPU_LPUPROGRAM_H
#define MOERT_DRIVERS_LPU_LPUPROGRAM_H

#include "Loader.h"
#include "State.h"
#include "moert/abi/driver.h"

namespace moert::lpu {

/// Whether this runtime can run a program: its format, its instruction set and
/// its machine. The failures of this file have no file in front.
Status checkModuleCode(const moert_code_t &code);

/// One module's program and what lies in SRAM.
class ProgramRunner {
public:
  static Status create(const moert_code_t &code, int threads,
                       std::unique_ptr<ProgramRunner> *out);

  /// Runs the rows one after the other.
  Status forward(const moert_abi_forward_t &args,
                 void (*trace)(void *host, int64_t op), void *host);
  void describeUse(moert_device_use_t *out) const;

private:
  Status checkInterface(const fb::Module &module);
  Status checkExits(const fb::Exits *exits) const;
  Status checkHostBuffer(int32_t index, const char *what, uint64_t count) const;
  Status prepare(const moert_abi_forward_t &args);
  Status runRow(const moert_abi_forward_t &args, int64_t row,
                void (*trace)(void *host, int64_t op), void *host);
  Status runSegments(const moert_abi_exits_t *exits,
                     void (*trace)(void *host, int64_t op), void *host);
  Status runSegment(uint32_t index);
  Status readScore(int32_t buffer, float *out) const;
  Status writeSplat(int32_t buffer, int32_t value);
  Status readLogits(float *out) const;
  void countUnits(const Result &result);

  const Program &program() const { return simulator->program(); }
  int64_t width() const { return simulator->machine().width(); }

  std::vector<std::byte> metadata; ///< what the loader points into
  std::unique_ptr<Simulator> simulator;
  std::unique_ptr<Loader> loader;
  std::unique_ptr<State> state;
  std::vector<const void *> parameters; ///< that SRAM was filled from
  int64_t filledPositions = 0;          ///< of rope tables at that time
  bool isFilled = false;

  uint64_t rows = 0, cycles = 0, predictedCycles = 0;
  std::vector<moert_unit_use_t> units;
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_LPUPROGRAM_H
