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
  uint64_t next();
  /// In [0, 1), a multiple of 2^-53.
  double uniform();

private:
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

  Status pick(const float *logits, int64_t count, int32_t &token);

private:
  struct Candidate {
    double weight; ///< exp((logit - largest) / temperature)
    float logit;
    int32_t id;
  };
  void weigh(const float *logits, int64_t count, float largest);
  /// Moves the likeliest tokens to the front of `candidates`, drops the rest.
  void keepLikeliest();
  int32_t draw();

  SamplerOptions options;
  RandomStream random;
  std::vector<Candidate> candidates;
};

} // namespace moert

#endif // MOERT_SAMPLER_SAMPLER_H
