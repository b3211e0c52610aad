//===- ParameterPlan.cpp - lays the weights of a model out in a file ------===//
#include "moe/Analysis/ParameterPlan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Analysis/DecoderLayers.h"
#include "moe/Analysis/ExitWork.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "moert/abi/container.h"
#include "moert/abi/module.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;

namespace {

/// Collects what each operation reads, in the order of visits.
class Planner {
public:
  Planner(ModelOp model, std::vector<Parameter> &parameters,
          llvm::StringMap<int64_t> &bySymbol,
          llvm::DenseMap<Operation *, int64_t> &firstExpert)
      : model(model), parameters(parameters), bySymbol(bySymbol),
        firstExpert(firstExpert), layers(getDecoderLayers(model)),
        exits(model) {}

  void visit(Operation *op) {
    isCounted = exits.isNeededWithoutExits(op);
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](EmbedOp o) { embed(o); })
        .Case([&](NormOp o) { dense(o.getScaleAttr()); })
        .Case([&](LinearOp o) { linear(o); })
        .Case([&](RopeOp o) { table(o.getTableAttr()); })
        .Case([&](MlpOp o) { mlp(o); })
        .Case([&](SurplusOp o) { dense(o.getSlackAttr()); })
        .Case([&](ExpertsOp o) { experts(o); });
  }

  uint64_t activeBytes = 0, macs = 0;

private:
  template <typename OpT> OpT lookup(FlatSymbolRefAttr symbol) {
    return cast<OpT>(SymbolTable::lookupSymbolIn(model, symbol));
  }

  /// The parameter of a weight that is used as a whole.
  WeightOp whole(FlatSymbolRefAttr symbol) {
    auto weight = lookup<WeightOp>(symbol);
    auto [it, isNew] =
        bySymbol.try_emplace(symbol.getValue(), int64_t(parameters.size()));
    if (isNew) {
      Parameter parameter;
      parameter.name = symbol.getValue().str();
      parameter.size = weight.getStoredSize();
      parameter.data.push_back({weight, 0, parameter.size});
      parameter.isOfExits = !isCounted;
      parameters.push_back(std::move(parameter));
    } else if (isCounted) {
      parameters[it->second].isOfExits = false;
    }
    return weight;
  }

  /// A weight that every token reads from end to end.
  WeightOp dense(FlatSymbolRefAttr symbol) {
    WeightOp weight = whole(symbol);
    if (isCounted && read.insert(weight).second)
      activeBytes += weight.getStoredSize();
    return weight;
  }

  void embed(EmbedOp op) {
    WeightOp weight = whole(op.getTableAttr());
    if (!read.contains(weight))
      activeBytes +=
          weight.getStoredSize() / weight.getTensorType().getDimSize(0);
  }

  void linear(LinearOp op) {
    WeightOp weight = dense(op.getWeightAttr());
    if (op.getBiasAttr())
      dense(op.getBiasAttr());
    // The head works on wanted rows only, so it is not part of a row's work.
    if (isCounted &&
        !llvm::any_of(op->getUsers(), llvm::IsaPred<func::ReturnOp, PlaceOp>))
      macs += weight.getTensorType().getNumElements();
  }

  void mlp(MlpOp op) {
    for (FlatSymbolRefAttr symbol :
         {op.getGateAttr(), op.getUpAttr(), op.getDownAttr()})
      macs += dense(symbol).getTensorType().getNumElements();
    if (op.getSharedGateAttr())
      dense(op.getSharedGateAttr());
  }

  void table(FlatSymbolRefAttr symbol) {
    auto [it, isNew] =
        bySymbol.try_emplace(symbol.getValue(), int64_t(parameters.size()));
    if (!isNew)
      return;
    Parameter parameter;
    parameter.kind = Parameter::Kind::RopeTable;
    parameter.name = symbol.getValue().str();
    parameter.table = lookup<RopeTableOp>(symbol);
    parameters.push_back(std::move(parameter));
  }

  void experts(ExpertsOp op) {
    WeightOp banks[] = {lookup<WeightOp>(op.getGateAttr()),
                        lookup<WeightOp>(op.getUpAttr()),
                        lookup<WeightOp>(op.getDownAttr())};
    int64_t count = banks[0].getTensorType().getDimSize(0);
    int64_t chosen = cast<ShapedType>(op.getExperts().getType()).getDimSize(1);
    firstExpert[op] = parameters.size();
    for (int64_t e = 0; e < count; ++e) {
      Parameter parameter;
      parameter.kind = Parameter::Kind::Expert;
      parameter.name = (op.getGate() + "." + llvm::Twine(e)).str();
      parameter.layer = layers.lookup(op);
      parameter.expert = e;
      for (WeightOp bank : banks) {
        uint64_t bytes = bank.getStoredSize() / count;
        parameter.data.push_back({bank, e * bytes, bytes});
        parameter.size += bytes;
      }
      parameters.push_back(std::move(parameter));
    }
    for (WeightOp bank : banks) {
      activeBytes += bank.getStoredSize() / count * chosen;
      macs += bank.getTensorType().getNumElements() / count * chosen;
    }
  }

  ModelOp model;
  std::vector<Parameter> &parameters;
  llvm::StringMap<int64_t> &bySymbol;
  llvm::DenseMap<Operation *, int64_t> &firstExpert;
  llvm::SmallPtrSet<Operation *, 32> read;
  llvm::MapVector<Operation *, int64_t> layers; ///< of experts
  ExitWork exits;
  bool isCounted = true; ///< the operation's bytes and multiply-adds
};

} // namespace

