//===- Evaluator.cpp - runs functions of a model, op by op ----------------===//
#include "moe/Reference/Evaluator.h"

#include "Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <array>
#include <numeric>

using namespace llvm;
using namespace moe;
using namespace moe::reference;
using Results = Expected<std::vector<reference::Value>>;

/// Calls may not nest deeper: a recursive function would exhaust the stack.
static constexpr int maxDepth = 64;

/// An Expected<T> of an operation's only result as Results.
template <typename T> static Results single(Expected<T> value) {
  if (!value)
    return value.takeError();
  std::vector<reference::Value> results;
  results.push_back(std::move(*value));
  return std::move(results);
}
static Results single(Matrix value) {
  return single(Expected<Matrix>(std::move(value)));
}

/// Block of a quantised tensor; 0: not rotated.
static int64_t getRotation(mlir::RankedTensorType type) {
  return cast<QuantizedType>(type.getElementType()).getRotation();
}

namespace moe::reference {

/// The values of one call of a function, and what each operation does to them.
class Frame {
public:
  explicit Frame(Evaluator &evaluator) : evaluator(evaluator) {}

  Results call(mlir::func::FuncOp function, std::vector<Value> arguments);

private:
  /// What the block returns.
  Results run(mlir::Block &block);
  Results dispatch(mlir::Operation *op);
  Error checkResults(mlir::Operation *op, ArrayRef<Value> results);

  Results run(mlir::arith::ConstantOp op);
  Results run(mlir::func::CallOp op);
  Results run(EmbedOp op);
  Results run(PickOp op);
  Results run(PlaceOp op);
  Results run(ZerosOp op);
  Results run(EnterOp op);
  Results run(ExitOp op);
  Results run(ResumeOp op);
  Results run(ParkOp op);
  Results run(ConfidenceOp op);
  Results run(SimilarityOp op);
  Results run(BestOp op);
  Results run(StreakOp op);
  Results run(LogisticOp op);
  Results run(SurplusOp op);
  Results run(CertainOp op);
  Results run(SpreadOp op);
  Results run(NormOp op);
  Results run(LinearOp op);
  Results run(QuantizeOp op);
  Results run(DequantizeOp op);
  Results run(AddOp op);
  Results run(ClampOp op);
  Results run(RopeOp op);
  Results run(KvAppendOp op);
  Results run(AttentionOp op);
  Results run(MlpOp op);
  Results run(RouteOp op);
  Results run(ExpertsOp op);
  Results run(sched::DistributionOp op);
  Results run(sched::BlendOp op);
  Results run(sched::PredictOp op);
  Results run(sched::PrefetchOp op);
  Results run(sched::CancelOp op);
  Results run(sched::LaunchOp op);

  /// Matrix `index` of weights; null for null.
  template <size_t n>
  Expected<std::array<WeightReader::Handle, n>>
  read(const mlir::FlatSymbolRefAttr (&references)[n], int64_t index = 0) {
    std::array<WeightReader::Handle, n> matrices;
    for (size_t i = 0; i < n; ++i) {
      auto matrix = evaluator.weights->read(references[i], index);
      if (!matrix)
        return matrix.takeError();
      matrices[i] = std::move(*matrix);
    }
    return matrices;
  }
  const Value &value(mlir::Value value) const {
    return values.find(value)->second;
  }
  const Matrix &matrix(mlir::Value value) const {
    return std::get<Matrix>(values.find(value)->second);
  }
  const Integers &integers(mlir::Value value) const {
    return std::get<Integers>(values.find(value)->second);
  }
  /// Of an operation that has the numbers of rows and, perhaps, a state.
  template <typename OpT> BatchRows getBatchRows(OpT op) {
    const KvState *kv =
        op.getKv() ? &std::get<KvState>(value(op.getKv())) : nullptr;
    return {integers(op.getSequences()), integers(op.getPositions()), kv};
  }
  template <typename OpT> Batch getBatch(OpT op) {
    return {getBatchRows(op), integers(op.getWanted())};
  }
  void noteLayers(ExitOp op, const ExitRows &rows);
  /// The value itself where `user` is the last to need it, and once; else a
  /// copy.
  Value take(mlir::Value value, mlir::Operation *user) {
    auto found = values.find(value);
    bool last = lastUser.lookup(value) == user &&
                llvm::count(user->getOperands(), value) == 1;
    return last ? std::move(found->second) : found->second;
  }

