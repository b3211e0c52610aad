//===- RoutingTraceFuzzer.cpp - any bytes as a routing trace --------------===//
#include "moe/Prefetch/RoutingTrace.h"

#include <cmath>
#include <cstdlib>

using namespace moe;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

/// [layers][rows * columns], of numbers that pass.
template <typename T, typename Check>
static void check(const RoutingTrace &trace,
                  const std::vector<std::vector<T>> &byLayer, int64_t columns,
                  Check isGood) {
  require(byLayer.size() == trace.layers.size());
  for (const std::vector<T> &values : byLayer) {
    require(values.size() == trace.rows.size() * uint64_t(columns));
    for (T value : values)
      require(isGood(value));
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  auto trace = RoutingTrace::parse(bytes);
  if (!trace) {
    // One line, whatever the names were.
    std::string message = llvm::toString(trace.takeError());
    require(!message.empty() && message.find('\n') == message.npos);
    return 0;
  }
  require(!trace->rows.empty() && !trace->layers.empty());
  require(trace->chosen >= 1 && trace->chosen <= trace->experts);
  auto isFinite = [](float value) { return std::isfinite(value); };
  auto isExpert = [&](int32_t expert) {
    return expert >= 0 && expert < trace->experts;
  };
  check(*trace, trace->logits, trace->experts, isFinite);
  check(*trace, trace->choices, trace->chosen, isExpert);
  check(*trace, trace->weights, trace->chosen, isFinite);
  check(*trace, trace->guessed, trace->guesses,
        [&](int32_t expert) { return expert == -1 || isExpert(expert); });
  require(trace->slice(0, trace->rows.size()).logits == trace->logits);
  return 0;
}
