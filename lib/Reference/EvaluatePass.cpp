//===- EvaluatePass.cpp - the evaluator on the command line ---------------===//
#include "moe/Reference/Passes.h"

#include "Npy.h"
#include "moe/Reference/Evaluator.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>

namespace moe {
#define GEN_PASS_DEF_EVALUATEPASS
#include "moe/Reference/Passes.h.inc"
} // namespace moe

using namespace mlir;
using namespace moe;
using namespace moe::reference;
using llvm::raw_ostream;

/// One line; floats with the digits that float32 has.
static void print(raw_ostream &out, const reference::Value &value,
                  mlir::Type type) {
  if (auto *kv = std::get_if<KvState>(&value)) {
    out << "kv " << kv->table->size() << " entries";
    if (!kv->parked->empty())
      out << ", " << kv->parked->size() << " rows wait";
    out << '\n';
    return;
  }
  auto shaped = cast<RankedTensorType>(type);
  out << shaped.getElementType();
  if (auto *matrix = std::get_if<Matrix>(&value)) {
    out << ' ' << matrix->rows << 'x' << matrix->columns << ':';
    for (double element : matrix->values)
      out << ' ' << llvm::format("%.9g", element);
  } else if (auto *quantized = std::get_if<QuantizedRows>(&value)) {
    int64_t columns = quantized->columns;
    out << ' ' << quantized->rows << 'x' << columns << ':';
    for (int64_t r = 0; r < quantized->rows; ++r) {
      out << (r ? " ; " : " ") << llvm::format("%.9g", quantized->scales[r])
          << " *";
      for (int8_t level :
           ArrayRef(quantized->levels).slice(r * columns, columns))
        out << ' ' << int(level);
    }
  } else {
    const auto &integers = std::get<Integers>(value);
    out << ' ' << integers.rows;
    if (shaped.getRank() == 2)
      out << 'x' << integers.columns;
    out << ':';
    for (int32_t element : integers.values)
      out << ' ' << element;
  }
  out << '\n';
}

/// Prints the results of `function`, whose arguments may only be states.
static llvm::Error runFunction(ModelOp model, StringRef name,
                               EvaluatorOptions options, raw_ostream &out) {
  auto function = model.lookupSymbol<func::FuncOp>(name);
  if (!function)
    return llvm::createStringError("model @" + model.getSymName() +
                                   " has no function @" + name);
  for (mlir::Type type : function.getArgumentTypes())
    if (!isa<KvType>(type))
      return llvm::createStringError(
          "function @" + name + " takes tensors, which cannot be given here");
  std::vector<reference::Value> states(function.getNumArguments(), KvState());
  auto results = evaluate(model, function, std::move(states), options);
  if (!results)
    return results.takeError();
  for (auto [value, type] :
       llvm::zip_equal(*results, function.getResultTypes()))
    print(out, value, type);
  return llvm::Error::success();
}

/// Writes the logits of `tokens`, or prints the largest one of each row.
static llvm::Error runForward(ModelOp model, ArrayRef<int32_t> tokens,
                              StringRef file, EvaluatorOptions options,
                              raw_ostream &out) {
  Evaluator evaluator(model, nullptr, options);
  llvm::Expected<Matrix> logits = evaluator.evaluateTokens(tokens);
  if (!logits)
    return logits.takeError();
  if (!file.empty())
    return writeNpy(file, *logits);
  out << "argmax:";
  for (int64_t r = 0; r < logits->rows; ++r) {
    const double *row = logits->row(r);
    out << ' ' << std::max_element(row, row + logits->columns) - row;
  }
  out << '\n';
  if (!evaluator.getLayersRun().empty()) {
    out << "layers: ";
    llvm::interleave(evaluator.getLayersRun(), out, " ");
    out << '\n';
  }
  return llvm::Error::success();
}

namespace {
struct EvaluatePass : moe::impl::EvaluatePassBase<EvaluatePass> {
  using EvaluatePassBase::EvaluatePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto models = llvm::to_vector(module.getOps<ModelOp>());
    if (models.size() != 1) {
      emitError(module.getLoc(), "the module has ")
          << models.size() << " models, 1 is evaluated";
      return signalPassFailure();
    }
    if (tokens.empty() && !logits.empty()) {
      emitError(module.getLoc(),
                "logits are of tokens, and there are 0 tokens");
      return signalPassFailure();
    }
    EvaluatorOptions options{effort, keepWeights};
    options.exits.exits = exits;
    if (!std::isnan(double(exitThreshold)))
      options.exits.threshold = double(exitThreshold);
    llvm::Error error =
        tokens.empty()
            ? runFunction(models.front(), function, options, llvm::outs())
            : runForward(models.front(), llvm::to_vector(tokens), logits,
                         options, llvm::outs());
    if (error) {
      emitError(models.front().getLoc(), llvm::toString(std::move(error)));
      return signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};
} // namespace
