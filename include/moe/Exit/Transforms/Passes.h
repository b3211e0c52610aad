//===- Passes.h - passes that let tokens leave early ------------*- C++ -*-===//
#ifndef MOE_EXIT_TRANSFORMS_PASSES_H
#define MOE_EXIT_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "moe/Dialect/MoE/IR/Moe.h"

#include <memory>

namespace moe {

class ExitPolicy;
struct Registry;

#define GEN_PASS_DECL
#include "moe/Exit/Transforms/Passes.h.inc"

/// The registry must outlive the pass.
std::unique_ptr<mlir::Pass>
createInsertExitsPass(const Registry &registry,
                      const InsertExitsPassOptions &options = {});

/// With a policy that was fitted, in place of the one that the options name.
std::unique_ptr<mlir::Pass>
createInsertExitsPass(std::shared_ptr<const ExitPolicy> policy,
                      const InsertExitsPassOptions &options);

/// Fails unless there is an exit head of that name; the error lists all.
llvm::Error verifyExitHead(llvm::StringRef name);

/// For moe-opt. The registry must outlive all use of the passes.
void registerMoeExitPasses(const Registry &registry);

} // namespace moe

#endif // MOE_EXIT_TRANSFORMS_PASSES_H