  Evaluator &evaluator;
  DenseMap<mlir::Value, Value> values;
  DenseMap<mlir::Value, mlir::Operation *> lastUser;
  /// Of each row of the batch: layers that made its features, as exits saw.
  std::vector<int64_t> rowLayers;
};

} // namespace moe::reference

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Calls back with each value that `op`, or what lies in it, uses, and by whom.
static void
forEachUse(mlir::Operation *op,
           function_ref<void(mlir::Operation *, mlir::Value)> onUse) {
  op->walk([&](mlir::Operation *user) {
    for (mlir::Value operand : user->getOperands())
      onUse(user, operand);
  });
}

Results Frame::call(mlir::func::FuncOp function, std::vector<Value> arguments) {
  if (function.isExternal())
    return failure("function @", function.getSymName(), " has no body");
  mlir::Block &block = function.getBody().front();
  if (arguments.size() != block.getNumArguments())
    return failure("function @", function.getSymName(), " takes ",
                   block.getNumArguments(), " arguments, ", arguments.size(),
                   " given");
  for (auto [argument, value] : zip_equal(block.getArguments(), arguments))
    values[argument] = std::move(value);
  // What a nested block uses is needed until the operation that holds the block
  // is done: that one counts as the user.
  forEachUse(block.getParentOp(), [&](mlir::Operation *op, mlir::Value used) {
    lastUser[used] = used.getParentBlock()->findAncestorOpInBlock(*op);
  });
  return run(block);
}

Results Frame::run(mlir::Block &block) {
  for (mlir::Operation &op : block) {
    if (isa<mlir::func::ReturnOp, sched::YieldOp>(op)) {
      std::vector<Value> results;
      for (mlir::Value operand : op.getOperands())
        results.push_back(values[operand]);
      return std::move(results);
    }
    Results results = dispatch(&op);
    if (!results)
      return results.takeError();
    if (Error error = checkResults(&op, *results))
      return std::move(error);
    for (auto [result, value] : zip_equal(op.getResults(), *results)) {
      if (evaluator.onResult)
        evaluator.onResult(result, value);
      values[result] = std::move(value);
    }
    forEachUse(&op, [&](mlir::Operation *, mlir::Value used) {
      if (lastUser.lookup(used) == &op)
        values.erase(used);
    });
  }
  return failure(block.getParentOp()->getName().getStringRef(),
                 " does not return");
}

/// "moe.route: what is wrong"; calls inside calls keep the innermost name.
static Error named(mlir::Operation *op, Error error) {
  if (isa<mlir::func::CallOp>(op))
    return error;
  return failure(op->getName().getStringRef(), ": ",
                 toString(std::move(error)));
}

Results Frame::dispatch(mlir::Operation *op) {
  Results results =
      TypeSwitch<mlir::Operation *, Results>(op)
          .Case<mlir::arith::ConstantOp, mlir::func::CallOp, EmbedOp, PickOp,
                PlaceOp, ZerosOp, EnterOp, ExitOp, ResumeOp, ParkOp,
                ConfidenceOp, SimilarityOp, BestOp, StreakOp, LogisticOp,
                SurplusOp, CertainOp, SpreadOp, NormOp, LinearOp, QuantizeOp,
                DequantizeOp, AddOp, ClampOp, RopeOp, KvAppendOp, AttentionOp,
                MlpOp, RouteOp, ExpertsOp, sched::DistributionOp,
                sched::BlendOp, sched::PredictOp, sched::PrefetchOp,
                sched::CancelOp, sched::LaunchOp>(
              [&](auto known) { return run(known); })
          .Case<sched::AwaitOp, sched::ReleaseOp, sched::RecordOp>(
              [](auto) { return std::vector<Value>(); })
          .Default([](mlir::Operation *) {
            return failure("has no meaning to the evaluator");
          });
  if (!results)
    return named(op, results.takeError());
  return results;
}

