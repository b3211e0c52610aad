//===- AssignCodes.cpp - marks weights, quantises what meets them ---------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"
#include "moe/Quant/Transforms/Passes.h"
#include "moe/Quant/Transforms/SchemeChoice.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace moe {
#define GEN_PASS_DEF_ASSIGNCODESPASS
#include "moe/Quant/Transforms/Passes.h.inc"
} // namespace moe

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

namespace {
/// How a weight is stored.
struct Storage {
  CodeAttr code; ///< null: as it is
  int64_t rotation = 0;

  bool operator==(const Storage &other) const {
    return code == other.code && rotation == other.rotation;
  }
};

struct Use : WeightUse {
  Storage storage;
};

/// Decides how each use wants its weight.
class Planner {
public:
  Planner(ModelOp model, const SchemeChoice &choice, const Registry &registry)
      : model(model), choice(choice), registry(registry) {}

  LogicalResult plan();

  std::vector<Use> uses;

private:
  CodeAttr getCode(StringRef scheme);
  LogicalResult unifyInputs();
  LogicalResult verifyNames();

  ModelOp model;
  const SchemeChoice &choice;
  const Registry &registry;
  llvm::StringMap<CodeAttr> codes; ///< by scheme
};
} // namespace

CodeAttr Planner::getCode(StringRef scheme) {
  auto [it, isNew] = codes.try_emplace(scheme);
  if (isNew)
    it->second =
        registry.schemes.at(scheme.str())()->getCode(model->getContext());
  return it->second;
}

/// Gate and up take one input, so it suits both; a code may have its columns
/// rotated also where it would do without.
LogicalResult Planner::unifyInputs() {
  for (size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].attribute != "gate")
      continue;
    Use &gate = uses[i], &up = uses[i + 1];
    if (bool(gate.storage.code) != bool(up.storage.code))
      return gate.op->emitOpError()
             << "takes one input for gate @" << gate.weight.getSymName()
             << " and up @" << up.weight.getSymName()
             << " when only one of them gets a code";
    gate.storage.rotation = up.storage.rotation =
        std::max(gate.storage.rotation, up.storage.rotation);
  }
  return success();
}

LogicalResult Planner::verifyNames() {
  for (StringRef name : choice.getNamed().keys())
    if (llvm::none_of(
            uses, [&](Use &use) { return use.weight.getSymName() == name; }))
      return model.emitOpError()
             << "has no weight @" << name << " that may be stored as a code";
  return success();
}

LogicalResult Planner::plan() {
  for (WeightUse &use : findWeightUses(model)) {
    CodeAttr code =
        getCode(choice.get(use.weightClass, use.weight.getSymName()));
    int64_t rotation = code ? code.getRotation(use.weight.getColumns()) : 0;
    uses.push_back({use, {code, rotation}});
  }
  return success(succeeded(unifyInputs()) && succeeded(verifyNames()));
}

//===----------------------------------------------------------------------===//
// Change
//===----------------------------------------------------------------------===//

namespace {
struct AssignCodes : moe::impl::AssignCodesPassBase<AssignCodes> {
  AssignCodes(const Registry &registry, StringRef text) : registry(&registry) {
    scheme = text.str();
  }

  void runOnOperation() override;

private:
  void store(WeightOp weight, ArrayRef<Use *> uses, bool isNeededPlain,
             SymbolTable &symbols);
  void quantizeInput(const Use &use);
  Value quantize(Value value, int64_t rotation);

  const Registry *registry;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> quantizedValues;
};
} // namespace

/// Name of a copy whose original keeps the name.
static std::string getCopyName(Use &use) {
  if (use.weightClass == WeightClass::Head)
    return "head";
  return (use.weight.getSymName() + "." + use.storage.code.getName()).str();
}

