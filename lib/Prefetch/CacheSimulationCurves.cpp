//===- CacheSimulationCurves.cpp - hits of each layer by its entries ------===//
//
// Stack distances: Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for
// storage hierarchies", IBM Systems Journal 1970. With c entries LRU holds the
// c most recently used experts, whatever c is, so one run gives all of a curve.
//===----------------------------------------------------------------------===//
#include "TracePasses.h"
#include "moe/Prefetch/CacheSimulation.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace moe;

/// Of one layer. Exact for as many entries as any forward wants experts: with
/// less, the store lets some go before others come.
static std::vector<int64_t> getHitCurve(const RoutingTrace &trace,
                                        int64_t layer) {
  std::vector<int64_t> hits(trace.experts + 1);
  std::vector<int32_t> recent; ///< most recent last
  std::vector<int32_t> wanted;
  for (int64_t row = 0, rows = trace.rows.size(); row < rows;) {
    int64_t end = getForwardEnd(trace, row);
    getWanted(trace, layer, row, end, wanted);
    for (auto it = recent.begin(); it != recent.end(); ++it)
      if (binary_search(wanted, *it))
        ++hits[recent.end() - it];
    erase_if(recent,
             [&](int32_t expert) { return binary_search(wanted, expert); });
    recent.insert(recent.end(), wanted.begin(), wanted.end());
    row = end;
  }
  for (int64_t entries = 1; entries <= trace.experts; ++entries)
    hits[entries] += hits[entries - 1];
  return hits;
}

std::vector<std::vector<int64_t>> moe::getHitCurves(const RoutingTrace &trace) {
  std::vector<std::vector<int64_t>> curves;
  for (size_t layer = 0; layer < trace.layers.size(); ++layer)
    curves.push_back(getHitCurve(trace, layer));
  return curves;
}

namespace {
/// The most hits of the first layers with at most so many entries, one layer
/// after the other.
class PartitionTable {
public:
  PartitionTable(int64_t capacity) : best(capacity + 1) {}

  void addLayer(ArrayRef<int64_t> curve, int64_t least) {
    std::vector<int64_t> next(best.size(), -1);
    std::vector<int32_t> share(best.size());
    for (int64_t s = least; s < int64_t(curve.size()); ++s) {
      if (s > least && curve[s] == curve[s - 1])
        continue; // the entry hits nothing
      for (int64_t c = s; c < int64_t(best.size()); ++c) {
        if (best[c - s] < 0 || best[c - s] + curve[s] <= next[c])
          continue;
        next[c] = best[c - s] + curve[s];
        share[c] = s;
      }
    }
    best = std::move(next);
    shares.push_back(std::move(share));
  }

  std::vector<int64_t> getShares() const {
    std::vector<int64_t> result;
    int64_t left = best.size() - 1;
    for (const std::vector<int32_t> &share : reverse(shares)) {
      result.push_back(share[left]);
      left -= share[left];
    }
    std::reverse(result.begin(), result.end());
    return result;
  }

private:
  std::vector<int64_t> best; ///< -1: impossible
  std::vector<std::vector<int32_t>> shares;
};
} // namespace

std::vector<int64_t> moe::choosePartition(const RoutingTrace &trace,
                                          int64_t capacity) {
  int64_t layers = trace.layers.size();
  if (layers == 0 || capacity < layers * trace.chosen)
    return {};
  if (capacity >= layers * trace.experts)
    return std::vector<int64_t>(layers, trace.experts);
  PartitionTable table(capacity);
  for (const std::vector<int64_t> &curve : getHitCurves(trace))
    table.addLayer(curve, trace.chosen);
  std::vector<int64_t> shares = table.getShares();
  // Entries with which this trace hits nothing may hit in another one.
  int64_t left = capacity;
  for (int64_t share : shares)
    left -= share;
  for (; left > 0; --left)
    ++*std::min_element(shares.begin(), shares.end());
  return shares;
}
