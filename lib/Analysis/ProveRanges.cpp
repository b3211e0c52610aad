//===- ProveRanges.cpp - writes down how many bits integer sums need ------===//
#include "moe/Analysis/AccumulatorRange.h"
#include "moe/Analysis/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace moe {
#define GEN_PASS_DEF_PROVERANGESPASS
#include "moe/Analysis/Passes.h.inc"
} // namespace moe

using namespace mlir;
using namespace moe;

namespace {
struct ProveRanges : moe::impl::ProveRangesPassBase<ProveRanges> {
  void runOnOperation() override {
    if (failed(verifyAccumulators(getOperation())))
      return signalPassFailure();
    llvm::MapVector<Operation *, int64_t> bits;
    visitStoredProducts(getOperation(), [&](Operation *op, WeightOp weight) {
      AccumulatorRange range(*weight.getCode(), weight.getColumns());
      bits[op] = std::max(bits[op], range.getBits());
      ++proved;
    });
    Builder builder(&getContext());
    for (auto [op, count] : bits)
      op->setAttr("moe.accumulator_bits", builder.getI64IntegerAttr(count));
  }
};
} // namespace
