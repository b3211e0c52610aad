//===- LowerModel.cpp - a model becomes a line of launches ----------------===//
#include "Kernels.h"
#include "Passes.h"
#include "moe/HostCode/AbiCalls.h"
#include "moe/HostCode/VerifyModel.h"
#include "moert/abi/gpu.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

namespace moe::cuda {
#define GEN_PASS_DEF_LOWERMODELPASS
#include "Passes.h.inc"
} // namespace moe::cuda

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::ModelLowering;

int64_t Matrix::getAlignment() const {
  return llvm::MinAlign(MOERT_ABI_ALIGNMENT, offset);
}

uint64_t Matrix::getBytes() const {
  if (code)
    return code.getMatrixBytes(rows, columns);
  return rows * columns * element.getIntOrFloatBitWidth() / 8;
}

namespace {

class GPULowering : public ModelLowering {
public:
  GPULowering(ModuleOp module, ModelOp model, func::FuncOp forward,
              gpu::GPUModuleOp kernels)
      : ModelLowering(module, model, forward, "gpu"), launcher(b, kernels) {
    launcher.guard = [this](function_ref<void()> emit) { unlessIdle(emit); };
  }

  int64_t getKernelCount() const { return launcher.getKernelCount(); }

private:
  void enterForward() override {
    using Gpu = moert_abi_gpu_t;
    Value gpu = b.loadField(env, offsetof(moert_abi_env_t, gpu), pointerType());
    auto number = [&](int64_t field) {
      return b.toIndex(b.loadField(gpu, field, b.getI64Type()));
    };
    onDevice = b.loadField(gpu, offsetof(Gpu, parameters), pointerType());
    launcher.exact = b.less(b.index(0), number(offsetof(Gpu, exact)));
    launcher.processors = number(offsetof(Gpu, processors));
    launcher.longest = number(offsetof(Gpu, longest));
  }

