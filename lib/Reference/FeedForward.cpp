//===- FeedForward.cpp - gated networks, the router and its experts -------===//
#include "Ops.h"

#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

double reference::sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

static double activate(Activation activation, double x) {
  constexpr double sqrtTwoOverPi = 0.79788456080286535588;
  switch (activation) {
  case Activation::Silu:
    return x * sigmoid(x);
  case Activation::GeluTanh:
    return 0.5 * x *
           (1 + std::tanh(sqrtTwoOverPi * (x + 0.044715 * x * x * x)));
  case Activation::Relu:
    return std::max(x, 0.0);
  case Activation::Identity:
    return x;
  }
  llvm_unreachable("not an activation");
}

/// down (act(gate x) * (up x)) of every row x.
static Expected<Matrix> gated(const Value &input, const GatedWeights &weights) {
  Matrix hidden = multiply(input, *weights.gate);
  Matrix up = multiply(input, *weights.up);
  for (size_t i = 0; i < hidden.values.size(); ++i)
    hidden.values[i] =
        activate(weights.activation, hidden.values[i]) * up.values[i];
  auto *down = std::get_if<CodedMatrix>(&*weights.down);
  if (!down)
    return multiply(std::move(hidden), *weights.down);
  Expected<QuantizedRows> levels = quantize(hidden, down->rotation);
  if (!levels)
    return levels.takeError();
  return multiply(std::move(*levels), *weights.down);
}

Expected<Matrix> reference::mlp(const Value &input, const GatedWeights &weights,
                                const Matrix *sharedGate,
                                const Matrix *gateInput) {
  Expected<Matrix> result = gated(input, weights);
  if (!result || !sharedGate)
    return result;
  if (gateInput->rows != result->rows)
    return failure("there are ", result->rows, " rows, and ", gateInput->rows,
                   " for the shared gate");
  for (int64_t r = 0; r < result->rows; ++r) {
    double factor =
        sigmoid(dot(sharedGate->row(0), gateInput->row(r), gateInput->columns));
    for (int64_t c = 0; c < result->columns; ++c)
      result->at(r, c) *= factor;
  }
  return result;
}

void reference::softmax(MutableArrayRef<double> values) {
  double largest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double &value : values)
    sum += value = std::exp(value - largest);
  for (double &value : values)
    value /= sum;
}

std::vector<int32_t> reference::topK(ArrayRef<double> scores, int64_t k) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  order.resize(k);
  return order;
}

Expected<Routing> reference::route(const Matrix &logits, int64_t k,
                                   RouteScore score, bool renormalize,
                                   double scale) {
  Routing routing{{logits.rows, k, {}}, Matrix::zeros(logits.rows, k)};
  for (int64_t r = 0; r < logits.rows; ++r) {
    std::vector<double> scores(logits.row(r), logits.row(r) + logits.columns);
    for (double logit : scores)
      if (std::isnan(logit))
        return failure("row ", r, " has a logit that is not a number");
    if (score == RouteScore::Softmax)
      softmax(scores);
    else if (score == RouteScore::Sigmoid)
      std::transform(scores.begin(), scores.end(), scores.begin(), sigmoid);

    std::vector<int32_t> chosen = topK(scores, k);
    std::vector<double> weights;
    for (int32_t expert : chosen)
      weights.push_back(scores[expert]);
    if (score == RouteScore::SoftmaxSelected)
      softmax(weights);
    double divisor = 1;
    if (renormalize)
      divisor = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (int64_t j = 0; j < k; ++j) {
      routing.experts.values.push_back(chosen[j]);
      routing.weights.at(r, j) = weights[j] / divisor * scale;
    }
  }
  return routing;
}

namespace {
/// A row that goes to an expert, and the weight of what comes back.
struct Choice {
  int64_t row;
  double weight;
};
} // namespace

/// Row `row` of the input appears once for each choice.
static Value pickRows(const Value &input, ArrayRef<Choice> choices) {
  auto gather = [&](const auto &from, int64_t columns, auto &to) {
    for (const Choice &choice : choices)
      to.insert(to.end(), from.begin() + choice.row * columns,
                from.begin() + (choice.row + 1) * columns);
  };
  int64_t rows = choices.size();
  if (auto *matrix = std::get_if<Matrix>(&input)) {
    Matrix picked{rows, matrix->columns, {}};
    gather(matrix->values, matrix->columns, picked.values);
    return picked;
  }
  const auto &quantized = std::get<QuantizedRows>(input);
  QuantizedRows picked{rows, quantized.columns, {}, {}};
  gather(quantized.levels, quantized.columns, picked.levels);
  gather(quantized.scales, 1, picked.scales);
  return picked;
}

/// Who chose each expert, in the order of rows.
static Expected<std::vector<std::vector<Choice>>>
groupByExpert(const Integers &ids, const Matrix &weights, int64_t expertCount) {
  std::vector<std::vector<Choice>> choices(expertCount);
  for (int64_t r = 0; r < ids.rows; ++r)
    for (int64_t j = 0; j < ids.columns; ++j) {
      int32_t expert = ids.values[r * ids.columns + j];
      if (expert < 0 || expert >= expertCount)
        return failure("expert ", expert, " requested, model has ",
                       expertCount);
      choices[expert].push_back({r, weights.at(r, j)});
    }
  return choices;
}

Expected<Matrix> reference::experts(
    const Value &input, const Integers &ids, const Matrix &routeWeights,
    int64_t expertCount, int64_t features,
    llvm::function_ref<Expected<GatedWeights>(int64_t)> getExpert) {
  int64_t rows = getRows(input);
  if (rows != ids.rows || rows != routeWeights.rows)
    return failure("there are ", rows, " rows, ", ids.rows,
                   " rows of experts and ", routeWeights.rows,
                   " rows of weights");
  auto choices = groupByExpert(ids, routeWeights, expertCount);
  if (!choices)
    return choices.takeError();
  Matrix result = Matrix::zeros(rows, features);
  for (int64_t expert = 0; expert < expertCount; ++expert) {
    ArrayRef<Choice> chosen = (*choices)[expert];
    if (chosen.empty())
      continue;
    Expected<GatedWeights> weights = getExpert(expert);
    if (!weights)
      return weights.takeError();
    Expected<Matrix> y = gated(pickRows(input, chosen), *weights);
    if (!y)
      return y.takeError();
    for (auto [i, choice] : enumerate(chosen))
      for (int64_t c = 0; c < features; ++c)
        result.at(choice.row, c) += choice.weight * y->at(i, c);
  }
  return result;
}
