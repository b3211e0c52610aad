//===- GuessOverTrace.cpp - what a predictor would have guessed -----------===//
//
// A model is made that has nothing but the logits of its layers: the predictor
// writes its IR into it, and the evaluator runs that on the trace.
//===----------------------------------------------------------------------===//
#include "ScoreCalibration.h"
#include "moe/Prefetch/PredictorBuilder.h"
#include "moe/Reference/Evaluator.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include <algorithm>

using namespace llvm;
using namespace moe;
using mlir::RankedTensorType;
using moe::reference::Integers;
using moe::reference::Matrix;

namespace {

/// Rows that are evaluated at once: what bounds memory.
constexpr int64_t chunkRows = 1024;

/// The model that stands in for the one that a trace is of. Function @scores
/// takes the numbers of rows and the logits of all layers up to `from`;
/// function @guess takes scores and says what they guess.
class TraceModel {
public:
  TraceModel(const RoutingTrace &trace, int64_t from, int64_t to);

  /// False if the predictor has nothing to say.
  bool addScores(const Predictor &predictor);
  void addGuess(const Predictor &predictor, ScoreCalibration calibration,
                int64_t count);
  /// Fails if the predictor wrote what is no IR.
  Error verify(const Predictor &predictor);
  Expected<Matrix> evaluateScores();
  Error evaluateGuess(const Matrix &scores, TraceGuesses &guesses);

private:
  RankedTensorType getTable(int64_t columns, mlir::Type element) {
    return RankedTensorType::get({mlir::ShapedType::kDynamic, columns},
                                 element);
  }
  mlir::func::FuncOp addFunction(StringRef name, ArrayRef<mlir::Type> inputs);
  void finish(mlir::func::FuncOp function, mlir::ValueRange results);

  const RoutingTrace &trace;
  int64_t from, to;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::ImplicitLocOpBuilder builder;
  ModelOp model;
  mlir::func::FuncOp scores, guess;
};

} // namespace

TraceModel::TraceModel(const RoutingTrace &trace, int64_t from, int64_t to)
    : trace(trace), from(from), to(to),
      builder(mlir::UnknownLoc::get(&context), &context) {
  context
      .loadDialect<MoeDialect, sched::SchedDialect, mlir::func::FuncDialect>();
  module = mlir::ModuleOp::create(builder.getLoc());
  builder.setInsertionPointToEnd(module->getBody());
  // Positions lie below the context: here they number the rows.
  model = ModelOp::create(builder, "trace", "null",
                          /*context=*/int64_t(trace.rows.size()),
                          /*vocabulary=*/1, ".");
  builder.createBlock(&model.getBody());
}

mlir::func::FuncOp TraceModel::addFunction(StringRef name,
                                           ArrayRef<mlir::Type> inputs) {
  builder.setInsertionPointToEnd(&model.getBody().front());
  auto function = mlir::func::FuncOp::create(
      builder, name, builder.getFunctionType(inputs, {}));
  builder.setInsertionPointToEnd(function.addEntryBlock());
  return function;
}

void TraceModel::finish(mlir::func::FuncOp function, mlir::ValueRange results) {
  mlir::func::ReturnOp::create(builder, results);
  function.setFunctionType(
      builder.getFunctionType(function.getArgumentTypes(), results.getTypes()));
}

bool TraceModel::addScores(const Predictor &predictor) {
  SmallVector<mlir::Type> inputs = {RankedTensorType::get(
      {mlir::ShapedType::kDynamic}, builder.getI32Type())};
  inputs.append(from + 1, getTable(trace.experts, builder.getF32Type()));
  scores = addFunction("scores", inputs);
  std::vector<RoutedLayer> layers(trace.layers.size());
  for (auto [i, layer] : enumerate(layers)) {
    layer.layer = trace.layers[i];
    layer.experts = trace.experts;
    layer.chosen = trace.chosen;
    if (int64_t(i) <= from)
      layer.logits = scores.getArgument(i + 1);
  }
  PredictionSite site;
  site.model = model;
  site.layers = layers;
  site.from = from;
  site.to = to;
  site.positions = scores.getArgument(0);
  mlir::Value result = predictor.buildScores(builder, site);
  if (!result)
    return false;
  finish(scores, result);
  return true;
}

void TraceModel::addGuess(const Predictor &predictor,
                          ScoreCalibration calibration, int64_t count) {
  guess = addFunction("guess", getTable(trace.experts, builder.getF32Type()));
  auto predict = sched::PredictOp::create(
      builder, getTable(count, builder.getI32Type()),
      getTable(count, builder.getF32Type()), guess.getArgument(0),
      trace.layers[to], count, trace.chosen, predictor.getName(),
      builder.getDenseF64ArrayAttr({calibration.slope, calibration.bias}));
  finish(guess, predict.getResults());
}

Error TraceModel::verify(const Predictor &predictor) {
  std::string what;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          what = diagnostic.str();
                                          return mlir::success();
                                        });
  if (succeeded(mlir::verify(*module)))
    return Error::success();
  return createStringError("predictor " + predictor.getName() + ": " + what);
}