/// A type with a static number of rows must get that many.
Error Frame::checkResults(mlir::Operation *op, ArrayRef<Value> results) {
  for (auto [result, value] : zip_equal(op->getResults(), results)) {
    auto type = dyn_cast<mlir::RankedTensorType>(result.getType());
    if (!type || type.isDynamicDim(0))
      continue;
    int64_t rows = getRows(value);
    if (rows != type.getDimSize(0))
      return named(op,
                   failure("result ", result.getResultNumber(), " has ", rows,
                           " rows, its type has ", type.getDimSize(0)));
  }
  return Error::success();
}

Results Frame::run(mlir::func::CallOp op) {
  auto callee =
      evaluator.model.lookupSymbol<mlir::func::FuncOp>(op.getCallee());
  if (!callee)
    return failure("the model has no function @", op.getCallee());
  std::vector<Value> arguments;
  for (mlir::Value operand : op.getOperands())
    arguments.push_back(take(operand, op));
  return evaluator.evaluate(callee, std::move(arguments));
}

Results Frame::run(mlir::arith::ConstantOp op) {
  auto elements = dyn_cast<mlir::DenseElementsAttr>(op.getValue());
  if (!elements || elements.getType().getRank() < 1 ||
      elements.getType().getRank() > 2)
    return failure("is not a tensor of rank 1 or 2");
  int64_t rank = elements.getType().getRank();
  int64_t rows = elements.getType().getDimSize(0);
  int64_t columns = rank == 2 ? elements.getType().getDimSize(1) : 1;
  if (elements.getElementType().isF32() && rank == 2) {
    Matrix result{rows, columns, {}};
    for (float value : elements.getValues<float>())
      result.values.push_back(value);
    return single(std::move(result));
  }
  if (elements.getElementType().isInteger(32)) {
    Integers result{rows, columns, {}};
    for (int32_t value : elements.getValues<int32_t>())
      result.values.push_back(value);
    return single(Expected<Integers>(std::move(result)));
  }
  std::string type;
  raw_string_ostream(type) << elements.getType();
  return failure("has type ", type,
                 ", rows of f32 and one or two dimensions of i32 are known");
}

//===----------------------------------------------------------------------===//
// Operations of the dialect: operands, weights, and the function in Ops.h
//===----------------------------------------------------------------------===//

Results Frame::run(EmbedOp op) {
  auto weights = read({op.getTableAttr()});
  if (!weights)
    return weights.takeError();
  auto [table] = *weights;
  return single(embed(integers(op.getTokens()), std::get<Matrix>(*table)));
}

Results Frame::run(PickOp op) {
  if (auto *numbers = std::get_if<Integers>(&value(op.getInput())))
    return single(pick(*numbers, integers(op.getRows())));
  return single(pick(matrix(op.getInput()), integers(op.getRows())));
}

Results Frame::run(PlaceOp op) {
  return single(place(matrix(op.getInput()), integers(op.getRows()),
                      std::get<Matrix>(take(op.getInto(), op))));
}

Results Frame::run(ZerosOp op) {
  return single(
      Matrix::zeros(integers(op.getLike()).rows, op.getType().getDimSize(1)));
}

Results Frame::run(NormOp op) {
  auto weights = read({op.getScaleAttr()});
  if (!weights)
    return weights.takeError();
  auto [scale] = *weights;
  return single(norm(op.getKind(), matrix(op.getInput()),
                     std::get<Matrix>(*scale),
                     op.getEpsilon().convertToDouble(), op.getGroups()));
}

Results Frame::run(LinearOp op) {
  auto weights = read({op.getWeightAttr(), op.getBiasAttr()});
  if (!weights)
    return weights.takeError();
  auto [weight, bias] = *weights;
  return single(
      linear(value(op.getInput()), *weight, std::get_if<Matrix>(bias.get())));
}