/// Operations that only a schedule needs, as those that guess the experts of a
/// later layer.
static llvm::SmallPtrSet<Operation *, 32> getScheduled(ModelOp model) {
  llvm::SmallPtrSet<Operation *, 32> scheduled;
  auto onlyServesScheduled = [&](Value value) {
    return isa<sched::TokenType>(value.getType()) ||
           llvm::all_of(value.getUsers(), [&](Operation *user) {
             return scheduled.contains(user);
           });
  };
  for (auto function : model.getOps<func::FuncOp>()) {
    if (function.isDeclaration())
      continue;
    for (Operation &op : llvm::reverse(function.getBody().front()))
      if ((isa<sched::SchedDialect>(op.getDialect()) || !op.use_empty()) &&
          llvm::all_of(op.getResults(), onlyServesScheduled))
        scheduled.insert(&op);
  }
  return scheduled;
}

ParameterPlan::ParameterPlan(ModelOp model) {
  Planner planner(model, parameters, bySymbol, firstExpert);
  // Exits that learn have code of another schedule than the one they are first
  // run with, and the weights stay where they are.
  auto scheduled = getScheduled(model);
  for (bool isOfSchedule : {false, true})
    model.walk([&](Operation *op) {
      if (scheduled.contains(op) == isOfSchedule)
        planner.visit(op);
    });
  activeBytes = planner.activeBytes;
  macs = planner.macs;
  for (Parameter &parameter : parameters) {
    if (parameter.kind == Parameter::Kind::RopeTable)
      continue;
    // An expert may be read straight from the file into a slot of a cache.
    uint64_t alignment = parameter.kind == Parameter::Kind::Expert
                             ? MOERT_CONTAINER_PAGE
                             : MOERT_ABI_ALIGNMENT;
    parameter.offset = llvm::alignTo(totalSize, alignment);
    totalSize = parameter.offset + parameter.size;
  }
}

bool ParameterPlan::isLaidOutAs(const ParameterPlan &other) const {
  return llvm::equal(
      parameters, other.parameters,
      [](const Parameter &a, const Parameter &b) {
        return a.kind == b.kind && a.name == b.name && a.size == b.size &&
               a.offset == b.offset && a.layer == b.layer &&
               a.expert == b.expert && a.isOfExits == b.isOfExits;
      });
}

int64_t ParameterPlan::getIndex(llvm::StringRef symbol) const {
  auto it = bySymbol.find(symbol);
  assert(it != bySymbol.end() && "not a symbol that the model uses");
  return it->second;
}

int64_t ParameterPlan::getFirstExpert(ExpertsOp op) const {
  return firstExpert.lookup(op);
}
