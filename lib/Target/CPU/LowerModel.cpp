//===- LowerModel.cpp - a model becomes a line of kernel calls ------------===//
#include "moe/HostCode/AbiCalls.h"
#include "Kernels.h"
#include "moe/HostCode/ModelLowering.h"
#include "Passes.h"
#include "moe/HostCode/VerifyModel.h"
#include "moe/Analysis/ParameterPlan.h"
#include "moe/Dialect/Sched/IR/Sched.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moert/abi/module.h"
#include "moert/status.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

namespace moe::cpu {
#define GEN_PASS_DEF_LOWERMODELPASS
#include "Passes.h.inc"
} // namespace moe::cpu

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

namespace {

std::string nameOf(Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text;
}

/// A piece of a kernel's name: attributes that change the code.
std::string nameOf(double value) {
  APFloat number(value);
  return llvm::utohexstr(number.bitcastToAPInt().getZExtValue(), true);
}

class CPULowering : public ModelLowering {
public:
  CPULowering(ModuleOp module, ModelOp model, func::FuncOp forward,
              SimdLevel level)
      : ModelLowering(module, model, forward, "cpu"),
        library(module, forward.getLoc(), level) {}

  int64_t getKernelCount() const { return library.size(); }

private:

  //===--- Parameters -----------------------------------------------------===//

  StoredWeight storedWeight(WeightOp op) {
    return {op.getCodeAttr(), op.getRows(), op.getColumns(), {}};
  }

  /// A piece of a kernel's name: how a matrix is stored.
  std::string storageName(WeightOp op) {
    std::string name = "_";
    if (CodeAttr code = op.getCodeAttr())
      name += library.nameOf(code);
    else
      name += nameOf(op.getTensorType().getElementType());
    return name + "_" + std::to_string(op.getRows()) + "x" +
           std::to_string(op.getColumns());
  }

  //===--- Kernels --------------------------------------------------------===//

  /// Calls the kernel of this name, written on first use by `emit`. Shapes and
  /// element types of the arguments become part of the name.
  void call(std::string name, ArrayRef<Value> args,
            function_ref<void(KernelBuilder &, ValueRange)> emit) {
    for (Value arg : args)
      if (auto type = dyn_cast<MemRefType>(arg.getType())) {
        name += '_';
        for (int64_t size : type.getShape())
          if (!ShapedType::isDynamic(size))
            name += std::to_string(size) + 'x';
        name += nameOf(type.getElementType());
      }
    SmallVector<Type> types;
    for (Value arg : args)
      types.push_back(arg.getType());
    func::FuncOp kernel = library.get(name, types, emit);
    unlessIdle([&] { func::CallOp::create(b, kernel, args); });
  }

  //===--- Operations -----------------------------------------------------===//

  LogicalResult lowerOperation(Operation *op) override {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<EmbedOp, NormOp, LinearOp, AddOp, ClampOp, QuantizeOp,
              DequantizeOp, RopeOp, KvAppendOp, AttentionOp, MlpOp, RouteOp,
              ExpertsOp, sched::DistributionOp, sched::BlendOp,
              sched::PredictOp, PickOp, PlaceOp, ZerosOp, ConfidenceOp,
              SimilarityOp, BestOp, StreakOp, LogisticOp, SurplusOp, SpreadOp>(
            [&](auto o) {
              lowerOp(o);
              return success();
            })
        .Default([](Operation *other) {
          return other->emitOpError("has no lowering to cpu code");
        });
  }

  void copyRows(Value from, Value to) override {
    call("copy_rows", {env, from, to}, emitCopyRows);
  }

  void lowerOp(EmbedOp op) {
    beginOperation(op, op.getTable());
    Value rows = rowsOf(op.getTokens());
    call("embed",
         {env, bufferOf(op.getTokens()), weight(op.getTableAttr()),
          result(op.getResult(), rows)},
         emitEmbed);
  }

  void lowerOp(PickOp op) {
    Value input = bufferOf(op.getInput()), rows = bufferOf(op.getRows());
    if (op.getType().getRank() == 1)
      return call("pick_numbers",
                  {input, rows, result(op.getResult(), rowsOf(op.getRows()))},
                  emitPickNumbers);
    beginOperation(op, "");
    call("pick",
         {env, input, rows, result(op.getResult(), rowsOf(op.getRows()))},
         emitPick);
  }