Results Frame::run(QuantizeOp op) {
  int64_t rotation =
      op.getArrivedRotated() ? 0 : getRotation(op.getResult().getType());
  return single(quantize(matrix(op.getInput()), rotation));
}

Results Frame::run(DequantizeOp op) {
  return single(dequantize(std::get<QuantizedRows>(value(op.getInput())),
                           getRotation(op.getInput().getType())));
}

Results Frame::run(AddOp op) {
  return single(add(matrix(op.getLhs()), matrix(op.getRhs())));
}

Results Frame::run(ClampOp op) {
  return single(clamp(matrix(op.getInput()), op.getLimit().convertToDouble()));
}

Results Frame::run(RopeOp op) {
  auto tableOp = evaluator.model.lookupSymbol<RopeTableOp>(op.getTable());
  if (!tableOp)
    return failure("the model has no rope table @", op.getTable());
  RopeTable table{tableOp.getLayout(), {}, tableOp.getGain().convertToDouble()};
  for (auto frequency : tableOp.getFrequencies().getAsRange<mlir::FloatAttr>())
    table.frequencies.push_back(frequency.getValueAsDouble());
  return single(rope(matrix(op.getInput()), integers(op.getPositions()), table,
                     op.getHeads()));
}

Results Frame::run(KvAppendOp op) {
  KvState kv = std::get<KvState>(take(op.getKv(), op));
  return single(kvAppend(matrix(op.getKeys()), matrix(op.getValues()),
                         std::move(kv), op.getKv().getType(), op.getLayer(),
                         integers(op.getSequences()),
                         integers(op.getPositions())));
}

Results Frame::run(AttentionOp op) {
  const auto &kv = std::get<KvState>(values.find(op.getKv())->second);
  return single(attention(matrix(op.getQueries()), kv, op.getKv().getType(),
                          op.getLayer(), integers(op.getSequences()),
                          integers(op.getPositions()), op.getHeads(),
                          op.getScale().convertToDouble(), op.getWindow()));
}

Results Frame::run(MlpOp op) {
  auto weights = read({op.getGateAttr(), op.getUpAttr(), op.getDownAttr(),
                       op.getSharedGateAttr()});
  if (!weights)
    return weights.takeError();
  auto [gate, up, down, sharedGate] = *weights;
  mlir::Value gateInput = op.getGateInput();
  if (sharedGate && !gateInput)
    gateInput = op.getInput();
  return single(mlp(value(op.getInput()), {gate, up, down, op.getActivation()},
                    std::get_if<Matrix>(sharedGate.get()),
                    gateInput ? &matrix(gateInput) : nullptr));
}

Results Frame::run(RouteOp op) {
  Expected<Routing> routing =
      route(matrix(op.getLogits()), op.getK(), op.getScore(),
            op.getRenormalize(), op.getScale().convertToDouble());
  if (!routing)
    return routing.takeError();
  std::vector<Value> results;
  results.push_back(std::move(routing->experts));
  results.push_back(std::move(routing->weights));
  return std::move(results);
}

Results Frame::run(ExpertsOp op) {
  auto getExpert = [&](int64_t expert) -> Expected<GatedWeights> {
    auto weights =
        read({op.getGateAttr(), op.getUpAttr(), op.getDownAttr()}, expert);
    if (!weights)
      return weights.takeError();
    auto [gate, up, down] = *weights;
    return GatedWeights{gate, up, down, op.getActivation()};
  };
  auto gate = evaluator.model.lookupSymbol<WeightOp>(op.getGate());
  return single(experts(value(op.getInput()), integers(op.getExperts()),
                        matrix(op.getWeights()), gate.getMatrices(),
                        op.getType().getDimSize(1), getExpert));
}

//===----------------------------------------------------------------------===//
// Leaving early
//===----------------------------------------------------------------------===//

/// Decoder layers of the model: those of the state of the function.
static int64_t countLayers(mlir::Operation *op) {
  auto function = op->getParentOfType<mlir::func::FuncOp>();
  for (mlir::Type type : function.getArgumentTypes())
    if (auto kv = dyn_cast<KvType>(type))
      return kv.getLayers();
  return 0;
}

