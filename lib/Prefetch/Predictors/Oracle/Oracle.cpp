//===- Oracle.cpp - what a trace says will be chosen ----------------------===//
//
// The bound of every predictor, on the text that the trace was recorded with: a
// table of choices is looked up by the number of the row.
//===----------------------------------------------------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"

using namespace mlir;
using namespace moe;

namespace {
class Oracle : public Predictor {
public:
  llvm::StringRef getName() const override { return "oracle"; }
  llvm::StringRef getSummary() const override {
    return "what a trace says; for a run of the same text";
  }
  bool needsTrace() const override { return true; }
  bool isBound() const override { return true; }
  llvm::Error fit(const RoutingTrace &known) override {
    trace = known;
    return llvm::Error::success();
  }
  Value buildScores(ImplicitLocOpBuilder &builder,
                    const PredictionSite &site) const override;

private:
  std::vector<float> getScores(int64_t layer, bool byPosition,
                               int64_t rows) const;

  RoutingTrace trace;
};
} // namespace

/// 1 for what was chosen, 0 for the rest and behind the trace. Positions stand
/// in several rows where there are several sequences: of them the first counts.
std::vector<float> Oracle::getScores(int64_t layer, bool byPosition,
                                     int64_t rows) const {
  std::vector<float> scores(rows * trace.experts);
  std::vector<bool> known(rows);
  for (int64_t row = 0; row < int64_t(trace.rows.size()); ++row) {
    int64_t entry = byPosition ? trace.rows[row].position : row;
    if (entry >= rows || known[entry])
      continue;
    known[entry] = true;
    for (int64_t j = 0; j < trace.chosen; ++j) {
      int32_t expert = trace.choices[layer][row * trace.chosen + j];
      scores[entry * trace.experts + expert] = 1;
    }
  }
  return scores;
}

Value Oracle::buildScores(ImplicitLocOpBuilder &builder,
                          const PredictionSite &site) const {
  if (site.to >= int64_t(trace.layers.size()) ||
      site.layers[site.to].experts != trace.experts || !site.positions)
    return {};
  // Over a trace, positions number its rows; a model sees positions below its
  // context. An embedding has a row for each token, too.
  bool isModel = bool(site.layers[site.from].input);
  ModelOp model = site.model;
  int64_t rows = std::max(model.getContext(), model.getVocabulary());
  // Of 16 million numbers a table is no small one; text would be long, too.
  constexpr int64_t mostElements = 1 << 24;
  if (rows > mostElements / trace.experts)
    return {};
  FlatSymbolRefAttr table =
      addPredictorWeight(builder, site, "choices", {rows, trace.experts},
                         getScores(site.to, isModel, rows));
  int64_t count =
      cast<RankedTensorType>(site.positions.getType()).getDimSize(0);
  auto type =
      RankedTensorType::get({count, trace.experts}, builder.getF32Type());
  return EmbedOp::create(builder, type, site.positions, table);
}

extern "C" void moeRegister_predictor_Oracle(Registry &registry) {
  registry.predictors["oracle"] = [] { return std::make_unique<Oracle>(); };
}
