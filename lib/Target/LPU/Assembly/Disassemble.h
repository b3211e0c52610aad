//===- Disassemble.h - programs that were assembled, as IR ------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_ASSEMBLY_DISASSEMBLE_H
#define MOE_LIB_TARGET_LPU_ASSEMBLY_DISASSEMBLE_H

#include "IR/Lpu.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace moe::lpu {

/// Adds the program that the bytes hold to the module, as @program. What is
/// wrong with the bytes is an error of one line, and the module stays as it was.
llvm::Expected<ProgramOp> disassemble(llvm::ArrayRef<char> bytes,
                                      mlir::ModuleOp module);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_ASSEMBLY_DISASSEMBLE_H
