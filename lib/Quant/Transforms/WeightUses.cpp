//===- WeightUses.cpp - tells routers, heads and the rest by dataflow -----===//
#include "moe/Quant/Transforms/WeightUses.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;

static constexpr llvm::StringLiteral classNames[] = {"experts", "mlp",
                                                     "attention", "head"};

llvm::ArrayRef<llvm::StringLiteral> moe::getWeightClasses() {
  return classNames;
}

/// Whether an operation of this kind takes the value, limited or as it is.
template <typename OpT> static bool reaches(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    auto clamp = dyn_cast<ClampOp>(user);
    return isa<OpT>(user) || (clamp && reaches<OpT>(clamp.getResult()));
  });
}

/// None for a router, whose few weights decide everything.
static std::optional<WeightClass> getClass(LinearOp op) {
  if (reaches<RouteOp>(op.getResult()))
    return std::nullopt;
  return reaches<func::ReturnOp>(op.getResult()) ? WeightClass::Head
                                                 : WeightClass::Attention;
}

/// Whether the input waits to be quantised.
static bool isPlain(Value input) {
  return cast<ShapedType>(input.getType()).getElementType().isF32();
}

std::vector<WeightUse> moe::findWeightUses(ModelOp model) {
  std::vector<WeightUse> uses;
  SymbolTable symbols(model);
  auto add = [&](Operation *op, StringRef attribute, WeightClass weightClass) {
    auto symbol = op->getAttrOfType<FlatSymbolRefAttr>(attribute);
    uses.push_back({op, attribute, symbols.lookup<WeightOp>(symbol.getValue()),
                    weightClass});
  };
  auto addGated = [&](auto op, WeightClass weightClass) {
    if (isPlain(op.getInput()))
      for (StringRef attribute : {"gate", "up", "down"})
        add(op, attribute, weightClass);
  };
  model.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](LinearOp linear) {
          std::optional<WeightClass> weightClass = getClass(linear);
          if (weightClass && isPlain(linear.getInput()))
            add(op, "weight", *weightClass);
        })
        .Case([&](MlpOp mlp) { addGated(mlp, WeightClass::Mlp); })
        .Case([&](ExpertsOp experts) {
          addGated(experts, WeightClass::Experts);
        });
  });
  return uses;
}
