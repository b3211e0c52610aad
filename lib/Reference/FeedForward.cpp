//===- FeedForward.cpp - gated networks, the router and its experts -------===//
#include "Ops.h"

#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

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

/// down (act(gate x) * (up x)) of expert `expert`; width is that of one expert.
static std::vector<double> gated(const double *x, const GatedWeights &weights,
                                 int64_t expert, int64_t width) {
  int64_t features = weights.gate.columns;
  std::vector<double> hidden(width), result(features);
  for (int64_t n = 0; n < width; ++n) {
    int64_t row = expert * width + n;
    hidden[n] =
        activate(weights.activation, dot(weights.gate.row(row), x, features)) *
        dot(weights.up.row(row), x, features);
  }
  for (int64_t n = 0; n < features; ++n)
    result[n] =
        dot(weights.down.row(expert * features + n), hidden.data(), width);
  return result;
}

Matrix reference::mlp(const Matrix &input, const GatedWeights &weights,
                      const Matrix *sharedGate) {
  Matrix result = Matrix::zeros(input.rows, input.columns);
  for (int64_t r = 0; r < input.rows; ++r) {
    std::vector<double> y =
        gated(input.row(r), weights, /*expert=*/0, weights.gate.rows);
    double factor = 1;
    if (sharedGate)
      factor = sigmoid(dot(sharedGate->row(0), input.row(r), input.columns));
    for (int64_t c = 0; c < input.columns; ++c)
      result.at(r, c) = factor * y[c];
  }
  return result;
}

/// In place: exp(x - max) / sum.
static void softmax(std::vector<double> &values) {
  double largest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double &value : values)
    sum += value = std::exp(value - largest);
  for (double &value : values)
    value /= sum;
}

/// Numbers of the k largest scores, largest first, equal ones by number.
static std::vector<int32_t> topK(const std::vector<double> &scores, int64_t k) {
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

Expected<Matrix> reference::experts(const Matrix &input, const Integers &ids,
                                    const Matrix &routeWeights,
                                    const GatedWeights &weights,
                                    int64_t expertCount) {
  if (input.rows != ids.rows || input.rows != routeWeights.rows)
    return failure("there are ", input.rows, " rows, ", ids.rows,
                   " rows of experts and ", routeWeights.rows,
                   " rows of weights");
  int64_t width = weights.gate.rows / expertCount;
  Matrix result = Matrix::zeros(input.rows, input.columns);
  for (int64_t r = 0; r < input.rows; ++r) {
    const int32_t *chosen = ids.values.data() + r * ids.columns;
    std::vector<int64_t> ascending(ids.columns);
    std::iota(ascending.begin(), ascending.end(), 0);
    std::sort(ascending.begin(), ascending.end(), [&](int64_t a, int64_t b) {
      return chosen[a] != chosen[b] ? chosen[a] < chosen[b] : a < b;
    });
    for (int64_t j : ascending) {
      if (chosen[j] < 0 || chosen[j] >= expertCount)
        return failure("expert ", chosen[j], " requested, model has ",
                       expertCount);
      std::vector<double> y = gated(input.row(r), weights, chosen[j], width);
      for (int64_t c = 0; c < input.columns; ++c)
        result.at(r, c) += routeWeights.at(r, j) * y[c];
    }
  }
  return result;
}
