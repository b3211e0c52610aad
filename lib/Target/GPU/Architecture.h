//===- Architecture.h - which GPUs code is for ------------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_ARCHITECTURE_H
#define MOE_LIB_TARGET_GPU_ARCHITECTURE_H

#include "moe/Target/TargetBackend.h"

namespace moe::cuda {

/// A kind of multiprocessor, and what its blocks have to share.
struct Architecture {
  int sm;          ///< 80: compute capability 8.0
  int ptx;         ///< 80: PTX 8.0, the first that we write for it
  int warps;       ///< that run at once
  int blocks;      ///< that run at once
  int sharedBytes; ///< for all blocks
  int blockShared; ///< the most of one block

  std::string getName() const { return "sm_" + std::to_string(sm); }
  /// Blocks of a kernel that run at once on one multiprocessor.
  int countBlocks(int threads, int registers, int sharedBytes) const;
};

/// All that can be compiled for, ascending.
llvm::ArrayRef<Architecture> getArchitectures();
const Architecture *findArchitecture(int sm);

/// What --gpu-arch says.
struct Devices {
  const Architecture *gpu = nullptr; ///< null: none
  bool isEmulated = false;

  /// A list of names; empty: sm_80.
  static llvm::Expected<Devices> parse(llvm::StringRef list);
};

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_ARCHITECTURE_H
