//===- TracePasses.cpp - what each layer of each forward wants ------------===//
#include "TracePasses.h"

#include <algorithm>

int64_t moe::getForwardEnd(const RoutingTrace &trace, int64_t begin) {
  int64_t end = begin + 1, rows = trace.rows.size();
  while (end < rows && trace.rows[end].forward == trace.rows[begin].forward)
    ++end;
  return end;
}

void moe::getWanted(const RoutingTrace &trace, int64_t layer, int64_t begin,
                    int64_t end, std::vector<int32_t> &wanted) {
  auto choices = trace.choices[layer].begin();
  wanted.assign(choices + begin * trace.chosen, choices + end * trace.chosen);
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
}
