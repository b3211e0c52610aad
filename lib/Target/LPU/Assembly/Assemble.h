//===- Assemble.h - programs as the runtime reads them ----------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_ASSEMBLY_ASSEMBLE_H
#define MOE_LIB_TARGET_LPU_ASSEMBLY_ASSEMBLE_H

#include "IR/Lpu.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace moe::lpu {

/// The FlatBuffer of runtime/schema/lpu.fbs, of a program whose buffers have places and
/// whose segments are queues. The same program gives the same bytes.
llvm::Expected<std::vector<char>> assemble(ProgramOp program);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_ASSEMBLY_ASSEMBLE_H
