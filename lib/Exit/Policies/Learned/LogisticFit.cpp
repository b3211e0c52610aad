//===- LogisticFit.cpp - iteratively reweighted least squares -------------===//
#include "LogisticFit.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>

using namespace moe;

namespace {
using Vector = std::vector<double>;
using Rows = std::vector<Vector>;

/// Mean and deviation of each feature; a feature that never changes has
/// deviation 1.
struct Scaling {
  Vector mean, deviation;

  explicit Scaling(const std::vector<LogisticSample> &samples) {
    size_t count = samples.front().features.size();
    mean.assign(count, 0);
    deviation.assign(count, 0);
    for (const LogisticSample &sample : samples)
      for (size_t i = 0; i < count; ++i)
        mean[i] += sample.features[i] / samples.size();
    for (const LogisticSample &sample : samples)
      for (size_t i = 0; i < count; ++i)
        deviation[i] += std::pow(sample.features[i] - mean[i], 2);
    for (double &value : deviation) {
      value = std::sqrt(value / samples.size());
      if (!(value > 1e-12))
        value = 1;
    }
  }

  /// With a 1 in front, for the bias.
  Vector scale(const Vector &features) const {
    Vector result = {1};
    for (size_t i = 0; i < features.size(); ++i)
      result.push_back((features[i] - mean[i]) / deviation[i]);
    return result;
  }

  LogisticModel unscale(const Vector &scaled) const {
    LogisticModel model;
    model.bias = scaled[0];
    for (size_t i = 0; i < mean.size(); ++i) {
      model.weights.push_back(scaled[i + 1] / deviation[i]);
      model.bias -= model.weights[i] * mean[i];
    }
    return model;
  }
};
} // namespace

/// Solves a x = b by Cholesky's decomposition; a is symmetric and, thanks to
/// the penalty, positive definite.
static Vector solve(Rows a, Vector b) {
  size_t size = b.size();
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      for (size_t k = 0; k < j; ++k)
        a[i][j] -= a[i][k] * a[j][k];
      a[i][j] = i == j ? std::sqrt(a[i][i]) : a[i][j] / a[j][j];
    }
    for (size_t k = 0; k < i; ++k)
      b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (size_t i = size; i-- > 0;) {
    for (size_t k = i + 1; k < size; ++k)
      b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

static double dot(const Vector &lhs, const Vector &rhs) {
  double sum = 0;
  for (size_t i = 0; i < lhs.size(); ++i)
    sum += lhs[i] * rhs[i];
  return sum;
}

/// The negative logarithm of the likelihood, with the penalty.
static double getLoss(const std::vector<LogisticSample> &samples,
                      const Rows &rows, const Vector &weights, double penalty) {
  double loss = 0.5 * penalty * dot(weights, weights);
  for (size_t n = 0; n < rows.size(); ++n) {
    double z = dot(weights, rows[n]) * (samples[n].happened ? -1 : 1);
    // log(1 + exp(z)), of any size.
    loss += std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)));
  }
  return loss;
}

/// From where Newton's method goes in one step.
static Vector getStep(const std::vector<LogisticSample> &samples,
                      const Rows &rows, const Vector &weights, double penalty) {
  size_t size = weights.size();
  Vector gradient(size);
  Rows curvature(size, Vector(size));
  for (size_t i = 0; i < size; ++i) {
    gradient[i] = penalty * weights[i];
    curvature[i][i] = penalty;
  }
  for (size_t n = 0; n < rows.size(); ++n) {
    double p = 1 / (1 + std::exp(-dot(weights, rows[n])));
    for (size_t i = 0; i < size; ++i) {
      gradient[i] += (p - samples[n].happened) * rows[n][i];
      for (size_t j = 0; j < size; ++j)
        curvature[i][j] += p * (1 - p) * rows[n][i] * rows[n][j];
    }
  }
  return solve(std::move(curvature), std::move(gradient));
}

LogisticModel moe::fitLogistic(const std::vector<LogisticSample> &samples) {
  constexpr double penalty = 1, enough = 1e-10;
  constexpr int mostSteps = 100, mostHalvings = 30;
  Scaling scaling(samples);
  Rows rows;
  for (const LogisticSample &sample : samples)
    rows.push_back(scaling.scale(sample.features));
  Vector weights(rows.front().size());
  double loss = getLoss(samples, rows, weights, penalty);
  for (int count = 0; count < mostSteps; ++count) {
    Vector step = getStep(samples, rows, weights, penalty);
    double before = loss;
    // A step that is too long is halved until it gains something.
    for (int halvings = 0; halvings < mostHalvings; ++halvings) {
      Vector next = weights;
      for (size_t i = 0; i < next.size(); ++i)
        next[i] -= std::ldexp(step[i], -halvings);
      double reached = getLoss(samples, rows, next, penalty);
      if (reached >= loss)
        continue;
      weights = std::move(next);
      loss = reached;
      break;
    }
    if (before - loss <= enough * (1 + loss))
      break;
  }
  return scaling.unscale(weights);
}