Expected<Matrix> TraceModel::evaluateScores() {
  reference::Evaluator evaluator(model);
  int64_t rows = trace.rows.size();
  Matrix result{rows, trace.experts, {}};
  for (int64_t begin = 0; begin < rows; begin += chunkRows) {
    int64_t count = std::min(chunkRows, rows - begin);
    Integers numbers{count, 1, {}};
    for (int64_t row = 0; row < count; ++row)
      numbers.values.push_back(begin + row);
    std::vector<reference::Value> arguments = {std::move(numbers)};
    for (int64_t layer = 0; layer <= from; ++layer) {
      // Layers that nobody looks at need no rows.
      bool isUsed = !scores.getArgument(layer + 1).use_empty();
      const float *logits = trace.logits[layer].data() + begin * trace.experts;
      int64_t used = isUsed ? count : 0;
      arguments.push_back(
          Matrix{used, trace.experts, {logits, logits + used * trace.experts}});
    }
    auto results = evaluator.evaluate(scores, std::move(arguments));
    if (!results)
      return results.takeError();
    const auto &part = std::get<Matrix>(results->front());
    result.values.insert(result.values.end(), part.values.begin(),
                         part.values.end());
  }
  return std::move(result);
}

Error TraceModel::evaluateGuess(const Matrix &scores, TraceGuesses &guesses) {
  reference::Evaluator evaluator(model);
  for (int64_t begin = 0; begin < scores.rows; begin += chunkRows) {
    int64_t count = std::min(chunkRows, scores.rows - begin);
    std::vector<reference::Value> arguments = {Matrix{
        count,
        scores.columns,
        {scores.row(begin), scores.row(begin) + count * scores.columns}}};
    auto results = evaluator.evaluate(guess, std::move(arguments));
    if (!results)
      return results.takeError();
    const auto &experts = std::get<Integers>((*results)[0]).values;
    const auto &confidence = std::get<Matrix>((*results)[1]).values;
    guesses.experts.insert(guesses.experts.end(), experts.begin(),
                           experts.end());
    guesses.confidence.insert(guesses.confidence.end(), confidence.begin(),
                              confidence.end());
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Guesses that are made, and those that were recorded
//===----------------------------------------------------------------------===//

/// Those of the first `fitted` rows that the predictor did not learn from; all
/// if they are too few.
static std::vector<int64_t> getCalibrationRows(const Predictor &predictor,
                                               int64_t fitted) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < fitted; ++row)
    if (!predictor.needsTrace() || !isTeachingRow(row))
      rows.push_back(row);
  if (rows.empty())
    append_range(rows, seq(fitted));
  return rows;
}

/// Nothing if the predictor does not guess layer `to`.
static Expected<std::optional<TraceGuesses>>
guessLayer(const Predictor &predictor, const RoutingTrace &trace, int64_t from,
           int64_t to, int64_t count, int64_t fitted) {
  TraceModel model(trace, from, to);
  if (!model.addScores(predictor))
    return std::nullopt;
  if (Error error = model.verify(predictor))
    return std::move(error);
  Expected<Matrix> scores = model.evaluateScores();
  if (!scores)
    return scores.takeError();
  TraceGuesses guesses;
  guesses.layer = to;
  guesses.count = count;
  guesses.calibration = calibrateScores(
      *scores, trace, to, count,
      getCalibrationRows(predictor,
                         std::min<int64_t>(fitted, trace.rows.size())));
  model.addGuess(predictor, guesses.calibration, count);
  if (Error error = model.verify(predictor))
    return std::move(error);
  if (Error error = model.evaluateGuess(*scores, guesses))
    return std::move(error);
  return std::move(guesses);
}

/// What the module that was recorded guessed, calibrated anew.
static std::optional<TraceGuesses> takeRecorded(const RoutingTrace &trace,
                                                int64_t layer, int64_t count,
                                                int64_t fitted) {
  if (all_of(trace.guessed[layer], [](int32_t expert) { return expert == -1; }))
    return std::nullopt;
  TraceGuesses guesses;
  guesses.layer = layer;
  guesses.count = std::min(count, trace.guesses);
  for (int64_t row = 0; row < int64_t(trace.rows.size()); ++row)
    for (int64_t j = 0; j < guesses.count; ++j) {
      int64_t i = row * trace.guesses + j;
      guesses.experts.push_back(trace.guessed[layer][i]);
      guesses.confidence.push_back(trace.confidence[layer][i]);
    }
  calibrateRecorded(guesses, trace, fitted);
  return std::move(guesses);
}

Error moe::checkGuessesOverTrace(const Predictor &predictor,
                                 const RoutingTrace &trace) {
  if (!predictor.needsRows())
    return Error::success();
  std::string file = trace.path.empty() ? "" : trace.path + ": ";
  if (trace.guesses == 0)
    return createStringError(
        Twine(file) + "has no guesses; those of " + predictor.getName() +
        " are recorded by a module that was compiled with it");
  if (trace.predictor != predictor.getName())
    return createStringError(Twine(file) + "has guesses of " + trace.predictor +
                             ", those of " + predictor.getName() +
                             " are needed");
  return Error::success();
}

Expected<std::vector<TraceGuesses>>
moe::guessOverTrace(const Predictor &predictor, const RoutingTrace &trace,
                    int64_t ahead, int64_t count, int64_t fitted) {
  if (Error error = checkGuessesOverTrace(predictor, trace))
    return std::move(error);
  if (ahead < 1)
    return createStringError("guesses are made " + Twine(ahead) +
                             " layers ahead, must be at least 1");
  if (count < 1 || count > trace.experts)
    return createStringError("there are " + Twine(count) +
                             " guesses per row, must be between 1 and " +
                             Twine(trace.experts));
  std::vector<TraceGuesses> all;
  for (int64_t to = ahead; to < int64_t(trace.layers.size()); ++to) {
    std::optional<TraceGuesses> guesses;
    if (predictor.needsRows())
      guesses = takeRecorded(trace, to, count, fitted);
    else if (Error error =
                 guessLayer(predictor, trace, to - ahead, to, count, fitted)
                     .moveInto(guesses))
      return std::move(error);
    if (guesses)
      all.push_back(std::move(*guesses));
  }
  return std::move(all);
}