Results Frame::run(EnterOp op) {
  Batch batch = getBatch(op);
  Expected<Entered> entered = enter(batch, evaluator.exits);
  if (!entered)
    return entered.takeError();
  rowLayers.assign(batch.getRows(), 0);
  for (int64_t row = 0; row < batch.getRows(); ++row)
    if (auto *parked = batch.findParked(row))
      rowLayers[row] = parked->layers;
  evaluator.layersRun.assign(batch.wanted.rows, countLayers(op));
  std::vector<Value> results;
  for (Integers *rows : {&entered->running, &entered->due, &entered->asking})
    results.push_back(std::move(*rows));
  return std::move(results);
}

/// Of the entries that leave here, and of those whose rows wait in vain.
void Frame::noteLayers(ExitOp op, const ExitRows &rows) {
  const Integers &due = integers(op.getDue()),
                 &asking = integers(op.getAsking());
  std::vector<int64_t> &layersRun = evaluator.layersRun;
  layersRun.resize(integers(op.getWanted()).rows);
  for (int32_t row : integers(op.getRunning()).values)
    rowLayers[row] = op.getLayers();
  for (int32_t entry : due.values)
    if (!is_contained(rows.due.values, entry))
      layersRun[entry] = -1;
  for (int32_t place : rows.leaving.values)
    layersRun[asking.values[place]] = op.getLayers();
}

Results Frame::run(ExitOp op) {
  Batch batch = getBatch(op);
  ExitSite site{op.getThreshold().convertToDouble(), int64_t(op.getLayers())};
  Expected<ExitRows> rows =
      leave(site, batch, matrix(op.getScores()), integers(op.getAsking()),
            integers(op.getRunning()), integers(op.getDue()), evaluator.exits);
  if (!rows)
    return rows.takeError();
  rowLayers.resize(batch.getRows());
  noteLayers(op, *rows);
  std::vector<Value> results;
  for (Integers *each :
       {&rows->running, &rows->gone, &rows->due, &rows->kept, &rows->leaving})
    results.push_back(std::move(*each));
  return std::move(results);
}

Results Frame::run(ResumeOp op) {
  return single(resume(matrix(op.getInput()), getBatchRows(op)));
}

Results Frame::run(ParkOp op) {
  const Matrix &input = matrix(op.getInput());
  rowLayers.resize(input.rows);
  return single(
      park(input, integers(op.getGone()), getBatchRows(op), rowLayers));
}

Results Frame::run(ConfidenceOp op) {
  return single(confidence(op.getKind(), matrix(op.getLogits())));
}

Results Frame::run(SimilarityOp op) {
  return single(similarity(matrix(op.getLhs()), matrix(op.getRhs())));
}

Results Frame::run(BestOp op) {
  return single(Expected<Integers>(best(matrix(op.getInput()))));
}

Results Frame::run(StreakOp op) {
  if (!op.getBefore())
    return single(streak(integers(op.getBest()), nullptr, nullptr));
  return single(streak(integers(op.getBest()), &integers(op.getBefore()),
                       &matrix(op.getStreak())));
}

Results Frame::run(LogisticOp op) {
  std::vector<const Matrix *> features;
  for (mlir::Value operand : op.getFeatures())
    features.push_back(&matrix(operand));
  std::vector<double> weights;
  for (auto weight : op.getWeights().getAsRange<mlir::FloatAttr>())
    weights.push_back(weight.getValueAsDouble());
  return single(logistic(features, weights, op.getBias().convertToDouble()));
}

Results Frame::run(SurplusOp op) {
  auto weights = read({op.getSlackAttr()});
  if (!weights)
    return weights.takeError();
  auto [slack] = *weights;
  return single(surplus(matrix(op.getInside()), matrix(op.getOutside()),
                        std::get<Matrix>(*slack), matrix(op.getFeatures()),
                        matrix(op.getNear())));
}

