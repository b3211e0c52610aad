//===- Passes.h - moe-assign-codes and moe-fold-rotations -------*- C++ -*-===//
#ifndef MOE_QUANT_TRANSFORMS_PASSES_H
#define MOE_QUANT_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe {

struct Registry;

#define GEN_PASS_DECL
#include "moe/Quant/Transforms/Passes.h.inc"

/// The registry must outlive the pass.
std::unique_ptr<mlir::Pass>
createAssignCodesPass(const Registry &registry,
                      llvm::StringRef scheme = "none");

/// For moe-opt. The registry must outlive all use of the passes.
void registerMoeQuantPasses(const Registry &registry);

} // namespace moe

#endif // MOE_QUANT_TRANSFORMS_PASSES_H
