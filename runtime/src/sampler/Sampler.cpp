//===- Sampler.cpp - greedy, temperature, top-k, top-p --------------------===//
#include "sampler/Sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace moert;

uint64_t RandomStream::next() {
  uint64_t bits = state += step;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

double RandomStream::uniform() { return double(next() >> 11) * 0x1p-53; }

double moert::portableExp(double x) {
  if (!(x > -690))
    return 0;
  // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts keeps r exact.
  double n = std::floor(x * 1.4426950408889634 + 0.5);
  double r = (x - n * 0x1.62e42fefa0000p-1) - n * 0x1.cf79abc9e3b39p-40;
  double sum = 1;
  for (int term = 14; term > 0; --term)
    sum = 1 + sum * r / term;
  return std::ldexp(sum, int(n));
}

Sampler::Sampler(const SamplerOptions &options)
    : options(options), random(options.seed) {}

Status Sampler::check(const SamplerOptions &options) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    return makeStatus(MOERT_INVALID_ARGUMENT, "temperature is ",
                      options.temperature,
                      " when it should be 0 (greedy) or above");
  if (options.topK < 0)
    return makeStatus(MOERT_INVALID_ARGUMENT, "top-k is ", options.topK,
                      " when it should be 0 (all) or above");
  if (!(options.topP > 0 && options.topP <= 1))
    return makeStatus(MOERT_INVALID_ARGUMENT, "top-p is ", options.topP,
                      " when it should be above 0 and at most 1");
  return Status();
}

/// The lowest id among the largest logits.
static Status findLargest(const float *logits, int64_t count, int64_t &best) {
  best = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isnan(logits[i]))
      return makeStatus(MOERT_DATA_LOSS, "the logit of token ", i, " of ",
                        count, " is not a number");
    if (logits[i] > logits[best])
      best = i;
  }
  if (std::isinf(logits[best]))
    return makeStatus(MOERT_DATA_LOSS, "the largest of ", count,
                      " logits is infinite (token ", best, ")");
  return Status();
}

Status Sampler::pick(const float *logits, int64_t count, RandomStream &stream,
                     int32_t &token) {
  if (count <= 0 || count > std::numeric_limits<int32_t>::max())
    return makeStatus(MOERT_INVALID_ARGUMENT, "cannot pick one of ", count,
                      " tokens");
  int64_t best = 0;
  MOERT_RETURN_IF_ERROR(findLargest(logits, count, best));
  if (options.temperature == 0) {
    token = int32_t(best);
    return Status();
  }
  weigh(logits, count, logits[best]);
  keepLikeliest();
  token = draw(stream);
  return Status();
}

void Sampler::weigh(const float *logits, int64_t count, float largest) {
  candidates.resize(size_t(count));
  for (int64_t i = 0; i < count; ++i) {
    double distance = double(logits[i]) - double(largest);
    candidates[size_t(i)] = {portableExp(distance / options.temperature),
                             logits[i], int32_t(i)};
  }
}

void Sampler::keepLikeliest() {
  bool someK = options.topK > 0 && size_t(options.topK) < candidates.size();
  if (!someK && options.topP == 1)
    return;
  // Few of many are kept, as a rule: sort only those.
  auto lessLikely = [](const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit < b.logit : a.id > b.id;
  };
  auto moreLikely = [&](const Candidate &a, const Candidate &b) {
    return lessLikely(b, a);
  };
  if (someK) {
    auto end = candidates.begin() + options.topK;
    std::nth_element(candidates.begin(), end, candidates.end(), moreLikely);
    candidates.erase(end, candidates.end());
    std::sort(candidates.begin(), candidates.end(), moreLikely);
  }
  double total = 0;
  for (const Candidate &candidate : candidates)
    total += candidate.weight;
  double enough = options.topP * total, sum = 0;
  size_t kept = 0;
  if (!someK)
    std::make_heap(candidates.begin(), candidates.end(), lessLikely);
  while (kept < candidates.size() && (kept == 0 || sum < enough)) {
    if (!someK) // the heap gives its likeliest to its end
      std::pop_heap(candidates.begin(), candidates.end() - ptrdiff_t(kept),
                    lessLikely);
    sum += candidates[someK ? kept : candidates.size() - 1 - kept].weight;
    ++kept;
  }
  if (!someK)
    std::reverse(candidates.begin(), candidates.end());
  candidates.resize(kept);
}

int32_t Sampler::draw(RandomStream &stream) {
  double total = 0;
  for (const Candidate &candidate : candidates)
    total += candidate.weight;
  double left = stream.uniform() * total;
  int32_t last = candidates.front().id;
  for (const Candidate &candidate : candidates) {
    if (candidate.weight == 0)
      continue;
    last = candidate.id;
    if (left < candidate.weight)
      break;
    left -= candidate.weight;
  }
  return last; // rounding may leave a crumb behind the last one
}
