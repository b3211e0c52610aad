//===- Report.h - what kernels take of a GPU, as JSON -----------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_REPORT_H
#define MOE_LIB_TARGET_GPU_REPORT_H

#include "Assembler.h"
#include "EmitImage.h"

namespace moe::cuda {

/// What the assembler said for one kind of GPU.
struct Usage {
  const Architecture *architecture;
  llvm::StringMap<KernelUse> kernels;
};

/// The kinds of GPUs that a report speaks of: that of the code, and, if it runs
/// there, sm_80 and sm_90. Ascending.
llvm::SmallVector<const Architecture *>
getReported(const Architecture &architecture);

/// Writes registers, spills, shared memory and occupancy of each kernel.
llvm::Error writeReport(llvm::StringRef path,
                        llvm::ArrayRef<KernelFacts> kernels,
                        llvm::ArrayRef<Usage> usages);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_REPORT_H
