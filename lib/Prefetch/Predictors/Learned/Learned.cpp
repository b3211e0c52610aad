//===- Learned.cpp - a small network, trained on a trace ------------------===//
#include "Network.h"
#include "moe/Driver/Registry.h"
#include "moe/Prefetch/PredictorBuilder.h"
#include <algorithm>
#include <cmath>
#include <map>

using namespace mlir;
using namespace moe;
using moe::learned::Examples;
using moe::learned::Network;

namespace {

/// A network for guesses of layer `to` at layer `from`, and how the logits of
/// `from` and its predecessors become its inputs.
struct Trained {
  std::vector<int64_t> layers;      ///< whose logits, nearest first
  std::vector<float> mean, inverse; ///< of each input, [layer][expert]
  Network net;
};

class Learned : public Predictor {
public:
  llvm::StringRef getName() const override { return "learned"; }
  llvm::StringRef getSummary() const override {
    return "a small network, trained on a trace, on a few layers' logits";
  }
  bool needsTrace() const override { return true; }
  llvm::Error fit(const RoutingTrace &known) override {
    trace = getTeachingRows(known);
    trained.clear();
    return llvm::Error::success();
  }
  Value buildScores(ImplicitLocOpBuilder &builder,
                    const PredictionSite &site) const override;

private:
  const Trained &getTrained(int64_t from, int64_t to) const;

  RoutingTrace trace;
  /// Only those that somebody asks for are trained.
  mutable std::map<std::pair<int64_t, int64_t>, Trained> trained;
};

} // namespace

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

/// Many logits say much about their own layer already; and cost more.
static int64_t getReach(int64_t experts) { return experts <= 32 ? 3 : 2; }

/// What layer `to` chose, and what it nearly chose, half and half.
static void appendTarget(const RoutingTrace &trace, int64_t to, int64_t row,
                         std::vector<float> &target) {
  const float *logits = trace.logits[to].data() + row * trace.experts;
  float largest = *std::max_element(logits, logits + trace.experts), sum = 0;
  size_t begin = target.size();
  for (int64_t e = 0; e < trace.experts; ++e) {
    target.push_back(std::exp(logits[e] - largest));
    sum += target.back();
  }
  for (int64_t e = 0; e < trace.experts; ++e)
    target[begin + e] /= 2 * sum;
  for (int64_t j = 0; j < trace.chosen; ++j)
    target[begin + trace.choices[to][row * trace.chosen + j]] +=
        0.5f / float(trace.chosen);
}

/// Fills mean and inverse deviation of the logits of one layer.
static void appendScales(const RoutingTrace &trace, int64_t layer,
                         Trained &result) {
  int64_t rows = trace.rows.size();
  for (int64_t e = 0; e < trace.experts; ++e) {
    double sum = 0, squares = 0;
    for (int64_t row = 0; row < rows; ++row)
      sum += trace.logits[layer][row * trace.experts + e];
    double mean = sum / double(rows);
    for (int64_t row = 0; row < rows; ++row) {
      double x = trace.logits[layer][row * trace.experts + e] - mean;
      squares += x * x;
    }
    double deviation = std::sqrt(squares / double(rows));
    result.mean.push_back(float(mean));
    // An expert whose logits never change says nothing.
    result.inverse.push_back(deviation > 1e-6 ? float(1 / deviation) : 0.0f);
  }
}

const Trained &Learned::getTrained(int64_t from, int64_t to) const {
  auto [found, isNew] = trained.try_emplace({from, to});
  Trained &result = found->second;
  if (!isNew)
    return result;
  int64_t count = std::min(from + 1, getReach(trace.experts));
  for (int64_t i = 0; i < count; ++i) {
    result.layers.push_back(from - i);
    appendScales(trace, from - i, result);
  }
  Examples examples;
  examples.inputs = count * trace.experts;
  examples.outputs = trace.experts;
  int64_t rows = trace.rows.size();
  examples.rows = std::min(
      rows, learned::getMostExamples(examples.inputs, examples.outputs));
  for (int64_t example = 0; example < examples.rows; ++example) {
    int64_t row = example * rows / examples.rows; // from all parts of the trace
    for (int64_t i = 0; i < examples.inputs; ++i) {
      int64_t layer = from - i / trace.experts, e = i % trace.experts;
      examples.input.push_back(
          (trace.logits[layer][row * trace.experts + e] - result.mean[i]) *
          result.inverse[i]);
    }
    appendTarget(trace, to, row, examples.target);
  }
  result.net = learned::train(examples);
  return result;
}

//===----------------------------------------------------------------------===//
// IR
//===----------------------------------------------------------------------===//

/// The inputs of the network side by side: each layer's logits, standardised,
/// go to their own features.
static Value buildInputs(ImplicitLocOpBuilder &builder,
                         const PredictionSite &site, const Trained &known,
                         int64_t experts) {
  int64_t inputs = known.net.inputs;
  std::vector<float> shift;
  for (int64_t i = 0; i < inputs; ++i)
    shift.push_back(-known.mean[i] * known.inverse[i]);
  FlatSymbolRefAttr bias =
      addPredictorWeight(builder, site, "shift", {inputs}, shift);
  Value sum;
  for (auto [i, layer] : llvm::enumerate(known.layers)) {
    std::vector<float> place(inputs * experts);
    for (int64_t e = 0; e < experts; ++e) {
      int64_t input = i * experts + e;
      place[input * experts + e] = known.inverse[input];
    }
    FlatSymbolRefAttr weight = addPredictorWeight(
        builder, site, ("place" + Twine(i)).str(), {inputs, experts}, place);
    Value placed = buildLinear(builder, site.layers[layer].logits, weight,
                               inputs, sum ? FlatSymbolRefAttr() : bias);
    sum = sum ? AddOp::create(builder, sum.getType(), sum, placed) : placed;
  }
  return sum;
}

Value Learned::buildScores(ImplicitLocOpBuilder &builder,
                           const PredictionSite &site) const {
  int64_t experts = trace.experts;
  if (site.to >= int64_t(trace.layers.size()) ||
      site.layers[site.to].experts != experts)
    return {};
  const Trained &known = getTrained(site.from, site.to);
  for (int64_t layer : known.layers)
    if (!site.layers[layer].logits || site.layers[layer].experts != experts)
      return {};
  const Network &net = known.net;
  auto weight = [&](StringRef part, ArrayRef<int64_t> shape,
                    ArrayRef<float> values) {
    return addPredictorWeight(builder, site, part, shape, values);
  };
  Value x = buildInputs(builder, site, known, experts);
  Value gated =
      MlpOp::create(builder, x.getType(), x,
                    weight("gate", {net.hidden, net.inputs}, net.gate),
                    weight("up", {net.hidden, net.inputs}, net.up),
                    weight("down", {net.inputs, net.hidden}, net.down),
                    ActivationAttr::get(builder.getContext(), Activation::Silu),
                    /*sharedGate=*/FlatSymbolRefAttr(), /*gateInput=*/Value());
  x = AddOp::create(builder, x.getType(), x, gated);
  return buildLinear(builder, x,
                     weight("linear", {experts, net.inputs}, net.linear),
                     experts, weight("bias", {experts}, net.bias));
}

extern "C" void moeRegister_predictor_Learned(Registry &registry) {
  registry.predictors["learned"] = [] { return std::make_unique<Learned>(); };
}
