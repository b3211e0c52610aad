//===- Rope.cpp - the scaling rules of rotary positions -------------------===//
#include "moe/Model/Rope.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace moe;

static constexpr double pi = 3.14159265358979323846;
static constexpr Bounds<double> factorBounds{1.0, 1e6};
static constexpr Bounds<double> thetaBounds{1.001, 1e15};

namespace {
/// The keys that all rules share.
struct Rope {
  const Config &scaling;
  int64_t features; ///< of a head that turn
  double theta;
  int64_t originalContext;
  double contextRatio; ///< of the model's context to the original one

  double frequency(int64_t pair) const {
    return std::pow(theta, -2.0 * double(pair) / double(features));
  }
};
} // namespace

static RopeFrequencies unscaled(const Rope &rope) {
  RopeFrequencies result;
  for (int64_t pair = 0; pair < rope.features / 2; ++pair)
    result.frequencies.push_back(rope.frequency(pair));
  return result;
}

static RopeFrequencies linear(const Rope &rope) {
  double factor = rope.scaling.requireNumber("factor", factorBounds);
  RopeFrequencies result = unscaled(rope);
  for (double &frequency : result.frequencies)
    frequency /= factor;
  return result;
}

/// Long waves are stretched, short ones stay, and those between are blended.
static RopeFrequencies llama3(const Rope &rope) {
  double factor = rope.scaling.requireNumber("factor", factorBounds);
  Bounds<double> bounds{1e-6, 1e6};
  double low = rope.scaling.requireNumber("low_freq_factor", bounds);
  double high = rope.scaling.requireNumber("high_freq_factor", bounds);
  if (low >= high)
    rope.scaling.refuse("low_freq_factor", "less than high_freq_factor");
  RopeFrequencies result = unscaled(rope);
  for (double &frequency : result.frequencies) {
    // Turns of this pair within the original context.
    double turns = double(rope.originalContext) * frequency / (2 * pi);
    double share = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency = (1 - share) * frequency / factor + share * frequency;
  }
  return result;
}

/// Growth of attention logits that makes up for a context `scale` times as
/// long.
static double yarnGain(double scale, double weight) {
  return scale <= 1.0 ? 1.0 : 0.1 * weight * std::log(scale) + 1.0;
}

static double readYarnGain(const Rope &rope, double factor) {
  Bounds<double> bounds{0.0, 1e3};
  auto given = rope.scaling.getNumber("attention_factor", {1e-6, 1e6});
  auto weight = rope.scaling.getNumber("mscale", bounds);
  auto allWeight = rope.scaling.getNumber("mscale_all_dim", bounds);
  if (given)
    return *given;
  if (weight.value_or(0) != 0 && allWeight.value_or(0) != 0)
    return yarnGain(factor, *weight) / yarnGain(factor, *allWeight);
  return yarnGain(factor, 1.0);
}

/// Pairs that turn often keep their frequency, pairs that turn rarely are
/// interpolated, with a linear ramp over the pairs between.
static RopeFrequencies yarn(const Rope &rope) {
  double factor =
      rope.scaling.getNumber("factor", rope.contextRatio, factorBounds);
  Bounds<double> bounds{1e-3, 1e6};
  double fast = rope.scaling.getNumber("beta_fast", 32.0, bounds);
  double slow = rope.scaling.getNumber("beta_slow", 1.0, bounds);
  // The pair that turns so many times within the original context.
  auto pairOf = [&](double turns) {
    double wave = double(rope.originalContext) / (turns * 2 * pi);
    return double(rope.features) * std::log(wave) / (2 * std::log(rope.theta));
  };
  double low = pairOf(fast), high = pairOf(slow);
  if (rope.scaling.getBool("truncate", true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, double(rope.features - 1));
  if (low == high)
    high += 0.001;

  RopeFrequencies result = unscaled(rope);
  for (auto [pair, frequency] : llvm::enumerate(result.frequencies)) {
    double share = std::clamp((double(pair) - low) / (high - low), 0.0, 1.0);
    frequency = frequency / factor * share + frequency * (1 - share);
  }
  result.gain = readYarnGain(rope, factor);
  return result;
}

/// Applies the rule that `scaling` names.
static RopeFrequencies applyRule(const Rope &rope) {
  // `type` is the older spelling of `rope_type`.
  StringRef key = rope.scaling.has("rope_type") ? "rope_type" : "type";
  std::string type = rope.scaling.getString(key, "default");
  if (rope.scaling.has("type"))
    (void)rope.scaling.getString("type", "");
  if (type == "default")
    return unscaled(rope);
  if (type == "linear")
    return linear(rope);
  if (type == "llama3")
    return llama3(rope);
  if (type == "yarn")
    return yarn(rope);
  rope.scaling.refuse(key, "default, linear, llama3, yarn");
  return unscaled(rope);
}

RopeFrequencies moe::readRope(const Config &config, int64_t headSize,
                              int64_t context, double defaultTheta) {
  if (config.has("rope_parameters") && config.has("rope_scaling"))
    config.refuse("rope_scaling", "one of rope_parameters and rope_scaling");
  std::optional<Config> inner = config.getObject(
      config.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
  const Config &scaling = inner ? *inner : config;

  // What the inner object does not say, the outer one may.
  auto number = [&](StringRef key, double fallback, Bounds<double> bounds) {
    double outer = config.getNumber(key, fallback, bounds);
    return inner ? inner->getNumber(key, outer, bounds) : outer;
  };
  double theta = number("rope_theta", defaultTheta, thetaBounds);
  double share = number("partial_rotary_factor", 1.0, {1e-3, 1.0});
  StringRef originalKey = "original_max_position_embeddings";
  int64_t original = config.getInteger(originalKey, context, limits::context);
  if (inner)
    original = inner->getInteger(originalKey, original, limits::context);

  auto features = int64_t(double(headSize) * share);
  if (features % 2 || features < 2)
    config.fail("rotary positions turn pairs, a head has " + Twine(features) +
                " features that turn");
  double ratio = std::max(1.0, double(context) / double(original));
  Rope rope{scaling, features, theta, original, ratio};
  return inner ? applyRule(rope) : unscaled(rope);
}