  void copyRows(Value from, Value to) override {
    launchCopyRows(launcher, from, to);
  }

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
          return other->emitOpError("has no lowering to gpu code");
        });
  }

  //===--- Rows -----------------------------------------------------------===//

  void lowerOp(EmbedOp op) {
    beginOperation(op, op.getTable());
    Value rows = rowsOf(op.getTokens());
    launchEmbed(launcher, bufferOf(op.getTokens()), weight(op.getTableAttr()),
                result(op.getResult(), rows));
  }

  void lowerOp(PickOp op) {
    Value input = bufferOf(op.getInput()), rows = bufferOf(op.getRows());
    bool isNumbers = op.getType().getRank() == 1;
    if (!isNumbers)
      beginOperation(op, "");
    Value picked = result(op.getResult(), rowsOf(op.getRows()));
    isNumbers ? launchPickNumbers(launcher, input, rows, picked)
              : launchPick(launcher, input, rows, picked);
  }

  void lowerOp(AddOp op) {
    if (auto norm = follows<NormOp>(op, op.getResult()))
      return lowerNorm(norm, op);
    beginOperation(op, "");
    launchAdd(launcher, bufferOf(op.getLhs()), bufferOf(op.getRhs()),
              result(op.getResult(), rowsOf(op.getLhs())));
  }

  /// The operation right behind `op` if it is an OpT that takes `value` first
  /// and runs when `op` does.
  template <typename OpT> OpT follows(Operation *op, Value value) {
    auto next = dyn_cast_or_null<OpT>(op->getNextNode());
    bool fits = next && next->getOperand(0) == value &&
                guessing.contains(next) == guessing.contains(op);
    return fits ? next : OpT();
  }

  void lowerOp(ClampOp op) {
    beginOperation(op, "");
    launchClamp(launcher, op.getLimit().convertToDouble(),
                bufferOf(op.getInput()),
                result(op.getResult(), rowsOf(op.getInput())));
  }

  void lowerOp(NormOp op) {
    if (!fused.contains(op))
      lowerNorm(op, {});
  }

  /// A norm, with the sum that it is of and the levels that it becomes where
  /// these stand beside it: a row stays in a block.
  void lowerNorm(NormOp op, AddOp add) {
    auto quantize = op.getGroups() == 1
                        ? follows<QuantizeOp>(op, op.getResult())
                        : QuantizeOp();
    beginOperation(op, op.getScale());
    NormSteps steps;
    steps.kind = op.getKind();
    steps.epsilon = op.getEpsilon().convertToDouble();
    steps.groups = op.getGroups();
    Value rows = rowsOf(add ? add.getLhs() : op.getInput());
    if (add) {
      steps.input = bufferOf(add.getLhs());
      steps.sum = result(add.getResult(), rows);
      auto parts = combinations.find(add);
      if (parts == combinations.end()) {
        steps.addend = bufferOf(add.getRhs());
      } else {
        steps.combined = parts->second;
        scratchOffsets.append(scratchOfSum);
      }
    } else {
      steps.input = bufferOf(op.getInput());
    }
    steps.scale = weight(op.getScaleAttr());
    if (!quantize || !op.getResult().hasOneUse())
      steps.result = result(op.getResult(), rows);
    if (quantize) {
      steps.rotation = getRotation(quantize);
      defineQuantized(quantize.getResult(), rows);
      steps.levels = &quantized.at(quantize.getResult()).parts;
      fused.insert(quantize);
    }
    fused.insert(op);
    launchNormSteps(launcher, steps);
  }

  int64_t getRotation(QuantizeOp op) {
    return op.getArrivedRotated() ? 0 : rotationOf(op.getResult());
  }

  void lowerOp(QuantizeOp op) {
    if (fused.contains(op))
      return;
    beginOperation(op, "");
    defineQuantized(op.getResult(), rowsOf(op.getInput()));
    launchQuantize(launcher, getRotation(op), bufferOf(op.getInput()),
                   quantized.at(op.getResult()).parts);
  }

  void lowerOp(DequantizeOp op) {
    beginOperation(op, "");
    launchDequantize(launcher, rotationOf(op.getInput()),
                     quantized.at(op.getInput()).parts,
                     result(op.getResult(), rowsOf(op.getInput())));
  }

  //===--- Products -------------------------------------------------------===//

  Matrix matrixOf(FlatSymbolRefAttr symbol) {
    WeightOp op = weightOf(symbol);
    Matrix matrix{op.getRows(), op.getColumns(), {}, op.getCodeAttr(), {}, 0};
    if (!matrix.isStored())
      matrix.element = op.getTensorType().getElementType();
    return matrix;
  }

  Matrix matrixInMemory(FlatSymbolRefAttr symbol) {
    Matrix matrix = matrixOf(symbol);
    matrix.address = weight(symbol);
    return matrix;
  }

  Rows rowsFrom(Value value) {
    Rows rows;
    rows.count = rowsOf(value);
    if (isQuantized(value))
      rows.levels = quantized.at(value).parts;
    else
      rows.plain = bufferOf(value);
    return rows;
  }

  void linears(const Rows &rows, ArrayRef<LinearMap> maps) {
    maps.front().matrix.isStored() ? launchStoredLinears(launcher, rows, maps)
                                   : launchLinears(launcher, rows, maps);
  }

  void expertLinears(const Rows &rows, const Assignments &assignments,
                     ArrayRef<LinearMap> maps) {
    maps.front().matrix.isStored()
        ? launchStoredExpertLinears(launcher, rows, assignments, maps)
        : launchExpertLinears(launcher, rows, assignments, maps);
  }

  void lowerOp(LinearOp op) {
    if (!fused.insert(op).second)
      return;
    SmallVector<LinearOp> group = linearsFrom(op);
    std::string label;
    for (LinearOp linear : group)
      label += (label.empty() ? "" : " ") + linear.getWeight().str();
    beginOperation(op, label);
    Rows rows = rowsFrom(op.getInput());
    SmallVector<LinearMap> maps;
    for (LinearOp linear : group) {
      fused.insert(linear);
      LinearMap map{matrixInMemory(linear.getWeightAttr()), {}, {}};
      if (linear.getBiasAttr())
        map.bias = weight(linear.getBiasAttr());
      map.result = result(linear.getResult(), rows.count);
      maps.push_back(map);
    }
    linears(rows, maps);
  }

  /// Room for rows as levels, freed behind the operation.
  QuantizedRows quantizedScratch(Value rows, int64_t perRow, int64_t features) {
    SmallVector<Value> parts;
    addQuantizedScratch(parts, rows, perRow, features);
    return {parts[0], parts[1], parts[2]};
  }

  void lowerOp(MlpOp op) {
    beginOperation(op, op.getGate());
    Rows rows = rowsFrom(op.getInput());
    Type f32 = b.getF32Type();
    Matrix gate = matrixInMemory(op.getGateAttr());
    Matrix up = matrixInMemory(op.getUpAttr());
    Matrix down = matrixInMemory(op.getDownAttr());
    Value gated = scratch(rows.count, 1, gate.rows, f32);
    Value upped = scratch(rows.count, 1, gate.rows, f32);
    linears(rows, {{gate, {}, gated}, {up, {}, upped}});
    Rows inner{gated, {}, rows.count};
    if (down.isStored())
      inner.levels = quantizedScratch(rows.count, 1, gate.rows);
    activate(op, gated, upped, inner, nullptr);
    Value output = result(op.getResult(), rows.count);
    linears(inner, LinearMap{down, {}, output});
    if (!op.getSharedGateAttr())
      return;
    Value share = scratch(rows.count, 1, 1, f32);
    launchShare(launcher,
                bufferOf(op.getGateInput() ? op.getGateInput() : op.getInput()),
                weight(op.getSharedGateAttr()), share);
    launchScaleRows(launcher, share, output);
  }

  /// What goes into the last matrix of a network: elements, or levels if
  /// `inner` has room for them.
  template <typename OpT>
  void activate(OpT op, Value gated, Value upped, const Rows &inner,
                const Assignments *assignments) {
    if (!inner.levels.levels)
      return launchActivate(launcher, op.getActivation(), gated, upped,
                            inner.count, assignments);
    int64_t rotation =
        weightOf(op.getDownAttr()).getColumnRotation().value_or(0);
    launchActivateQuantize(launcher, op.getActivation(), gated, upped,
                           inner.count, assignments, rotation, inner.levels);
  }

  //===--- Attention ------------------------------------------------------===//

  void lowerOp(RopeOp op) {
    if (fused.contains(op) || lowerRopeAppend(op))
      return;
    beginOperation(op, op.getTable());
    launchRope(launcher, layoutOf(op), op.getHeads(), bufferOf(op.getInput()),
               bufferOf(op.getPositions()), ropeTable(op.getTableAttr()),
               result(op.getResult(), rowsOf(op.getInput())));
  }

  RopeLayout layoutOf(RopeOp op) {
    return cast<RopeTableOp>(
               SymbolTable::lookupSymbolIn(model, op.getTableAttr()))
        .getLayout();
  }

  /// Queries that turn, keys that turn, and the state that takes these alone
  /// are one kernel.
  bool lowerRopeAppend(RopeOp queries) {
    auto keys = dyn_cast_or_null<RopeOp>(queries->getNextNode());
    if (!keys || keys.getTableAttr() != queries.getTableAttr() ||
        keys.getPositions() != queries.getPositions() ||
        !keys.getResult().hasOneUse())
      return false;
    auto append = dyn_cast_or_null<KvAppendOp>(keys->getNextNode());
    if (!append || append.getKeys() != keys.getResult() ||
        append.getPositions() != keys.getPositions())
      return false;
    beginOperation(append, std::to_string(append.getLayer()));
    launchRopeAppend(launcher, layoutOf(queries), queries.getHeads(),
                     placeOf(append), bufferOf(queries.getInput()),
                     bufferOf(keys.getInput()), bufferOf(append.getValues()),
                     ropeTable(queries.getTableAttr()),
                     result(queries.getResult(), rowsOf(queries.getInput())));
    fused.insert(keys);
    fused.insert(append);
    return true;
  }

  template <typename OpT> KvPlace placeOf(OpT op) {
    return {op.getKv().getType(),
            kv,
            capacity,
            b.index(op.getLayer()),
            bufferOf(op.getSequences()),
            bufferOf(op.getPositions())};
  }

  void lowerOp(KvAppendOp op) {
    if (fused.contains(op))
      return;
    beginOperation(op, std::to_string(op.getLayer()));
    launchKvAppend(launcher, placeOf(op), bufferOf(op.getKeys()),
                   bufferOf(op.getValues()));
  }

  void lowerOp(AttentionOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    std::optional<int64_t> window;
    if (op.getWindow())
      window = *op.getWindow();
    Value rows = rowsOf(op.getQueries());
    int64_t floats = getAttentionScratch(op.getKv().getType(), op.getHeads());
    Value partial = scratch(rows, 1, floats, b.getF32Type());
    launchAttention(launcher, placeOf(op), op.getHeads(),
                    op.getScale().convertToDouble(), window,
                    bufferOf(op.getQueries()), partial,
                    result(op.getResult(), rows));
  }

  //===--- Experts --------------------------------------------------------===//

  void lowerOp(RouteOp op) {
    beginOperation(op, "");
    Value rows = rowsOf(op.getLogits());
    Value ids = result(op.getExperts(), rows);
    Value weights = result(op.getWeights(), rows);
    launchRoute(launcher, op.getScore(), op.getRenormalize(),
                op.getScale().convertToDouble(), bufferOf(op.getLogits()), ids,
                weights);
  }

  /// The matrices of an expert lie one after the other.
  struct Network {
    Matrix gate, up, down;
  };
  Network networkOf(ExpertsOp op) {
    Network net{matrixOf(op.getGateAttr()), matrixOf(op.getUpAttr()),
                matrixOf(op.getDownAttr())};
    net.up.offset = net.gate.getBytes();
    net.down.offset = net.up.offset + net.up.getBytes();
    return net;
  }

  void lowerOp(ExpertsOp op) {
    beginOperation(op, op.getGate());
    int64_t experts = weightOf(op.getGateAttr()).getMatrices();
    int64_t chosen = cast<ShapedType>(op.getExperts().getType()).getDimSize(1);
    Network net = networkOf(op);
    Rows input = rowsFrom(op.getInput());
    Value rows = input.count;
    Type f32 = b.getF32Type(), i32 = b.getI32Type();
    uint64_t fixed = 0;
    Sorting sorting;
    sorting.experts = bufferOf(op.getExperts());
    sorting.weights = bufferOf(op.getWeights());
    sorting.first = fixedScratch(experts + 1, fixed);
    sorting.ready = fixedScratch(experts, fixed);
    sorting.readyCount = fixedScratch(1, fixed);
    sorting.rowOf = scratch(rows, chosen, 1, i32);
    SmallVector<uint64_t> ofParts;
    auto scratchForParts = [&](int64_t perRow, int64_t columns, Type element) {
      Value buffer = scratch(rows, perRow, columns, element);
      ofParts.push_back(scratchOffsets.back());
      return buffer;
    };
    sorting.ofRow = scratchForParts(1, chosen, i32);
    sorting.sorted = scratchForParts(1, chosen, f32);
    launchSortAssignments(launcher, experts, sorting);

    Value gated = scratch(rows, chosen, net.gate.rows, f32);
    Value upped = scratch(rows, chosen, net.gate.rows, f32);
    QuantizedRows levels;
    if (net.down.isStored())
      levels = quantizedScratch(rows, chosen, net.gate.rows);
    Value parts = scratchForParts(chosen, net.down.rows, f32);
    Assignments assignments{
        b.pointerAt(onDevice,
                    b.index(plan.getFirstExpert(op) * sizeof(void *))),
        sorting.first,
        sorting.rowOf,
        sorting.ready,
        sorting.readyCount,
        experts,
        chosen,
        rows};
    auto wave = [&](Value) {
      expertLinears(input, assignments,
                    {{net.gate, {}, gated}, {net.up, {}, upped}});
      Value count = b.mul(rows, chosen);
      Rows inner{gated, levels, count};
      activate(op, gated, upped, inner, &assignments);
      Assignments own = assignments;
      own.rowOf = {};
      expertLinears(inner, own, LinearMap{net.down, {}, parts});
    };
    auto launch = dyn_cast<sched::LaunchOp>(op->getParentOp());
    if (!launch)
      wave({});
    else
      whenActive([&] { runWaves(launch, sorting, wave); });
    Combination combination{sorting.ofRow, sorting.sorted, parts};
    if (AddOp add = getSumWithNorm(op)) {
      combinations[add] = combination;
      // They live until the sum.
      for (uint64_t offset : ofParts)
        llvm::erase(scratchOffsets, offset);
      scratchOfSum = ofParts;
      return;
    }
    launchCombine(launcher, combination.ofRow, combination.weights,
                  combination.parts, result(op.getResult(), rows));
  }

  /// The sum right behind `op` that alone takes its result, and is taken by a
  /// norm: the same kernel can add up the parts of experts.
  AddOp getSumWithNorm(ExpertsOp op) {
    Value value = op.getResult();
    Operation *outer = op;
    if (auto launch = dyn_cast<sched::LaunchOp>(op->getParentOp())) {
      Operation *yield = launch.getBody().front().getTerminator();
      if (yield->getPrevNode() != op || yield->getNumOperands() != 1)
        return {};
      outer = launch;
      value = launch->getResult(0);
    }
    auto add = dyn_cast_or_null<AddOp>(outer->getNextNode());
    bool fits = add && value.hasOneUse() && add.getRhs() == value &&
                guessing.contains(add) == guessing.contains(outer) &&
                follows<NormOp>(add, add.getResult());
    return fits ? add : AddOp();
  }

  /// Runs a wave for all experts, or one for those of each arrival.
  void runWaves(sched::LaunchOp launch, const Sorting &sorting,
                function_ref<void(Value)> wave) {
    auto fetch = launch.getToken().getDefiningOp<sched::PrefetchOp>();
    host::OffloadCalls::forWaves(
        b, offload.getTaker(), b.index(fetch.getLayer()), sorting.ready,
        /*all=*/[&] { return b.index(1); },
        [&](Value count) {
          // Sorting made all of them ready.
          b.when(host::isSet(b, offload.getTaker()), [&] {
            launcher.launch("note_ready", {b.index(1), {}}, kWarp,
                            {sorting.readyCount, count}, emitNoteReady);
          });
          wave(count);
        });
  }

  /// readyCount, count
  static void emitNoteReady(ThreadBuilder &t, ValueRange args) {
    t.when(t.equal(t.threadId(), t.i32(0)),
           [&] { t.store(args[1], args[0], 0); });
  }

  //===--- Guesses --------------------------------------------------------===//

  void lowerOp(sched::DistributionOp op) {
    beginOperation(op, "");
    launchDistribution(launcher, bufferOf(op.getLogits()),
                       result(op.getResult(), rowsOf(op.getLogits())));
  }

  void lowerOp(sched::BlendOp op) {
    beginOperation(op, "");
    SmallVector<Value> scores;
    for (Value value : op.getScores())
      scores.push_back(bufferOf(value));
    SmallVector<double> weights(op.getWeights().value_or(ArrayRef<double>()));
    launchBlend(launcher, weights, scores,
                result(op.getResult(), rowsOf(op.getScores().front())));
  }

  void lowerOp(sched::PredictOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    Value scores = bufferOf(op.getScores()), rows = rowsOf(op.getScores());
    GuessShape shape{int64_t(op.getCount()), int64_t(op.getChosen()),
                     op.getCalibration()[0], op.getCalibration()[1]};
    Value ids = result(op.getExperts(), rows);
    Value confidence = result(op.getConfidence(), rows);
    launchPredict(launcher, shape, scores, ids, confidence);
  }

  //===--- Leaving early --------------------------------------------------===//

  void lowerOp(PlaceOp op) {
    beginOperation(op, "");
    Value rows = active;
    active = {}; // the rows that stay stay also where none is put in
    Value table = changeable(op.getInto(), op.getResult(), op);
    active = rows;
    launchPlace(launcher, bufferOf(op.getInput()), bufferOf(op.getRows()),
                table);
  }

  void lowerOp(ZerosOp op) {
    beginOperation(op, "");
    launchZeros(launcher, result(op.getResult(), rowsOf(op.getLike())));
  }

  void lowerOp(SurplusOp op) {
    beginOperation(op, "");
    launchSurplus(launcher, bufferOf(op.getInside()), bufferOf(op.getOutside()),
                  weight(op.getSlackAttr()), bufferOf(op.getFeatures()),
                  bufferOf(op.getNear()),
                  result(op.getResult(), rowsOf(op.getInside())));
  }

  void lowerOp(SpreadOp op) {
    beginOperation(op, "");
    SmallVector<int32_t> columns(op.getColumns());
    StringRef bytes(reinterpret_cast<const char *>(columns.data()),
                    columns.size() * sizeof(int32_t));
    std::string name = "spread_" + llvm::utohexstr(llvm::xxh3_64bits(bytes));
    launchSpread(launcher, name, columns, bufferOf(op.getInput()),
                 result(op.getResult(), rowsOf(op.getInput())));
  }

  void lowerOp(ConfidenceOp op) {
    beginOperation(op, stringifyConfidence(op.getKind()));
    launchConfidence(launcher, op.getKind(), bufferOf(op.getLogits()),
                     result(op.getResult(), rowsOf(op.getLogits())));
  }

  void lowerOp(SimilarityOp op) {
    beginOperation(op, "");
    launchSimilarity(launcher, bufferOf(op.getLhs()), bufferOf(op.getRhs()),
                     result(op.getResult(), rowsOf(op.getLhs())));
  }

  void lowerOp(BestOp op) {
    beginOperation(op, "");
    launchBest(launcher, bufferOf(op.getInput()),
               result(op.getResult(), rowsOf(op.getInput())));
  }

  void lowerOp(StreakOp op) {
    Value before, streak;
    if (op.getBefore()) {
      before = bufferOf(op.getBefore());
      streak = bufferOf(op.getStreak());
    }
    launchStreak(launcher, bufferOf(op.getBest()), before, streak,
                 result(op.getResult(), rowsOf(op.getBest())));
  }

  void lowerOp(LogisticOp op) {
    SmallVector<Value> features;
    for (Value feature : op.getFeatures())
      features.push_back(bufferOf(feature));
    SmallVector<double> weights;
    for (APFloat weight : op.getWeights().getAsValueRange<FloatAttr>())
      weights.push_back(weight.convertToDouble());
    launchLogistic(launcher, weights, op.getBias().convertToDouble(), features,
                   result(op.getResult(), rowsOf(op.getFeatures().front())));
  }

  Launcher launcher;
  llvm::SmallPtrSet<Operation *, 8> fused; ///< what is lowered already
  /// Sums whose second operand is still in parts, and what these take.
  llvm::DenseMap<Operation *, Combination> combinations;
  SmallVector<uint64_t> scratchOfSum;
  Value onDevice; ///< the parameters' addresses, as kernels find them
};