Results Frame::run(CertainOp op) {
  Certainty places =
      certain(matrix(op.getSurplus()), evaluator.exits.wholeDistributions);
  std::vector<Value> results;
  results.push_back(std::move(places.certain));
  results.push_back(std::move(places.unsure));
  return std::move(results);
}

Results Frame::run(SpreadOp op) {
  return single(spread(matrix(op.getInput()), op.getColumns(),
                       op.getType().getDimSize(1)));
}

//===----------------------------------------------------------------------===//
// Operations of the sched dialect
//===----------------------------------------------------------------------===//

Results Frame::run(sched::DistributionOp op) {
  return single(distribution(matrix(op.getLogits())));
}

Results Frame::run(sched::BlendOp op) {
  std::vector<const Matrix *> scores;
  for (mlir::Value operand : op.getScores())
    scores.push_back(&matrix(operand));
  return single(blend(scores, op.getWeights()));
}

Results Frame::run(sched::PredictOp op) {
  ArrayRef<double> calibration = op.getCalibration();
  Expected<Prediction> prediction =
      predict(matrix(op.getScores()), op.getCount(), op.getChosen(),
              calibration[0], calibration[1]);
  if (!prediction)
    return prediction.takeError();
  std::vector<Value> results;
  results.push_back(std::move(prediction->experts));
  results.push_back(std::move(prediction->confidence));
  return std::move(results);
}

Results Frame::run(sched::PrefetchOp) {
  return single(Expected<Value>(Token()));
}

Results Frame::run(sched::CancelOp op) {
  return std::vector<Value>(op->getNumResults(), Token());
}

Results Frame::run(sched::LaunchOp op) { return run(op.getBody().front()); }

//===----------------------------------------------------------------------===//
// The evaluator
//===----------------------------------------------------------------------===//

int64_t reference::getRows(const Value &value) {
  if (auto *integers = std::get_if<Integers>(&value))
    return integers->rows;
  if (auto *quantized = std::get_if<QuantizedRows>(&value))
    return quantized->rows;
  return std::get<Matrix>(value).rows;
}

Evaluator::Evaluator(ModelOp model, Observer onResult, EvaluatorOptions options)
    : model(model), onResult(std::move(onResult)), exits(options.exits),
      weights(std::make_unique<WeightReader>(model, options)) {}

Evaluator::~Evaluator() = default;

Results Evaluator::evaluate(mlir::func::FuncOp function,
                            std::vector<Value> arguments) {
  if (depth == maxDepth)
    return failure("calls are nested deeper than ", maxDepth);
  ++depth;
  Results results = Frame(*this).call(function, std::move(arguments));
  --depth;
  return results;
}

Expected<Matrix> Evaluator::evaluateTokens(ArrayRef<int32_t> tokens) {
  auto forward = model.lookupSymbol<mlir::func::FuncOp>("forward");
  if (!forward)
    return failure("the model has no function @forward");
  int64_t count = int64_t(tokens.size()), context = int64_t(model.getContext());
  if (count > context)
    return failure(count, " tokens given, the context is ", context);
  Integers sequences{count, 1, std::vector<int32_t>(count)};
  Integers positions = sequences;
  std::iota(positions.values.begin(), positions.values.end(), 0);
  std::vector<Value> arguments;
  arguments.push_back(Integers{count, 1, tokens.vec()});
  arguments.push_back(std::move(sequences));
  arguments.push_back(positions);
  arguments.push_back(positions); // the logits of every row are wanted
  arguments.push_back(KvState());
  Results results = evaluate(forward, std::move(arguments));
  if (!results)
    return results.takeError();
  return std::get<Matrix>(std::move(results->front()));
}

Results reference::evaluate(ModelOp model, mlir::func::FuncOp function,
                            std::vector<Value> arguments,
                            EvaluatorOptions options) {
  return Evaluator(model, nullptr, options)
      .evaluate(function, std::move(arguments));
}

Expected<Matrix> reference::evaluateTokens(ModelOp model,
                                           ArrayRef<int32_t> tokens,
                                           EvaluatorOptions options) {
  return Evaluator(model, nullptr, options).evaluateTokens(tokens);
}
