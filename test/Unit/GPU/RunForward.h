//===- RunForward.h - compiled code in the emulator, launch by launch -----===//
#ifndef MOE_TEST_UNIT_GPU_RUNFORWARD_H
#define MOE_TEST_UNIT_GPU_RUNFORWARD_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// A shared object with an image, and how much memory it wants.
struct CompiledModel {
  std::vector<char> bytes;
  std::vector<uint64_t> parameterBytes;
  uint64_t workspaceFixed = 0, workspacePerRow = 0;
  uint64_t stateBytes = 0; ///< of a sequence
  int64_t capacity = 0;    ///< positions of a state
  int64_t vocabulary = 0;
};

struct Batch {
  int64_t rows = 1, position = 0; ///< of the first row
  bool isExact = false;
};

/// Runs forward. Each kernel is run twice: as `defective` has it, whose failure
/// is kept by the kernel's name (empty: nobody found anything), and then, with
/// memory as it was before, as `healthy` has it, which must not fail.
std::map<std::string, std::string> runForward(const CompiledModel &healthy,
                                              const CompiledModel &defective,
                                              const Batch &batch,
                                              std::string &failure);

#endif // MOE_TEST_UNIT_GPU_RUNFORWARD_H