  void lowerOp(AddOp op) {
    beginOperation(op, "");
    call("add",
         {env, bufferOf(op.getLhs()), bufferOf(op.getRhs()),
          result(op.getResult(), rowsOf(op.getLhs()))},
         emitAdd);
  }

  void lowerOp(ClampOp op) {
    beginOperation(op, "");
    double limit = op.getLimit().convertToDouble();
    call("clamp_" + nameOf(limit),
         {env, bufferOf(op.getInput()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) { emitClamp(k, limit, args); });
  }

  void lowerOp(NormOp op) {
    beginOperation(op, op.getScale());
    double epsilon = op.getEpsilon().convertToDouble();
    call(("norm_" + stringifyNormKind(op.getKind()) + "_" + nameOf(epsilon)).str(),
         {env, bufferOf(op.getInput()), weight(op.getScaleAttr()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitNorm(k, op.getKind(), epsilon, op.getGroups(), args);
         });
  }

  void lowerOp(LinearOp op) {
    if (!fused.insert(op).second)
      return;
    SmallVector<LinearOp> group = linearsFrom(op);
    std::string label;
    for (LinearOp linear : group)
      label += (label.empty() ? "" : " ") + linear.getWeight().str();
    beginOperation(op, label);
    Value rows = rowsOf(op.getInput());
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    SmallVector<bool> hasBias;
    SmallVector<StoredLinear> stored;
    std::string name = "linear", storage;
    for (LinearOp linear : group) {
      fused.insert(linear);
      WeightOp weightOp = weightOf(linear.getWeightAttr());
      args.push_back(weight(linear.getWeightAttr()));
      hasBias.push_back(bool(linear.getBiasAttr()));
      if (hasBias.back()) {
        args.push_back(weight(linear.getBiasAttr()));
        name += "_bias" + std::to_string(hasBias.size() - 1);
      }
      args.push_back(result(linear.getResult(), rows));
      stored.push_back({storedWeight(weightOp), hasBias.back()});
      storage += storageName(weightOp);
    }
    if (!isQuantized(op.getInput()))
      return call(name, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
        emitLinears(k, hasBias, kernelArgs);
      });
    call(name + storage, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
      emitStoredLinears(k, library, stored, kernelArgs);
    });
  }

  void lowerOp(QuantizeOp op) {
    beginOperation(op, "");
    Value input = bufferOf(op.getInput()), rows = rowsOf(op.getInput());
    int64_t rotation = op.getArrivedRotated() ? 0 : rotationOf(op.getResult());
    defineQuantized(op.getResult(), rows);
    Value work = input;
    if (rotation)
      work = scratch(rows, 1, columnsOf(input), b.getF32Type());
    SmallVector<Value> args = {env, input, work};
    addRows(args, op.getResult());
    call("quantize_" + std::to_string(rotation), args,
         [&](KernelBuilder &k, ValueRange kernelArgs) {
           emitQuantize(k, library, rotation, kernelArgs);
         });
  }

  void lowerOp(DequantizeOp op) {
    beginOperation(op, "");
    int64_t rotation = rotationOf(op.getInput());
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    args.push_back(result(op.getResult(), rowsOf(op.getInput())));
    call("dequantize_" + std::to_string(rotation), args,
         [&](KernelBuilder &k, ValueRange kernelArgs) {
           emitDequantize(k, library, rotation, kernelArgs);
         });
  }

