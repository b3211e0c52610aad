//===- AccumulatorRange.cpp - bounds sums of products by code and shape ---===//
#include "moe/Analysis/AccumulatorRange.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;

/// The least and the greatest level of a code.
static std::pair<int64_t, int64_t> getLevels(CodeAttr code) {
  ArrayRef<int64_t> levels = code.getLevels();
  if (levels.empty())
    return {0, (int64_t(1) << code.getBits()) - 1};
  auto [least, most] = std::minmax_element(levels.begin(), levels.end());
  return {*least, *most};
}

AccumulatorRange::AccumulatorRange(CodeAttr code, int64_t rowColumns) {
  auto [least, most] = getLevels(code);
  int64_t mostZero = code.getZeros() ? UINT8_MAX : 0;
  columns =
      code.getColumns() ? std::min(code.getColumns(), rowColumns) : rowColumns;
  level = most;
  zero = code.getOffset() + mostZero;
  weight = std::max(std::abs(most - code.getOffset()),
                    std::abs(least - code.getOffset() - mostZero));
}

uint64_t AccumulatorRange::multiply(uint64_t factor) const {
  return llvm::SaturatingMultiply(columns, activation * factor);
}

int64_t AccumulatorRange::getBits() const {
  return llvm::bit_width(getReach()) + 1;
}

void moe::visitStoredProducts(
    ModelOp model, llvm::function_ref<void(Operation *, WeightOp)> visit) {
  SymbolTable symbols(model);
  auto visitAll = [&](Operation *op, ArrayRef<FlatSymbolRefAttr> names) {
    for (FlatSymbolRefAttr name : names)
      if (auto weight = symbols.lookup<WeightOp>(name.getAttr()))
        if (weight.getCode())
          visit(op, weight);
  };
  model.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](LinearOp o) { visitAll(o, {o.getWeightAttr()}); })
        .Case<MlpOp, ExpertsOp>([&](auto o) {
          visitAll(o, {o.getGateAttr(), o.getUpAttr(), o.getDownAttr()});
        });
  });
}

LogicalResult moe::verifyAccumulators(ModelOp model) {
  LogicalResult result = success();
  visitStoredProducts(model, [&](Operation *op, WeightOp weight) {
    AccumulatorRange range(*weight.getCode(), weight.getColumns());
    if (range.fitsInt32())
      return;
    op->emitOpError() << "sums " << range.columns << " products with @"
                      << weight.getSymName() << " to up to " << range.getReach()
                      << " when int32 holds at most "
                      << AccumulatorRange::limit;
    result = failure();
  });
  return result;
}
