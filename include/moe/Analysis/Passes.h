//===- Passes.h - passes that prove facts about models ----------*- C++ -*-===//
#ifndef MOE_ANALYSIS_PASSES_H
#define MOE_ANALYSIS_PASSES_H

#include "mlir/Dialect/SMT/IR/SMTDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "moe/Analysis/Passes.h.inc"

} // namespace moe

#endif // MOE_ANALYSIS_PASSES_H
