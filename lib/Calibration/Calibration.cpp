//===- Calibration.cpp - the rows that weights multiply -------------------===//
#include "moe/Calibration/Calibration.h"

#include "State.h"
#include "Text.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <numeric>

using namespace llvm;
using namespace moe;

Calibration::Calibration(std::unique_ptr<State> state)
    : state(std::move(state)) {}
Calibration::~Calibration() = default;

Expected<std::unique_ptr<Calibration>>
Calibration::create(ModelOp model, StringRef tokenizerJson, StringRef text,
                    const CalibrationOptions &options) {
  Expected<std::vector<int32_t>> tokens =
      tokenize(tokenizerJson, text, options.origin);
  if (!tokens)
    return tokens.takeError();
  return create(model, *tokens, options);
}

Expected<std::unique_ptr<Calibration>>
Calibration::create(ModelOp model, ArrayRef<int32_t> tokens,
                    const CalibrationOptions &options) {
  Expected<Windows> windows = cutIntoWindows(model, tokens, options);
  if (!windows)
    return windows.takeError();
  auto state = std::make_unique<State>(model, std::move(*windows), options);
  Expected<ModelRun> run = ModelRun::create(*state->copy, state->windows,
                                            state->data, state->workers);
  if (!run)
    return run.takeError();
  state->run = std::move(*run);
  return std::unique_ptr<Calibration>(new Calibration(std::move(state)));
}

int64_t Calibration::getTokens() const { return state->windows.tokens.size(); }
int64_t Calibration::getWindow() const { return state->windows.window; }

std::vector<int64_t> Calibration::getFrequentWords(int64_t count) const {
  std::vector<int64_t> uses(state->copy->getVocabulary());
  for (int32_t token : state->windows.tokens)
    ++uses[token];
  std::vector<int64_t> words(uses.size());
  std::iota(words.begin(), words.end(), 0);
  llvm::stable_sort(words,
                    [&](int64_t a, int64_t b) { return uses[a] > uses[b]; });
  words.resize(std::min<size_t>(words.size(), count));
  llvm::sort(words);
  return words;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Expected<Use> Calibration::State::findUse(WeightOp weight) {
  auto known = uses.find(weight.getSymName());
  if (known != uses.end())
    return known->second;
  // A tied head gets a symbol of its own when it is stored as a code.
  for (auto other : copy->getOps<WeightOp>())
    if (other.getSources() == weight.getSources() &&
        other.getType() == weight.getType()) {
      known = uses.find(other.getSymName());
      if (known != uses.end())
        return known->second;
    }
  return createStringError("weight @" + weight.getSymName() +
                           " multiplies no rows of the text");
}

Error Calibration::State::advanceTo(mlir::Operation *op) {
  if (run->isPast(op)) {
    Expected<ModelRun> again = ModelRun::create(*copy, windows, data, workers);
    if (!again)
      return again.takeError();
    run = std::move(*again);
  }
  return run->advanceTo(op);
}

/// To second order in errors dz of the logits, the divergence of the next token
/// is sum_i p_i (dz_i - mean)^2 / 2. For errors that know no direction that is
/// proportional to 1 - sum_i p_i^2: where the next token is certain anyway, a
/// row may as well be wrong. What GuidedQuant (Kim et al., 2025) takes from
/// gradients for each layer is here one number for all, which no backward pass
/// is needed for. A small part is added, since no row is without effect on
/// those behind it.
Error Calibration::State::weighRows() {
  constexpr double least = 0.03;
  if (!options.weighRows || !importance.empty())
    return Error::success();
  Expected<ModelRun> whole = ModelRun::create(*copy, windows, data, workers);
  if (!whole)
    return whole.takeError();
  Expected<std::vector<float>> uncertainty = whole->getUncertainty();
  if (!uncertainty)
    return uncertainty.takeError();
  double sum = 0;
  for (float &row : *uncertainty)
    sum += row = float(row + least);
  for (float &row : *uncertainty)
    row = float(row * double(uncertainty->size()) / sum);
  importance = std::move(*uncertainty);
  return Error::success();
}

Expected<InputRows> Calibration::getInputs(WeightOp weight, int64_t matrix) {
  Expected<Use> use = state->findUse(weight);
  if (!use)
    return use.takeError();
  if (Error error = state->weighRows())
    return std::move(error);
  if (Error error = state->advanceTo(use->op))
    return std::move(error);
  Expected<Rows> rows = state->run->getInputs(*use, matrix, state->importance);
  if (!rows)
    return rows.takeError();
  if (!llvm::all_of(rows->values, [](float x) { return std::isfinite(x); }))
    return createStringError(state->options.origin + ": weight @" +
                             weight.getSymName() +
                             " meets rows that are not finite");
  return InputRows{rows->rows, rows->columns, std::move(rows->values)};
}

//===----------------------------------------------------------------------===//
// Experts
//===----------------------------------------------------------------------===//

Expected<std::vector<UnreachedExpert>> Calibration::findUnreachedExperts() {
  auto forward = state->copy->lookupSymbol<mlir::func::FuncOp>("forward");
  SmallVector<std::pair<ExpertsOp, int64_t>> banks; // and their layers
  int64_t layer = -1;
  forward.walk([&](mlir::Operation *op) {
    layer += isa<AttentionOp>(op);
    if (auto experts = dyn_cast<ExpertsOp>(op))
      banks.push_back({experts, layer});
  });
  std::vector<UnreachedExpert> result;
  if (banks.empty())
    return result;
  if (Error error = state->run->advanceTo(banks.back().first))
    return std::move(error);
  for (auto [op, layer] : banks) {
    const std::vector<bool> &reached =
        state->run->getReached().find(op.getExperts())->second;
    for (size_t e = 0; e < reached.size(); ++e)
      if (!reached[e])
        result.push_back({op.getGate().str(), layer, int64_t(e)});
  }
  return result;
}

std::string moe::describeUnreached(ArrayRef<UnreachedExpert> experts,
                                   int64_t all) {
  constexpr size_t named = 8;
  std::string text;
  raw_string_ostream stream(text);
  stream << experts.size() << " of " << all
         << " experts were never reached by the calibration text: ";
  interleaveComma(experts.take_front(named), stream,
                  [&](const UnreachedExpert &expert) {
                    stream << expert.gate << " " << expert.expert;
                  });
  if (experts.size() > named)
    stream << ", ...";
  return text;
}
