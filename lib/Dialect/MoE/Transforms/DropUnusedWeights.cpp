//===- DropUnusedWeights.cpp - a weight nobody reads is not stored --------===//
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"

namespace moe {
#define GEN_PASS_DEF_DROPUNUSEDWEIGHTSPASS
#include "moe/Dialect/MoE/Transforms/Passes.h.inc"
} // namespace moe

using namespace mlir;
using namespace moe;

namespace {
struct DropUnusedWeights
    : moe::impl::DropUnusedWeightsPassBase<DropUnusedWeights> {
  void runOnOperation() override {
    // One walk over all uses; asking symbol by symbol would be quadratic.
    ModelOp model = getOperation();
    std::optional<SymbolTable::UseRange> uses =
        SymbolTable::getSymbolUses(&model.getBody());
    if (!uses)
      return;
    llvm::DenseSet<StringAttr> used;
    for (const SymbolTable::SymbolUse &use : *uses)
      used.insert(use.getSymbolRef().getRootReference());
    for (Operation &op : llvm::make_early_inc_range(model.getBody().front()))
      if (isa<WeightOp, RopeTableOp>(op) &&
          !used.contains(SymbolTable::getSymbolName(&op))) {
        op.erase();
        ++dropped;
      }
  }
};
} // namespace
