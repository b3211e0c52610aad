//===- Bandwidth.cpp - how fast this machine reads its memory -------------===//
#include "base/Memory.h"
#include "base/OpenMP.h"
#include "base/Options.h"
#include "base/Threads.h"
#include "measure/Median.h"
#include "moert/moert.h"
#include <atomic>
#include <cstring>
#include <memory>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace moert;

/// A sum with as many chains as keep memory, not the adder, the bottleneck.
/// `bytes` is a multiple of 256.
typedef uint64_t (*SumFunction)(const char *memory, size_t bytes);

static uint64_t sumGeneric(const char *memory, size_t bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < bytes; i += sizeof(sums)) {
    uint64_t words[8];
    std::memcpy(words, memory + i, sizeof(words));
    for (int lane = 0; lane < 8; ++lane)
      sums[lane] += words[lane];
  }
  return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] +
         sums[7];
}

#if defined(__x86_64__)
[[gnu::target("avx512f")]] static uint64_t sumAvx512(const char *memory,
                                                     size_t bytes) {
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  for (size_t i = 0; i < bytes; i += 256) {
    a = _mm512_add_epi64(a, _mm512_load_si512(memory + i));
    b = _mm512_add_epi64(b, _mm512_load_si512(memory + i + 64));
    c = _mm512_add_epi64(c, _mm512_load_si512(memory + i + 128));
    d = _mm512_add_epi64(d, _mm512_load_si512(memory + i + 192));
  }
  a = _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d));
  alignas(64) uint64_t lanes[8];
  _mm512_store_si512(lanes, a);
  uint64_t sum = 0;
  for (uint64_t lane : lanes)
    sum += lane;
  return sum;
}

[[gnu::target("avx2")]] static uint64_t sumAvx2(const char *memory,
                                                size_t bytes) {
  auto load = [](const char *from) __attribute__((target("avx2"))) {
    return _mm256_load_si256(reinterpret_cast<const __m256i *>(from));
  };
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (size_t i = 0; i < bytes; i += 128) {
    a = _mm256_add_epi64(a, load(memory + i));
    b = _mm256_add_epi64(b, load(memory + i + 32));
    c = _mm256_add_epi64(c, load(memory + i + 64));
    d = _mm256_add_epi64(d, load(memory + i + 96));
  }
  a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i *>(lanes), a);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}
#endif

static SumFunction chooseSum() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return sumAvx512;
  if (__builtin_cpu_supports("avx2"))
    return sumAvx2;
#endif
  return sumGeneric;
}

static double measureBandwidth(int threads, uint64_t bytes, char *memory) {
  // Every thread reads one contiguous run of whole pages, which it wrote
  // itself: memory that nobody wrote is one page of zeros in the cache.
  uint64_t part = bytes / threads / 4096 * 4096;
#pragma omp parallel num_threads(threads)
  std::memset(memory + omp_get_thread_num() * part, 1, part);

  SumFunction sum = chooseSum();
  std::atomic<uint64_t> total = 0;
  double seconds = medianSeconds([&] {
#pragma omp parallel num_threads(threads)
    total += sum(memory + omp_get_thread_num() * part, part);
  });
  // The check keeps the compiler from dropping the reads.
  return total == 0 ? 0 : double(part) * threads / seconds;
}

moert_status_t moert_measure_read_bandwidth(int32_t threads, uint64_t bytes,
                                            double *outBytesPerSecond) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_measure_read_bandwidth",
                   {{"out_bytes_per_second", outBytesPerSecond}}));
    int count;
    MOERT_RETURN_IF_ERROR(chooseThreads(threads, &count));
    uint64_t least = uint64_t(count) * 4096;
    if (bytes < least)
      return makeStatus(MOERT_INVALID_ARGUMENT, bytes,
                        " bytes to read, must be at least ", least);
    void *memory;
    MOERT_RETURN_IF_ERROR(allocateHostMemory(bytes, &memory));
    *outBytesPerSecond =
        measureBandwidth(count, bytes, static_cast<char *>(memory));
    releaseHostMemory(memory, bytes);
    return Status();
  });
}
