//===- Compilation.h - carries one command of moe-compile out ---*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_COMPILATION_H
#define MOE_LIB_DRIVER_COMPILATION_H

#include "CommandLine.h"

namespace moe {

/// Runs the phases up to the last one wanted. Errors are one line and begin
/// with the file they are about; the output exists only after success.
llvm::Error compile(const CompileCommand &command, const Registry &registry);

} // namespace moe

#endif // MOE_LIB_DRIVER_COMPILATION_H