/// Blocks of a rotation meet in the memory of one block of threads.
LogicalResult verifyRotations(ModelOp model) {
  auto verify = [](Operation *op, int64_t block) -> LogicalResult {
    if (block <= kLargestRotation)
      return success();
    return op->emitOpError("rotates blocks of ")
           << block << " features, the gpu backend up to " << kLargestRotation;
  };
  auto blockOf = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return cast<QuantizedType>(type.getElementType()).getRotation();
  };
  WalkResult result = model.walk([&](Operation *op) -> WalkResult {
    if (auto weight = dyn_cast<WeightOp>(op))
      return verify(op, weight.getColumnRotation().value_or(0));
    if (auto quantize = dyn_cast<QuantizeOp>(op))
      return verify(op, blockOf(quantize.getResult()));
    if (auto dequantize = dyn_cast<DequantizeOp>(op))
      return verify(op, blockOf(dequantize.getInput()));
    return success();
  });
  return failure(result.wasInterrupted());
}

struct LowerModel : moe::cuda::impl::LowerModelPassBase<LowerModel> {
  using LowerModelPassBase::LowerModelPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto forward = host::findForward(module, "gpu");
    if (failed(forward))
      return signalPassFailure();
    auto model = (*forward)->getParentOfType<ModelOp>();
    if (failed(verifyRotations(model)))
      return signalPassFailure();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    builder.getUnitAttr());
    auto kernels =
        gpu::GPUModuleOp::create(builder, forward->getLoc(), "kernels");
    GPULowering lowering(module, model, *forward, kernels);
    if (failed(lowering.run()))
      return signalPassFailure();
    numKernels = lowering.getKernelCount();
    model.erase();
  }
};

} // namespace
