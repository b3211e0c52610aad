//===- ModelFacts.cpp - counts layers, features and experts ---------------===//
#include "ModelFacts.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;

/// Number of columns of rows of activations or of a choice.
static int64_t getColumns(Value rows) {
  return cast<ShapedType>(rows.getType()).getDimSize(1);
}

llvm::Expected<ModelFacts> ModelFacts::get(ModelOp model) {
  auto forward = model.lookupSymbol<func::FuncOp>("forward");
  if (!forward)
    return llvm::createStringError("model @" + model.getSymName() +
                                   " has no function @forward");
  ModelFacts facts;
  for (Type type : forward.getArgumentTypes())
    if (auto kv = dyn_cast<KvType>(type))
      facts.kv = kv;
  if (!facts.kv)
    return llvm::createStringError("@forward of model @" + model.getSymName() +
                                   " takes no !moe.kv");
  forward.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](EmbedOp embed) {
          facts.hidden = getColumns(embed.getResult());
        })
        .Case([&](AttentionOp) { ++facts.layers; })
        .Case([&](ExpertsOp experts) {
          auto bank = model.lookupSymbol<WeightOp>(experts.getGateAttr());
          facts.experts = std::max<int32_t>(facts.experts,
                                            bank.getTensorType().getDimSize(0));
          facts.expertsPerToken = std::max<int32_t>(
              facts.expertsPerToken, getColumns(experts.getExperts()));
        });
  });
  return facts;
}
