//===- DotPeak.cpp - how many 8-bit products this machine can sum ---------===//
#include "base/Options.h"
#include "base/Threads.h"
#include "measure/Median.h"
#include "moert/moert.h"
#include <atomic>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace moert;

/// Chains that do not wait for each other, as for multiply-adds of floats.
static constexpr int chains = 12;

namespace {
struct Kernel {
  /// Runs `rounds` vectors of products in every chain and returns some result.
  int32_t (*run)(int64_t rounds);
  int products; ///< 8-bit products that a chain sums in a round
};
} // namespace

static int32_t runGeneric(int64_t rounds) {
  uint32_t sums[chains] = {}; // unsigned: they wrap
  for (int64_t i = 0; i < rounds; ++i)
    for (uint32_t &sum : sums)
      sum += uint32_t(int8_t(i) * int8_t(sum | 1));
  uint32_t result = 0;
  for (uint32_t sum : sums)
    result ^= sum;
  return int32_t(result);
}

#if defined(__x86_64__)
// In each kernel the barrier keeps the compiler from merging equal chains.

[[gnu::target("avx512f,avx512vnni")]] static int32_t
runAvx512Vnni(int64_t rounds) {
  __m512i sums[chains] = {}, a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(1);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) {
      sums[c] = _mm512_dpbusd_epi32(sums[c], a, b);
      __asm__("" : "+v"(sums[c]));
    }
  }
  alignas(64) int32_t lanes[16];
  int32_t result = 0;
  for (const __m512i &sum : sums) {
    _mm512_store_si512(lanes, sum);
    result ^= lanes[0] + lanes[15];
  }
  return result;
}

[[gnu::target("avx2")]] static int32_t firstLane(__m256i sum) {
  return _mm_cvtsi128_si32(_mm256_castsi256_si128(sum));
}

[[gnu::target("avx2,avxvnni")]] static int32_t runAvxVnni(int64_t rounds) {
  __m256i sums[chains] = {}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(1);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) {
      sums[c] = _mm256_dpbusd_avx_epi32(sums[c], a, b);
      __asm__("" : "+x"(sums[c]));
    }
  }
  int32_t result = 0;
  for (const __m256i &sum : sums)
    result ^= firstLane(sum);
  return result;
}

/// Without dot products: multiply to pairs of 16 bits, add pairs to 32, add.
[[gnu::target("avx2")]] static int32_t runAvx2(int64_t rounds) {
  __m256i sums[chains] = {}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(1),
          ones = _mm256_set1_epi16(1);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) {
      __m256i left = a; // else all chains would share one product
      __asm__("" : "+x"(left));
      __m256i pairs = _mm256_maddubs_epi16(left, b);
      sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(pairs, ones));
    }
  }
  int32_t result = 0;
  for (const __m256i &sum : sums)
    result ^= firstLane(sum);
  return result;
}
#endif

static Kernel chooseKernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
    return {runAvx512Vnni, 64};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("avxvnni"))
    return {runAvxVnni, 32};
  if (__builtin_cpu_supports("avx2"))
    return {runAvx2, 32};
#endif
  return {runGeneric, 1};
}

moert_status_t moert_measure_int8_peak(int32_t threads,
                                       double *outOperationsPerSecond) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_measure_int8_peak",
                   {{"out_operations_per_second", outOperationsPerSecond}}));
    int count;
    MOERT_RETURN_IF_ERROR(chooseThreads(threads, &count));
    Kernel kernel = chooseKernel();
    // About 10 ms a pass, as for multiply-adds.
    constexpr int64_t rounds = int64_t(6) << 20;
    std::atomic<int32_t> sink = 0;
    double seconds = medianSeconds([&] {
#pragma omp parallel num_threads(count)
      sink = kernel.run(rounds);
    });
    *outOperationsPerSecond =
        2.0 * kernel.products * chains * double(rounds) * count / seconds;
    return Status();
  });
}
