//===- Operations.cpp - norms, positions, attention, routing in f32 -------===//
#include "Operations.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;
using namespace moe;

Rows moe::normalize(NormOp op, const Rows &in, ArrayRef<float> scale,
                    Workers &workers) {
  Rows out(in.rows, in.columns);
  int64_t size = in.columns / op.getGroups();
  double epsilon = op.getEpsilon().convertToDouble();
  workers.forEach(in.rows, [&](int64_t r) {
    for (int64_t begin = 0; begin < in.columns; begin += size) {
      const float *x = in.row(r) + begin;
      double mean = 0, squares = 0;
      if (op.getKind() == NormKind::Layer)
        mean = std::accumulate(x, x + size, 0.0) / double(size);
      for (int64_t i = 0; i < size; ++i)
        squares += (x[i] - mean) * (x[i] - mean);
      double factor = 1 / std::sqrt(squares / double(size) + epsilon);
      for (int64_t i = 0; i < size; ++i)
        out.row(r)[begin + i] = float((x[i] - mean) * factor * scale[i]);
    }
  });
  return out;
}

Rows moe::rotatePositions(RopeOp op, RopeTableOp table, const Rows &in,
                          int64_t window, Workers &workers) {
  SmallVector<double> frequencies;
  for (auto frequency : table.getFrequencies().getAsRange<mlir::FloatAttr>())
    frequencies.push_back(frequency.getValueAsDouble());
  double gain = table.getGain().convertToDouble();
  int64_t pairs = frequencies.size(), heads = op.getHeads();
  int64_t size = in.columns / heads;
  bool half = table.getLayout() == RopeLayout::Half;
  Rows out = in;
  // All rows of one position turn alike.
  workers.forEach(window, [&](int64_t position) {
    for (int64_t i = 0; i < pairs; ++i) {
      double c = gain * std::cos(double(position) * frequencies[i]);
      double s = gain * std::sin(double(position) * frequencies[i]);
      int64_t first = half ? i : 2 * i, second = half ? i + pairs : 2 * i + 1;
      for (int64_t r = position; r < in.rows; r += window)
        for (int64_t h = 0; h < heads; ++h) {
          float *x = out.row(r) + h * size;
          double a = x[first], b = x[second];
          x[first] = float(a * c - b * s);
          x[second] = float(b * c + a * s);
        }
    }
  });
  return out;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Sixteen partial sums, which vector units of every width add up alike.
static float dot(const float *a, const float *b, int64_t n) {
  constexpr int64_t lanes = 16;
  float sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int64_t j = 0; j < lanes; ++j)
      sums[j] += a[i + j] * b[i + j];
  float sum = 0;
  for (float part : sums)
    sum += part;
  for (; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

/// What a state keeps of keys and values.
static Rows rounded(const Rows &rows, mlir::Type type, Workers &workers) {
  Rows out = rows;
  if (type.isF32())
    return out;
  const fltSemantics &semantics =
      cast<mlir::FloatType>(type).getFloatSemantics();
  workers.forEach(rows.rows, [&](int64_t r) {
    for (int64_t c = 0; c < rows.columns; ++c) {
      APFloat value(out.row(r)[c]);
      bool losesInfo;
      value.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
      out.row(r)[c] = value.convertToFloat();
    }
  });
  return out;
}

namespace {
/// One head of one row.
struct Head {
  const float *query;
  const float *keys, *values; ///< of the first position seen
  int64_t positions, size, stride;
  double scale;
};
} // namespace

static void attend(const Head &head, std::vector<double> &scores, float *out) {
  scores.resize(head.positions);
  for (int64_t p = 0; p < head.positions; ++p)
    scores[p] =
        head.scale * dot(head.query, head.keys + p * head.stride, head.size);
  double largest = *std::max_element(scores.begin(), scores.end()), sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - largest);
  for (int64_t p = 0; p < head.positions; ++p) {
    float share = float(scores[p] / sum);
    const float *value = head.values + p * head.stride;
    for (int64_t i = 0; i < head.size; ++i)
      out[i] += share * value[i];
  }
}

Rows moe::attend(AttentionOp op, const Rows &queries, const Rows &keys,
                 const Rows &values, int64_t window, Workers &workers) {
  KvType type = op.getKv().getType();
  Rows storedKeys = rounded(keys, type.getElementType(), workers);
  Rows storedValues = rounded(values, type.getElementType(), workers);
  int64_t size = type.getHeadDim(), heads = op.getHeads();
  int64_t headsPerKvHead = heads / type.getHeads();
  int64_t seen = op.getWindow() ? int64_t(*op.getWindow()) : window;
  Rows out(queries.rows, queries.columns);
  // Late rows take longest; begun first, they leave small ones for the end.
  workers.forEach(queries.rows, [&](int64_t i) {
    int64_t r = queries.rows - 1 - i;
    int64_t begin = std::max(r / window * window, r + 1 - seen);
    std::vector<double> scores;
    for (int64_t h = 0; h < heads; ++h) {
      int64_t kvOffset = h / headsPerKvHead * size;
      ::attend({queries.row(r) + h * size, storedKeys.row(begin) + kvOffset,
                storedValues.row(begin) + kvOffset, r + 1 - begin, size,
                keys.columns, op.getScale().convertToDouble()},
               scores, out.row(r) + h * size);
    }
  });
  return out;
}

//===----------------------------------------------------------------------===//
// Feed-forward
//===----------------------------------------------------------------------===//

float moe::sigmoid(float x) { return float(1 / (1 + std::exp(-double(x)))); }

static double activate(Activation activation, double x) {
  constexpr double sqrtTwoOverPi = 0.79788456080286535588;
  switch (activation) {
  case Activation::Silu:
    return x / (1 + std::exp(-x));
  case Activation::GeluTanh:
    return x / 2 * (1 + std::tanh(sqrtTwoOverPi * (x + 0.044715 * x * x * x)));
  case Activation::Relu:
    return std::max(x, 0.0);
  case Activation::Identity:
    return x;
  }
  llvm_unreachable("not an activation");
}

void moe::gate(Activation activation, Rows &gate, const Rows &up,
               Workers &workers) {
  workers.forEach(gate.rows, [&](int64_t r) {
    for (int64_t c = 0; c < gate.columns; ++c)
      gate.row(r)[c] =
          float(activate(activation, gate.row(r)[c]) * up.row(r)[c]);
  });
}

/// In place: exp(x - max) / sum.
static void softmax(std::vector<double> &values) {
  double largest = *std::max_element(values.begin(), values.end()), sum = 0;
  for (double &value : values)
    sum += value = std::exp(value - largest);
  for (double &value : values)
    value /= sum;
}

/// Chooses for one row.
static void route(RouteOp op, ArrayRef<float> logits, int32_t *experts,
                  float *weights) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (op.getScore() == RouteScore::Softmax)
    softmax(scores);
  else if (op.getScore() == RouteScore::Sigmoid)
    for (double &score : scores)
      score = 1 / (1 + std::exp(-score));
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int32_t a, int32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  std::vector<double> chosen;
  for (uint64_t j = 0; j < op.getK(); ++j) {
    experts[j] = order[j];
    chosen.push_back(scores[order[j]]);
  }
  if (op.getScore() == RouteScore::SoftmaxSelected)
    softmax(chosen);
  double divisor = op.getRenormalize()
                       ? std::accumulate(chosen.begin(), chosen.end(), 0.0)
                       : 1.0;
  double scale = op.getScale().convertToDouble();
  for (uint64_t j = 0; j < op.getK(); ++j)
    weights[j] = float(chosen[j] / divisor * scale);
}

Expected<Choice> moe::route(RouteOp op, const Rows &logits, Workers &workers) {
  auto isFinite = [](float logit) { return std::isfinite(logit); };
  auto odd = llvm::find_if_not(logits.values, isFinite);
  if (odd != logits.values.end())
    return createStringError(
        "row " + Twine((odd - logits.values.begin()) / logits.columns) +
        " has a logit that is not finite");
  Choice choice{
      logits.rows, int64_t(op.getK()), {}, Rows(logits.rows, op.getK())};
  choice.experts.resize(choice.rows * choice.count);
  workers.forEach(logits.rows, [&](int64_t r) {
    ::route(op, {logits.row(r), size_t(logits.columns)},
            choice.experts.data() + r * choice.count, choice.weights.row(r));
  });
  return std::move(choice);
}
