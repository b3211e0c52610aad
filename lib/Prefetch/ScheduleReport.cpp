//===- ScheduleReport.cpp - an estimate for people and for programs -------===//
#include "GuessDecision.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace moe;

static std::string percent(double share) {
  return formatv("{0:f1} %", 100 * share);
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

static void printCache(const ScheduleEstimate &estimate, raw_ostream &os) {
  os << "  cache    " << estimate.policy << ", " << estimate.capacity << " of "
     << estimate.totalExperts << " experts, "
     << formatBytes(double(estimate.expertBytes)) << " each";
  if (!estimate.partition.empty()) {
    os << "; by layer";
    for (int64_t share : estimate.partition)
      os << " " << share;
  }
  os << "\n  budget   "
     << StringRef(estimate.feasibility).drop_front(strlen("budget ")) << "\n";
}

static void printToken(const ScheduleEstimate &estimate, raw_ostream &os) {
  os << "  token    " << formatSeconds(estimate.tokenSeconds) << ", of which "
     << formatSeconds(estimate.stallSeconds) << " waiting";
  if (estimate.stallSeconds != estimate.onDemandStallSeconds)
    os << " (on demand " << formatSeconds(estimate.onDemandTokenSeconds) << ", "
       << formatSeconds(estimate.onDemandStallSeconds) << ")";
  os << "; at worst " << formatSeconds(estimate.worstTokenSeconds)
     << "; link idle " << percent(estimate.linkIdle) << "\n";
}

static void printLayers(const ScheduleEstimate &estimate, raw_ostream &os) {
  auto isSilent = [&](const LayerDecision &layer) {
    return !layer.guess && layer.reason == estimate.layers.front().reason;
  };
  if (llvm::all_of(estimate.layers, isSilent)) {
    os << "  guesses  none: " << estimate.layers.front().reason << "\n";
    return;
  }
  os << formatv("  {0,5} {1,-6}{2,6}{3,6}{4,7}{5,8}{6,7}{7,10}  {8}\n", "layer",
                " guess", "ahead", "count", "above", "recall", "waste", "wait",
                "why");
  for (const LayerDecision &layer : estimate.layers) {
    if (layer.count == 0) {
      os << formatv("  {0,5}  {1,-5}{2,6}{2,6}{2,7}{2,8}{2,7}{3,10}  {4}\n",
                    layer.layer, "no", "-", formatSeconds(layer.stallAfter),
                    layer.reason);
      continue;
    }
    os << formatv("  {0,5}  {1,-5}{2,6}{3,6}{4,7:f2}{5,8:f2}{6,7:f2}{7,10}  "
                  "{8}\n",
                  layer.layer, layer.guess ? "yes" : "no", layer.ahead,
                  layer.count, layer.threshold, layer.recall,
                  layer.wastePerUseful, formatSeconds(layer.stallAfter),
                  layer.reason);
  }
}

void moe::printSchedule(const ScheduleEstimate &estimate, raw_ostream &os) {
  os << "simulated schedule of " << estimate.model << " on " << estimate.profile
     << " (" << estimate.link << ")";
  if (!estimate.predictor.empty())
    os << " with guesses by " << estimate.predictor;
  os << ", judged by " << estimate.rows << " rows\n";
  printCache(estimate, os);
  printToken(estimate, os);
  printLayers(estimate, os);
}

//===----------------------------------------------------------------------===//
// For programs
//===----------------------------------------------------------------------===//

static void writeLayer(json::OStream &out, const LayerDecision &layer) {
  out.object([&] {
    out.attribute("layer", layer.layer);
    out.attribute("guess", layer.guess);
    out.attribute("ahead", layer.ahead);
    out.attribute("count", layer.count);
    out.attribute("threshold", layer.threshold);
    out.attribute("recall", layer.recall);
    out.attribute("waste_per_useful", layer.wastePerUseful);
    out.attribute("miss_bytes_per_token", layer.missBytes);
    out.attribute("free_compute_seconds", layer.computeSeconds);
    out.attribute("stall_seconds_on_demand", layer.stallBefore);
    out.attribute("stall_seconds", layer.stallAfter);
    out.attribute("reason", layer.reason);
  });
}

static void writeEstimate(const ScheduleEstimate &estimate, raw_ostream &os) {
  json::OStream out(os, /*IndentSize=*/2);
  out.object([&] {
    out.attribute("kind", "simulated");
    out.attribute("model", estimate.model);
    out.attribute("profile", estimate.profile);
    out.attribute("link", estimate.link);
    out.attribute("policy", estimate.policy);
    out.attribute("predictor", estimate.predictor.empty()
                                   ? json::Value(nullptr)
                                   : json::Value(estimate.predictor));
    out.attribute("rows", estimate.rows);
    out.attribute("budget_bytes", int64_t(estimate.budget));
    out.attribute("expert_bytes", int64_t(estimate.expertBytes));
    out.attribute("token_cycle_bytes", int64_t(estimate.tokenBytes));
    out.attribute("entries", estimate.capacity);
    out.attribute("experts", estimate.totalExperts);
    out.attributeArray("partition", [&] {
      for (int64_t share : estimate.partition)
        out.value(share);
    });
    out.attribute("feasibility", estimate.feasibility);
    out.attribute("hit_rate", estimate.hitRate);
    out.attribute("shared_hit_rate", estimate.sharedHitRate);
    out.attribute("partitioned_hit_rate",
                  estimate.partitionedHitRate
                      ? json::Value(*estimate.partitionedHitRate)
                      : json::Value(nullptr));
    out.attributeObject("shared_hit_rate_by_policy", [&] {
      for (auto &[name, rate] : estimate.policyHitRates)
        out.attribute(name, rate);
    });
    out.attribute("shared_lru_hit_rate", estimate.sharedLruHitRate);
    out.attribute("belady_hit_rate", estimate.beladyHitRate);
    out.attribute("misses_per_token", estimate.missesPerToken);
    out.attribute("compute_seconds", estimate.computeSeconds);
    out.attribute("token_seconds", estimate.tokenSeconds);
    out.attribute("stall_seconds", estimate.stallSeconds);
    out.attribute("token_seconds_on_demand", estimate.onDemandTokenSeconds);
    out.attribute("stall_seconds_on_demand", estimate.onDemandStallSeconds);
    out.attribute("worst_token_seconds", estimate.worstTokenSeconds);
    out.attribute("link_idle", estimate.linkIdle);
    out.attributeArray("layers", [&] {
      for (const LayerDecision &layer : estimate.layers)
        writeLayer(out, layer);
    });
  });
  os << "\n";
}

Error moe::writeScheduleReport(const ScheduleEstimate &estimate,
                               StringRef path) {
  return writeFile(path, [&](raw_ostream &os) { writeEstimate(estimate, os); });
}
