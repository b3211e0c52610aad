//===- Passes.h - moe-evaluate ----------------------------------*- C++ -*-===//
#ifndef MOE_REFERENCE_PASSES_H
#define MOE_REFERENCE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "moe/Quant/QuantScheme.h"
#include "moe/Reference/Evaluator.h"
#include <limits>

namespace moe {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "moe/Reference/Passes.h.inc"

} // namespace moe

#endif // MOE_REFERENCE_PASSES_H
