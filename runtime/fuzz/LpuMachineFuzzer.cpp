//===- LpuMachineFuzzer.cpp - any text as a machine file ------------------===//
#include "lpu/Machine.h"

#include <cstdlib>

using namespace moert::lpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Machine machine;
  std::string message = parseMachine(text, "fuzz", machine);
  // A refusal is one line, and leaves nothing behind.
  if (!message.empty()) {
    if (message.find('\n') != message.npos || !machine.name.empty() ||
        machine.superlanes)
      std::abort();
    return 0;
  }
  // Of what is taken, everything fits into an instruction and onto the chip.
  if (machine.text != text || machine.rowsOfSlice() > 65536 ||
      machine.columnOf(machine.mem.slices - 1) >= machine.position.sxm ||
      machine.sramBytes() < uint64_t(machine.width()) ||
      int64_t(machine.vxm.reach.size()) != machine.vxm.alus)
    std::abort();
  return 0;
}
