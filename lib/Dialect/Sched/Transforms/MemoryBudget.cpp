//===- MemoryBudget.cpp - a size becomes entries of a cache ---------------===//
#include "moe/Dialect/Sched/Transforms/MemoryBudget.h"

#include "moert/abi/container.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

static llvm::Error badBudget(StringRef text) {
  return llvm::createStringError(
      "bad memory budget '" + text +
      "', expected bytes for experts, such as 64M, 2G or 25%");
}

llvm::Expected<MemoryBudget> MemoryBudget::parse(StringRef text) {
  MemoryBudget budget;
  budget.text = text.str();
  StringRef number = text;
  if (number.consume_back("%")) {
    if (number.getAsDouble(budget.percent) ||
        !(budget.percent > 0 && budget.percent <= 100))
      return badBudget(text);
    return budget;
  }
  int shift = 0;
  if (number.consume_back("K"))
    shift = 10;
  else if (number.consume_back("M"))
    shift = 20;
  else if (number.consume_back("G"))
    shift = 30;
  if (number.getAsInteger(10, budget.bytes) || budget.bytes == 0 ||
      budget.bytes > (uint64_t(INT64_MAX) >> shift))
    return badBudget(text);
  budget.bytes <<= shift;
  return budget;
}

/// The most that one row chooses in any layer.
static int64_t getChosen(ModelOp model) {
  int64_t chosen = 0;
  model.walk([&](ExpertsOp op) {
    auto type = cast<ShapedType>(op.getExperts().getType());
    chosen = std::max(chosen, type.getDimSize(1));
  });
  return chosen;
}

llvm::Expected<MemoryBudget::Share>
MemoryBudget::resolve(const ParameterPlan &plan, ModelOp model) const {
  Share share;
  int64_t experts = 0;
  for (const Parameter &parameter : plan.getParameters()) {
    if (parameter.kind != Parameter::Kind::Expert)
      continue;
    ++experts;
    // The runtime reads whole pages.
    share.entryBytes =
        std::max<uint64_t>(share.entryBytes,
                           llvm::alignTo(parameter.size, MOERT_CONTAINER_PAGE));
  }
  if (!experts)
    return llvm::createStringError("memory budget of " + text +
                                   ": the model has 0 experts");
  uint64_t all = experts * share.entryBytes;
  share.bytes = percent ? uint64_t(double(all) * percent / 100) : bytes;
  uint64_t entries = share.bytes / share.entryBytes;
  uint64_t chosen = getChosen(model);
  if (entries < chosen)
    return llvm::createStringError(
        "memory budget of " + llvm::Twine(share.bytes) + " bytes holds " +
        llvm::Twine(entries) + " experts, a row chooses " +
        llvm::Twine(chosen) + ": at least " +
        llvm::Twine(chosen * share.entryBytes) + " bytes are needed");
  share.entries = std::min<uint64_t>(entries, experts);
  return share;
}
