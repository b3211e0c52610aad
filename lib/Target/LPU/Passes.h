//===- Passes.h - the LPU backend's passes ----------------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_PASSES_H
#define MOE_LIB_TARGET_LPU_PASSES_H

#include "IR/Lpu.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace moe::lpu {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "Passes.h.inc"

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_PASSES_H
