//===- PredictorBuilder.cpp - pieces of IR that predictors share ----------===//
#include "moe/Prefetch/PredictorBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;

Value moe::buildDistribution(ImplicitLocOpBuilder &builder,
                             const PredictionSite &site, int64_t index) {
  Value logits = site.layers[index].logits;
  if (!logits)
    return {};
  return sched::DistributionOp::create(builder, logits.getType(), logits);
}

Value moe::buildRecentDistribution(ImplicitLocOpBuilder &builder,
                                   const PredictionSite &site) {
  constexpr double weights[] = {0.4, 0.3, 0.2, 0.1};
  SmallVector<Value> scores;
  SmallVector<double> used;
  double sum = 0;
  for (int64_t index = site.from; index >= 0 && scores.size() < 4; --index) {
    if (site.layers[index].experts != site.layers[site.to].experts)
      break;
    Value distribution = buildDistribution(builder, site, index);
    if (!distribution)
      break;
    sum += weights[scores.size()];
    used.push_back(weights[scores.size()]);
    scores.push_back(distribution);
  }
  if (scores.empty())
    return {};
  for (double &weight : used)
    weight /= sum;
  return sched::BlendOp::create(builder, scores.front().getType(), scores,
                                builder.getDenseF64ArrayAttr(used));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The number that a reader of the text gets: an array of f64 is written with
/// seven digits. So a model means the same before and after it was text.
static double getWritten(float value) {
  SmallString<24> text;
  llvm::raw_svector_ostream(text) << double(value);
  double written = 0;
  bool failed = text.str().getAsDouble(written);
  assert(!failed && "what was written is a number");
  (void)failed;
  return written;
}

FlatSymbolRefAttr moe::addPredictorWeight(ImplicitLocOpBuilder &builder,
                                          const PredictionSite &site,
                                          StringRef part,
                                          ArrayRef<int64_t> shape,
                                          ArrayRef<float> values) {
  ModelOp model = site.model;
  std::string base =
      ("predictor." + Twine(site.layers[site.to].layer) + "." + part).str();
  std::string name = base;
  for (int64_t i = 1; model.lookupSymbol(name); ++i)
    name = (base + "." + Twine(i)).str();
  std::vector<double> elements;
  for (float value : values)
    elements.push_back(getWritten(value));
  auto source =
      ValuesAttr::get(builder.getContext(),
                      DenseF64ArrayAttr::get(builder.getContext(), elements));

  OpBuilder::InsertionGuard guard(builder);
  Block &body = model.getBody().front();
  auto functions = body.getOps<func::FuncOp>();
  if (functions.empty())
    builder.setInsertionPointToEnd(&body);
  else
    builder.setInsertionPoint(*functions.begin());
  WeightOp::create(builder, name,
                   RankedTensorType::get(shape, builder.getF32Type()),
                   builder.getArrayAttr({source}));
  return FlatSymbolRefAttr::get(builder.getContext(), name);
}

Value moe::buildLinear(ImplicitLocOpBuilder &builder, Value rows,
                       FlatSymbolRefAttr weight, int64_t columns,
                       FlatSymbolRefAttr bias) {
  int64_t count = cast<RankedTensorType>(rows.getType()).getDimSize(0);
  auto type = RankedTensorType::get({count, columns}, builder.getF32Type());
  return LinearOp::create(builder, type, rows, weight, bias);
}

//===----------------------------------------------------------------------===//
// Routers of other layers
//===----------------------------------------------------------------------===//

/// What was quantised; null if it cannot be had back.
static Value getUnquantized(Value rows) {
  auto quantize = rows.getDefiningOp<QuantizeOp>();
  if (!quantize)
    return rows;
  // Rows that arrive rotated are in another basis than the residual stream.
  return quantize.getArrivedRotated() ? Value() : quantize.getInput();
}

Value moe::buildRouter(ImplicitLocOpBuilder &builder,
                       const PredictionSite &site, Value rows) {
  LinearOp router = site.layers[site.to].router;
  if (!router)
    return {};
  Value known = getUnquantized(rows);
  Value taken = getUnquantized(router.getInput());
  if (!known || !taken || known.getType() != taken.getType())
    return {};
  if (auto norm = taken.getDefiningOp<NormOp>()) {
    // Each layer's norm has a weight of its own.
    if (auto other = known.getDefiningOp<NormOp>())
      known = other.getInput();
    known = NormOp::create(builder, norm.getType(), norm.getKindAttr(), known,
                           norm.getScaleAttr(), norm.getEpsilonAttr(),
                           norm.getGroupsAttr());
  }
  if (auto quantize = router.getInput().getDefiningOp<QuantizeOp>())
    known = QuantizeOp::create(builder, quantize.getType(), known,
                               /*arrived_rotated=*/UnitAttr());
  return LinearOp::create(builder, router.getType(), known,
                          router.getWeightAttr(), router.getBiasAttr());
}

//===----------------------------------------------------------------------===//
// Transitions
//===----------------------------------------------------------------------===//

void Transitions::fit(const RoutingTrace &trace) {
  experts = trace.experts;
  chosen = trace.chosen;
  choices = getTeachingRows(trace).choices;
}

std::optional<std::vector<float>> Transitions::get(int64_t from,
                                                   int64_t to) const {
  int64_t layers = choices.size();
  if (from < 0 || to < 0 || from >= layers || to >= layers)
    return std::nullopt;
  // Smoothing: one row that chooses `chosen` of all experts with equal chance.
  std::vector<double> counts(experts * experts, double(chosen) / experts);
  std::vector<double> rows(experts, 1.0);
  int64_t count = choices[from].size() / chosen;
  for (int64_t row = 0; row < count; ++row)
    for (int64_t i = 0; i < chosen; ++i) {
      int32_t a = choices[from][row * chosen + i];
      rows[a] += 1;
      for (int64_t j = 0; j < chosen; ++j)
        counts[choices[to][row * chosen + j] * experts + a] += 1;
    }
  std::vector<float> shares;
  for (int64_t i = 0; i < experts * experts; ++i)
    shares.push_back(float(counts[i] / rows[i % experts]));
  return shares;
}

Value Transitions::build(ImplicitLocOpBuilder &builder,
                         const PredictionSite &site) const {
  if (site.layers[site.from].experts != experts ||
      site.layers[site.to].experts != experts)
    return {};
  std::optional<std::vector<float>> shares = get(site.from, site.to);
  if (!shares)
    return {};
  Value distribution = buildDistribution(builder, site, site.from);
  if (!distribution)
    return {};
  return buildLinear(builder, distribution,
                     addPredictorWeight(builder, site, "transitions",
                                        {experts, experts}, *shares),
                     experts);
}
