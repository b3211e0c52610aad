//===- FoldRotations.cpp - values arrive rotated at their projection ------===//
#include "moe/Quant/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace moe {
#define GEN_PASS_DEF_FOLDROTATIONSPASS
#include "moe/Quant/Transforms/Passes.h.inc"
} // namespace moe

using namespace mlir;
using namespace moe;

/// What operations on the state have in common.
static std::optional<int64_t> getLayer(Operation *op) {
  if (auto append = dyn_cast<KvAppendOp>(op))
    return append.getLayer();
  if (auto attention = dyn_cast<AttentionOp>(op))
    return attention.getLayer();
  return std::nullopt;
}

namespace {
/// The operations of one layer between which a rotation moves.
struct Path {
  LinearOp values;
  KvAppendOp append;
  AttentionOp attention;
  QuantizeOp quantize;
  WeightOp valueWeight, outputWeight;
};

struct FoldRotations : moe::impl::FoldRotationsPassBase<FoldRotations> {
  using FoldRotationsPassBase::FoldRotationsPassBase;

  void runOnOperation() override;

private:
  WeightOp getOnlyStored(LinearOp linear);
  bool isOnlyPath(Path &path);
  bool canRotateHeads(Path &path);
  std::optional<Path> find(QuantizeOp quantize);
  void fold(Path &path);

  llvm::DenseMap<StringAttr, size_t> named; ///< uses of each symbol
};
} // namespace

/// The stored weight of a linear map, if nothing else uses it.
WeightOp FoldRotations::getOnlyStored(LinearOp linear) {
  auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(
      linear, linear.getWeightAttr());
  bool isOnly = weight.getCode() && named[weight.getSymNameAttr()] == 1;
  return isOnly ? weight : nullptr;
}

/// Nobody else writes or reads the layer of the state, in any function.
bool FoldRotations::isOnlyPath(Path &path) {
  WalkResult result = getOperation().walk([&](Operation *op) {
    bool isOther = getLayer(op) == int64_t(path.attention.getLayer()) &&
                   op != path.append && op != path.attention;
    return isOther ? WalkResult::interrupt() : WalkResult::advance();
  });
  return !result.wasInterrupted();
}

/// A head is one block, so every query head of a value head sees the same signs.
bool FoldRotations::canRotateHeads(Path &path) {
  auto kv = cast<KvType>(path.attention.getKv().getType());
  return llvm::isPowerOf2_64(kv.getHeadDim()) && kv.getHeadDim() >= 2 &&
         kv.getHeadDim() >= minimumBlock;
}

std::optional<Path> FoldRotations::find(QuantizeOp quantize) {
  Path path;
  path.quantize = quantize;
  path.attention = quantize.getInput().getDefiningOp<AttentionOp>();
  auto type =
      cast<QuantizedType>(quantize.getResult().getType().getElementType());
  if (!path.attention || !type.getRotation() || quantize.getArrivedRotated() ||
      !path.attention.getResult().hasOneUse() ||
      !quantize.getResult().hasOneUse())
    return std::nullopt;
  path.append = path.attention.getKv().getDefiningOp<KvAppendOp>();
  if (!path.append || path.append.getLayer() != path.attention.getLayer())
    return std::nullopt;
  path.values = path.append.getValues().getDefiningOp<LinearOp>();
  auto output = dyn_cast<LinearOp>(*quantize.getResult().user_begin());
  if (!path.values || path.values.getBias() || !output ||
      !path.values.getResult().hasOneUse())
    return std::nullopt;
  path.valueWeight = getOnlyStored(path.values);
  path.outputWeight = getOnlyStored(output);
  if (!path.valueWeight || path.valueWeight.getRowRotation() ||
      !path.outputWeight || !canRotateHeads(path) || !isOnlyPath(path))
    return std::nullopt;
  return path;
}

void FoldRotations::fold(Path &path) {
  int64_t block = cast<KvType>(path.attention.getKv().getType()).getHeadDim();
  path.valueWeight.setRowRotation(block);
  path.outputWeight.setColumnRotation(block);
  auto type = cast<RankedTensorType>(path.quantize.getResult().getType());
  path.quantize.getResult().setType(
      type.clone(QuantizedType::get(&getContext(), block)));
  path.quantize.setArrivedRotated(true);
  ++folded;
}

void FoldRotations::runOnOperation() {
  named.clear();
  if (auto all = SymbolTable::getSymbolUses(&getOperation().getBody()))
    for (const SymbolTable::SymbolUse &use : *all)
      ++named[use.getSymbolRef().getRootReference()];
  getOperation().walk([&](QuantizeOp quantize) {
    if (std::optional<Path> path = find(quantize))
      fold(*path);
  });
}
