//===- Version.h - what this build is and has -------------------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_VERSION_H
#define MOE_LIB_DRIVER_VERSION_H

#include "llvm/Support/raw_ostream.h"

namespace moe {

/// For --version: the versions of moe and LLVM, then a line `<kind> <name>`
/// for each member that is plugged in.
void printVersion(llvm::raw_ostream &os);

/// "<tool> 0.1.0", as modules say who made them.
std::string getProducer(llvm::StringRef tool);

} // namespace moe

#endif // MOE_LIB_DRIVER_VERSION_H
