//===- Rows.cpp - threads that share the numbers of a loop ----------------===//
#include "Rows.h"

#include "llvm/Support/Threading.h"
#include <algorithm>
#include <atomic>

using namespace moe;

Workers::Workers(int64_t threads)
    : pool(llvm::hardware_concurrency(unsigned(threads))) {}

void Workers::forEach(int64_t count, llvm::function_ref<void(int64_t)> body) {
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    for (int64_t i = next++; i < count; i = next++)
      body(i);
  };
  int64_t helpers = std::min<int64_t>(pool.getMaxConcurrency(), count) - 1;
  for (int64_t i = 0; i < helpers; ++i)
    pool.async(work);
  work();
  pool.wait();
}
