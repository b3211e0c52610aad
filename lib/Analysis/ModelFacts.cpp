//===- ModelFacts.cpp - counts layers, features and experts ---------------===//
#include "moe/Analysis/ModelFacts.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/xxhash.h"

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
          // Predictors may look up tables of their own, by position.
          if (embed.getTokens() == forward.getArgument(0))
            facts.hidden = getColumns(embed.getResult());
        })
        .Case([&](AttentionOp) { ++facts.layers; })
        .Case([&](ExpertsOp experts) {
          facts.routed.push_back(facts.layers - 1);
          auto bank = model.lookupSymbol<WeightOp>(experts.getGateAttr());
          facts.experts = std::max<int32_t>(facts.experts,
                                            bank.getTensorType().getDimSize(0));
          facts.expertsPerToken = std::max<int32_t>(
              facts.expertsPerToken, getColumns(experts.getExperts()));
        });
  });
  return facts;
}

std::string ModelFacts::getFingerprintText(ModelOp model) const {
  return llvm::formatv("{0};{1};{2};{3};{4};{5};{6}", model.getSymName(),
                       model.getFamily(), int64_t(model.getVocabulary()),
                       hidden, layers, experts, expertsPerToken)
      .str();
}

uint64_t ModelFacts::getFingerprint(ModelOp model) const {
  return llvm::xxh3_64bits(getFingerprintText(model));
}