  void lowerOp(RopeOp op) {
    beginOperation(op, op.getTable());
    auto table = cast<RopeTableOp>(
        SymbolTable::lookupSymbolIn(model, op.getTableAttr()));
    std::string name = "rope_" + stringifyRopeLayout(table.getLayout()).str() +
                       "_" + std::to_string(op.getHeads());
    call(name,
         {env, bufferOf(op.getInput()), bufferOf(op.getPositions()),
          ropeTable(op.getTableAttr()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitRope(k, table.getLayout(), op.getHeads(), args);
         });
  }

  std::string kvName(KvType type) {
    return std::to_string(type.getHeads()) + "x" +
           std::to_string(type.getHeadDim());
  }

  void lowerOp(KvAppendOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    KvType type = op.getKv().getType();
    call("kv_append_" + kvName(type),
         {env, bufferOf(op.getKeys()), bufferOf(op.getValues()), kv, capacity,
          b.index(op.getLayer()), bufferOf(op.getSequences()),
          bufferOf(op.getPositions())},
         [&](KernelBuilder &k, ValueRange args) { emitKvAppend(k, type, args); });
  }

  void lowerOp(AttentionOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    KvType type = op.getKv().getType();
    double scale = op.getScale().convertToDouble();
    std::optional<int64_t> window;
    if (op.getWindow())
      window = *op.getWindow();
    std::string name = "attention_" + kvName(type) + "_" + nameOf(scale);
    if (window)
      name += "_window" + std::to_string(*window);
    call(name,
         {env, bufferOf(op.getQueries()), kv, capacity, b.index(op.getLayer()),
          bufferOf(op.getSequences()), bufferOf(op.getPositions()),
          result(op.getResult(), rowsOf(op.getQueries()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitAttention(k, type, op.getHeads(), scale, window, args);
         });
  }

  /// The network that an operation runs, and a piece of its kernel's name.
  template <typename OpT>
  std::pair<NetworkShape, std::string> networkOf(OpT op) {
    WeightOp gate = weightOf(op.getGateAttr()), up = weightOf(op.getUpAttr());
    WeightOp down = weightOf(op.getDownAttr());
    NetworkShape shape;
    shape.activation = op.getActivation();
    shape.width = gate.getRows();
    shape.features = gate.getColumns();
    shape.element = (gate.getCode() ? down : gate)
                        .getTensorType().getElementType();
    shape.gate = gate.getCodeAttr();
    shape.up = up.getCodeAttr();
    shape.down = down.getCodeAttr();
    shape.downRotation = down.getColumnRotation().value_or(0);
    std::string name = "_" + stringifyActivation(op.getActivation()).str() +
                       storageName(gate) + storageName(up) + storageName(down);
    if (shape.downRotation)
      name += "_rotated" + std::to_string(shape.downRotation);
    return {shape, name};
  }

  void lowerOp(MlpOp op) {
    beginOperation(op, op.getGate());
    Value rows = rowsOf(op.getInput());
    Type f32 = b.getF32Type();
    auto [shape, name] = networkOf(op);
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    for (FlatSymbolRefAttr symbol :
         {op.getGateAttr(), op.getUpAttr(), op.getDownAttr()})
      args.push_back(weight(symbol));
    bool isShared = bool(op.getSharedGateAttr());
    if (isShared) {
      args.push_back(
          bufferOf(op.getGateInput() ? op.getGateInput() : op.getInput()));
      args.push_back(weight(op.getSharedGateAttr()));
      args.push_back(scratch(rows, 1, 1, f32));
    }
    args.push_back(scratch(rows, 1, shape.width, f32));
    args.push_back(scratch(rows, 1, shape.width, f32));
    if (shape.down)
      addQuantizedScratch(args, rows, 1, shape.width);
    args.push_back(result(op.getResult(), rows));
    call("mlp" + name + (isShared ? "_shared" : ""), args,
         [&, shape = shape](KernelBuilder &k, ValueRange kernelArgs) {
           emitMlp(k, library, shape, isShared, kernelArgs);
         });
  }

  void lowerOp(RouteOp op) {
    beginOperation(op, "");
    Value rows = rowsOf(op.getLogits());
    int64_t experts = cast<ShapedType>(op.getLogits().getType()).getDimSize(1);
    double scale = op.getScale().convertToDouble();
    std::string name = "route_" + stringifyRouteScore(op.getScore()).str() + "_" +
                       nameOf(scale);
    if (op.getRenormalize())
      name += "_renormalize";
    Value ids = result(op.getExperts(), rows);
    Value weights = result(op.getWeights(), rows);
    call(name,
         {env, bufferOf(op.getLogits()), scratch(rows, 1, experts, b.getF32Type()),
          ids, weights},
         [&](KernelBuilder &k, ValueRange args) {
           emitRoute(k, op.getScore(), op.getRenormalize(), scale, args);
         });
  }

  void lowerOp(ExpertsOp op) {
    beginOperation(op, op.getGate());
    auto [shape, name] = networkOf(op);
    BankShape bank{weightOf(op.getGateAttr()).getMatrices(),
                   cast<ShapedType>(op.getExperts().getType()).getDimSize(1),
                   shape};
    Value rows = rowsOf(op.getInput());
    Type f32 = b.getF32Type(), i32 = b.getI32Type();
    uint64_t fixed = 0;
    Value first = fixedScratch(bank.experts + 1, fixed);
    Value cursor = fixedScratch(bank.experts, fixed);
    Value rowOf = scratch(rows, bank.chosen, 1, i32);
    Value ofRow = scratch(rows, 1, bank.chosen, i32);
    Value sorted = scratch(rows, 1, bank.chosen, f32);
    call("sort_assignments",
         {bufferOf(op.getExperts()), bufferOf(op.getWeights()), first, cursor,
          rowOf, ofRow, sorted},
         [&](KernelBuilder &k, ValueRange args) {
           emitSortAssignments(k, bank, args);
         });
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    args.append({parameterSlot(plan.getFirstExpert(op)), first, rowOf, ofRow,
                 sorted});
    args.push_back(scratch(rows, bank.chosen, shape.width, f32));
    args.push_back(scratch(rows, bank.chosen, shape.width, f32));
    if (shape.down)
      addQuantizedScratch(args, rows, bank.chosen, shape.width);
    args.push_back(scratch(rows, bank.chosen, shape.features, f32));
    args.push_back(fixedScratch(bank.experts, fixed));
    args.push_back(fixedScratch(bank.experts + 1, fixed));
    if (auto launch = dyn_cast<sched::LaunchOp>(op->getParentOp())) {
      auto fetch = launch.getToken().getDefiningOp<sched::PrefetchOp>();
      bank.comes = true;
      args.append({offload.getTaker(), b.index(fetch.getLayer())});
      name += "_coming";
    }
    args.push_back(result(op.getResult(), rows));
    call("experts" + name, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
      emitExperts(k, library, bank, kernelArgs);
    });
  }

  //===--- Fetches --------------------------------------------------------===//

  void lowerOp(sched::DistributionOp op) {
    beginOperation(op, "");
    Value rows = rowsOf(op.getLogits());
    call("distribution",
         {env, bufferOf(op.getLogits()), result(op.getResult(), rows)},
         emitDistribution);
  }

  void lowerOp(sched::BlendOp op) {
    beginOperation(op, "");
    SmallVector<Value> args = {env};
    for (Value scores : op.getScores())
      args.push_back(bufferOf(scores));
    args.push_back(result(op.getResult(), rowsOf(op.getScores().front())));
    SmallVector<double> weights(op.getWeights().value_or(ArrayRef<double>()));
    std::string name = "blend" + std::to_string(op.getScores().size());
    for (double weight : weights)
      name += "_" + nameOf(weight);
    call(name, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
      emitBlend(k, weights, kernelArgs);
    });
  }

  void lowerOp(sched::PredictOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    Value scores = bufferOf(op.getScores()), rows = rowsOf(op.getScores());
    GuessShape shape{int64_t(op.getCount()), int64_t(op.getChosen()),
                     op.getCalibration()[0], op.getCalibration()[1]};
    int64_t experts = columnsOf(scores);
    int64_t sorted = std::min(experts, std::max(shape.count, shape.chosen + 1));
    Type f32 = b.getF32Type();
    std::string name = "predict_" + std::to_string(shape.chosen) + "_" +
                       nameOf(shape.slope) + "_" + nameOf(shape.bias);
    Value ids = result(op.getExperts(), rows);
    Value confidence = result(op.getConfidence(), rows);
    call(name,
         {env, scores, scratch(rows, 1, experts, f32),
          scratch(rows, 1, sorted, f32), ids, confidence},
         [&](KernelBuilder &k, ValueRange args) { emitPredict(k, shape, args); });
  }

  //===--- Leaving early --------------------------------------------------===//

  void lowerOp(PlaceOp op) {
    beginOperation(op, "");
    Value rows = active;
    active = {}; // the rows that stay stay also where none is put in
    Value table = changeable(op.getInto(), op.getResult(), op);
    active = rows;
    call("place",
         {env, bufferOf(op.getInput()), bufferOf(op.getRows()), table},
         emitPlace);
  }

  void lowerOp(ZerosOp op) {
    beginOperation(op, "");
    call("zeros", {env, result(op.getResult(), rowsOf(op.getLike()))},
         emitZeros);
  }

  void lowerOp(SurplusOp op) {
    beginOperation(op, "");
    call("surplus",
         {env, bufferOf(op.getInside()), bufferOf(op.getOutside()),
          weight(op.getSlackAttr()), bufferOf(op.getFeatures()),
          bufferOf(op.getNear()),
          result(op.getResult(), rowsOf(op.getInside()))},
         emitSurplus);
  }

  void lowerOp(SpreadOp op) {
    beginOperation(op, "");
    SmallVector<int32_t> columns(op.getColumns());
    StringRef bytes(reinterpret_cast<const char *>(columns.data()),
                    columns.size() * sizeof(int32_t));
    std::string name = "spread_" + llvm::utohexstr(llvm::xxh3_64bits(bytes));
    call(name,
         {env, bufferOf(op.getInput()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitSpread(k, library, name + "_columns", columns, args);
         });
  }

  void lowerOp(ConfidenceOp op) {
    beginOperation(op, stringifyConfidence(op.getKind()));
    Confidence kind = op.getKind();
    call(("confidence_" + stringifyConfidence(kind)).str(),
         {env, bufferOf(op.getLogits()),
          result(op.getResult(), rowsOf(op.getLogits()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitConfidence(k, kind, args);
         });
  }

  void lowerOp(SimilarityOp op) {
    beginOperation(op, "");
    call("similarity",
         {env, bufferOf(op.getLhs()), bufferOf(op.getRhs()),
          result(op.getResult(), rowsOf(op.getLhs()))},
         emitSimilarity);
  }

  void lowerOp(BestOp op) {
    beginOperation(op, "");
    call("best",
         {env, bufferOf(op.getInput()),
          result(op.getResult(), rowsOf(op.getInput()))},
         emitBest);
  }

  void lowerOp(StreakOp op) {
    SmallVector<Value> args = {bufferOf(op.getBest())};
    if (op.getBefore())
      args.append({bufferOf(op.getBefore()), bufferOf(op.getStreak())});
    args.push_back(result(op.getResult(), rowsOf(op.getBest())));
    call(op.getBefore() ? "streak" : "streak_begin", args, emitStreak);
  }

  void lowerOp(LogisticOp op) {
    SmallVector<Value> args;
    for (Value feature : op.getFeatures())
      args.push_back(bufferOf(feature));
    args.push_back(result(op.getResult(), rowsOf(op.getFeatures().front())));
    std::string name = "logistic";
    SmallVector<double> weights;
    for (APFloat weight : op.getWeights().getAsValueRange<FloatAttr>()) {
      weights.push_back(weight.convertToDouble());
      name += "_" + nameOf(weights.back());
    }
    double bias = op.getBias().convertToDouble();
    call(name + "_bias" + nameOf(bias), args,
         [&](KernelBuilder &k, ValueRange kernelArgs) {
           emitLogistic(k, weights, bias, kernelArgs);
         });
  }

  KernelLibrary library;
  llvm::SmallPtrSet<Operation *, 8> fused; ///< linears that are lowered already
};

struct LowerModel : moe::cpu::impl::LowerModelPassBase<LowerModel> {
  using LowerModelPassBase::LowerModelPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto forward = findForward(module, "cpu");
    if (failed(forward))
      return signalPassFailure();
    auto model = (*forward)->getParentOfType<ModelOp>();
    CPULowering lowering(module, model, *forward, SimdLevel::get(features));
    if (failed(lowering.run()))
      return signalPassFailure();
    numKernels = lowering.getKernelCount();
    model.erase();
  }
};

} // namespace
