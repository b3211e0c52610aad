//===- Flags.h - command lines whose errors are one line --------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_FLAGS_H
#define MOE_LIB_DRIVER_FLAGS_H

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

namespace moe {

/// Reads a command line into the flags that are registered.
llvm::Error parseFlags(int argc, char **argv, llvm::StringRef overview);

/// The value of an on-or-off flag; stays as it is without the flag.
llvm::Error getSwitch(const llvm::cl::opt<std::string> &flag, bool &value);

} // namespace moe

#endif // MOE_LIB_DRIVER_FLAGS_H
