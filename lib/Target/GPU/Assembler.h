//===- Assembler.h - ptxas, where there is one ------------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_ASSEMBLER_H
#define MOE_LIB_TARGET_GPU_ASSEMBLER_H

#include "Architecture.h"
#include "llvm/ADT/StringMap.h"
#include <optional>

namespace moe::cuda {

/// What a kernel takes of a multiprocessor, as the assembler says.
struct KernelUse {
  int registers = 0;
  int stackBytes = 0, spillStores = 0, spillLoads = 0;
  int sharedBytes = 0; ///< without the dynamic ones
};

struct Assembled {
  std::vector<char> cubin;
  llvm::StringMap<KernelUse> kernels;
};

/// NVIDIA's assembler of the CUDA toolkit. Without it a driver assembles PTX.
class Assembler {
public:
  /// The program that `named` says (--ptxas; "none": there is none), else the
  /// environment's MOE_PTXAS in the same words, else one that the PATH or a
  /// CUDA toolkit in its usual places has. Nothing if there is none; an error
  /// if what somebody named cannot be run.
  static llvm::Expected<std::optional<Assembler>> find(llvm::StringRef named);

  llvm::Expected<Assembled> assemble(llvm::StringRef ptx,
                                     const Architecture &architecture) const;

private:
  explicit Assembler(std::string program) : program(std::move(program)) {}

  std::string program;
};

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_ASSEMBLER_H
