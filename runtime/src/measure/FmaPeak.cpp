//===- FmaPeak.cpp - how many multiply-adds this machine can do -----------===//
#include "base/Options.h"
#include "base/Threads.h"
#include "measure/Median.h"
#include "moert/moert.h"
#include <atomic>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace moert;

/// Chains that do not wait for each other; more than latency × units of any
/// processor that we know (4 cycles × 2 units), fewer than it has registers.
static constexpr int chains = 12;

namespace {
struct Kernel {
  /// Runs `rounds` multiply-adds in every chain and returns some result.
  float (*run)(int64_t rounds);
  int lanes;
};
} // namespace

static float runGeneric(int64_t rounds) {
  float sums[chains] = {};
  for (int64_t i = 0; i < rounds; ++i)
    for (float &sum : sums)
      sum = sum * 0.5f + 1.0f;
  float result = 0;
  for (float sum : sums)
    result += sum;
  return result;
}

#if defined(__x86_64__)
[[gnu::target("avx512f")]] static float runAvx512(int64_t rounds) {
  __m512 sums[chains] = {}, half = _mm512_set1_ps(0.5f),
         one = _mm512_set1_ps(1);
  for (int64_t i = 0; i < rounds; ++i) {
    // The barrier keeps the compiler from merging equal chains.
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) {
      sums[c] = _mm512_fmadd_ps(sums[c], half, one);
      __asm__("" : "+v"(sums[c]));
    }
  }
  float result = 0;
  for (const __m512 &sum : sums)
    result += sum[0];
  return result;
}

[[gnu::target("avx2,fma")]] static float runAvx2(int64_t rounds) {
  __m256 sums[chains] = {}, half = _mm256_set1_ps(0.5f),
         one = _mm256_set1_ps(1);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) {
      sums[c] = _mm256_fmadd_ps(sums[c], half, one);
      __asm__("" : "+x"(sums[c]));
    }
  }
  float result = 0;
  for (const __m256 &sum : sums)
    result += sum[0];
  return result;
}
#endif

static Kernel chooseKernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {runAvx512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {runAvx2, 8};
#endif
  return {runGeneric, 1};
}

moert_status_t moert_measure_fma_peak(int32_t threads,
                                      double *outOperationsPerSecond) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_measure_fma_peak",
                   {{"out_operations_per_second", outOperationsPerSecond}}));
    int count;
    MOERT_RETURN_IF_ERROR(chooseThreads(threads, &count));
    Kernel kernel = chooseKernel();
    // About 10 ms a pass: long beside the start of a team, short beside the
    // other programs of a shared machine.
    constexpr int64_t rounds = int64_t(6) << 20;
    std::atomic<float> sink = 0;
    double seconds = medianSeconds([&] {
#pragma omp parallel num_threads(count)
      sink = kernel.run(rounds);
    });
    if (!std::isfinite(sink.load()))
      return Status(MOERT_INTERNAL, "multiply-adds left the finite numbers");
    *outOperationsPerSecond =
        2.0 * kernel.lanes * chains * double(rounds) * count / seconds;
    return Status();
  });
}
