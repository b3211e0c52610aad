//===- Sampler.h - picks the next token from logits -------------*- C++ -*-===//
#ifndef MOERT_SAMPLER_SAMPLER_H
#define MOERT_SAMPLER_SAMPLER_H

#include "base/Status.h"
#include <cstdint>
#include <vector>

namespace moert {

/// SplitMix64: small, seeded by any number, the same everywhere.
class RandomStream {
public:
  explicit RandomStream(uint64_t seed) : state(seed) {}
  /// As if `skipped` numbers had been taken.
  RandomStream(uint64_t seed, uint64_t skipped)
      : state(seed + skipped * step) {}
  uint64_t next();
  /// In [0, 1), a multiple of 2^-53.
  double uniform();

private:
  static constexpr uint64_t step = 0x9e3779b97f4a7c15u;
  uint64_t state;
};

/// exp(x) for x <= 0 out of additions and multiplications only, so that no two
/// C libraries can disagree; within 4e-16 of the true value, relatively, down
/// to 1e-300, and 0 below.
double portableExp(double x);

struct SamplerOptions {
  double temperature = 0; ///< 0: greedy
  int32_t topK = 0;       ///< 0: all
  double topP = 1;        ///< 1: all
  uint64_t seed = 0;
};

/// Temperature first, then the `topK` likeliest tokens, then of these the
/// fewest, likeliest first, that hold `topP` of their probability; one of the
/// rest by chance. Ties go to the lower id throughout.
class Sampler {
public:
  /// The options must have passed check().
  explicit Sampler(const SamplerOptions &options);
  static Status check(const SamplerOptions &options);

  Status pick(const float *logits, int64_t count, int32_t &token) {
    return pick(logits, count, random, token);
  }
  /// With the number that pick number `draw` of a new sampler takes.
  Status pickAt(uint64_t draw, const float *logits, int64_t count,
                int32_t &token) {
    RandomStream stream(options.seed, draw);
    return pick(logits, count, stream, token);
  }

private:
  Status pick(const float *logits, int64_t count, RandomStream &stream,
              int32_t &token);
  struct Candidate {
    double weight; ///< exp((logit - largest) / temperature)
    float logit;
    int32_t id;
  };
  void weigh(const float *logits, int64_t count, float largest);
  /// Moves the likeliest tokens to the front of `candidates`, drops the rest.
  void keepLikeliest();
  int32_t draw(RandomStream &stream);

  SamplerOptions options;
  RandomStream random;
  std::vector<Candidate> candidates;
};

} // namespace moert

#endif // MOERT_SAMPLER_SAMPLER_H