/// Marks the weight, and copies of it for all but one way to store it.
void AssignCodes::store(WeightOp weight, ArrayRef<Use *> uses,
                        bool isNeededPlain, SymbolTable &symbols) {
  SmallVector<std::pair<Storage, WeightOp>> stored;
  for (Use *use : uses) {
    auto known = llvm::find_if(
        stored, [&](const auto &item) { return item.first == use->storage; });
    if (known == stored.end()) {
      WeightOp target = weight;
      if (isNeededPlain || !stored.empty()) {
        target = weight.clone();
        target.removeCodeAttr();
        target.removeColumnRotationAttr();
        target.setSymName(getCopyName(*use));
        symbols.insert(target, std::next(weight->getIterator()));
        ++copied;
      }
      target.setCodeAttr(use->storage.code);
      if (use->storage.rotation)
        target.setColumnRotation(use->storage.rotation);
      ++this->stored;
      stored.push_back({use->storage, target});
      known = std::prev(stored.end());
    }
    use->op->setAttr(use->attribute,
                     FlatSymbolRefAttr::get(known->second.getSymNameAttr()));
  }
}

Value AssignCodes::quantize(Value value, int64_t rotation) {
  Value &result = quantizedValues[{value, rotation}];
  if (result)
    return result;
  OpBuilder builder(&getContext());
  builder.setInsertionPointAfterValue(value);
  auto type = cast<RankedTensorType>(value.getType());
  result = QuantizeOp::create(
      builder, value.getLoc(),
      type.clone(QuantizedType::get(&getContext(), rotation)), value,
      /*arrived_rotated=*/false);
  ++quantized;
  return result;
}

/// Once for an operation: at the weight, or gate, that meets its input.
void AssignCodes::quantizeInput(const Use &use) {
  int64_t rotation = use.storage.rotation;
  llvm::TypeSwitch<Operation *>(use.op)
      .Case([&](LinearOp op) {
        op.getInputMutable().assign(quantize(op.getInput(), rotation));
      })
      .Case([&](MlpOp op) {
        if (use.attribute != "gate")
          return;
        if (op.getSharedGate())
          op.getGateInputMutable().assign(op.getInput());
        op.getInputMutable().assign(quantize(op.getInput(), rotation));
      })
      .Case([&](ExpertsOp op) {
        if (use.attribute == "gate")
          op.getInputMutable().assign(quantize(op.getInput(), rotation));
      });
}

void AssignCodes::runOnOperation() {
  ModelOp model = getOperation();
  quantizedValues.clear();
  llvm::Expected<SchemeChoice> choice = SchemeChoice::parse(scheme, *registry);
  if (!choice) {
    model.emitOpError() << llvm::toString(choice.takeError());
    return signalPassFailure();
  }
  Planner planner(model, *choice, *registry);
  if (failed(planner.plan()))
    return signalPassFailure();

  // How often each weight is named, and by whom as codes.
  llvm::DenseMap<StringAttr, size_t> named;
  if (auto all = SymbolTable::getSymbolUses(&model.getBody()))
    for (const SymbolTable::SymbolUse &use : *all)
      ++named[use.getSymbolRef().getRootReference()];
  llvm::MapVector<WeightOp, SmallVector<Use *>> byWeight;
  for (Use &use : planner.uses)
    if (use.storage.code)
      byWeight[use.weight].push_back(&use);
  SymbolTable symbols(model);
  for (auto &[weight, uses] : byWeight)
    store(weight, uses, uses.size() < named[weight.getSymNameAttr()], symbols);
  for (const Use &use : planner.uses)
    if (use.storage.code)
      quantizeInput(use);
}

std::unique_ptr<Pass> moe::createAssignCodesPass(const Registry &registry,
                                                 StringRef scheme) {
  return std::make_unique<AssignCodes>(registry, scheme);
}

void moe::registerMoeQuantPasses(const Registry &registry) {
  registerPass([&registry] { return createAssignCodesPass(registry); });
  registerPass([] { return createFoldRotationsPass(); });
}
