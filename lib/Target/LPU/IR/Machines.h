//===- Machines.h - the machine that a program is for -----------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_IR_MACHINES_H
#define MOE_LIB_TARGET_LPU_IR_MACHINES_H

#include "lpu/Machine.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace moe::lpu {

using moert::lpu::Machine;

/// The machine that comes with the project under this name, or that of a file; what
/// begins with a brace is the text of one.
llvm::Expected<Machine> findMachine(llvm::StringRef namePathOrText);

/// Hemisphere in which a link ends: the first half of them is in the west.
inline int sideOfLink(const Machine &machine, int64_t link) {
  return link * 2 >= machine.c2c.links;
}

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_IR_MACHINES_H
