//===- Parallel.cpp - a loop over a bounded number of threads -------------===//
#include "Parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

void moe::parallelFor(int64_t threads, int64_t count,
                      llvm::function_ref<void(int64_t)> body) {
  if (threads <= 0)
    threads = std::max(1u, std::thread::hardware_concurrency());
  threads = std::min(threads, count);
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    for (int64_t i = next++; i < count; i = next++)
      body(i);
  };
  std::vector<std::thread> others;
  for (int64_t i = 1; i < threads; ++i)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
}
