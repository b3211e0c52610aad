//===- CacheSimReport.cpp - simulated numbers, and no others --------------===//
#include "CacheSim.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace moe;
using namespace llvm;

static double perForward(const SimulatedTrace &trace, double value) {
  return value / double(trace.forwards);
}

static double getIdle(const CacheSimulationResult &result) {
  return result.seconds > 0 ? 1 - result.linkSeconds / result.seconds : 0;
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

static void printHeader(const SimulatedTrace &trace, raw_ostream &os) {
  os << "simulated, nothing was run: " << trace.path << "\n"
     << formatv("model {0}: {1} layers of {2} experts, a row chooses {3}\n",
                trace.model.empty() ? "?" : trace.model, trace.layers,
                trace.experts, trace.chosen);
  os << formatv("rows {0} to {1} in {2} forwards judge{3}\n", trace.begin,
                trace.rows - 1, trace.forwards,
                trace.begin ? ", those before were learned from" : "");
  os << formatv("one token uses {0} of {1} experts\n\n", trace.cycle,
                trace.layers * trace.experts);
}

static void printRuns(const CacheSimCommand &command,
                      const SimulatedTrace &trace, raw_ostream &os) {
  bool hasTime = bool(command.profile);
  std::vector<StringRef> columns = {
      "policy", "guesses",       "cache",
      "budget", "entries",       "hits",
      "Belady", "reads/forward", "guesses right/read"};
  if (command.expertBytes)
    columns.push_back("MB/forward");
  if (hasTime)
    columns.insert(columns.end(), {"ms/forward", "ms stalled", "link idle"});
  for (StringRef column : columns)
    os << "| " << column << " ";
  os << "|\n";
  for (size_t i = 0; i < columns.size(); ++i)
    os << "| --- ";
  os << "|\n";
  for (const SimulatedRun &run : trace.runs) {
    const CacheSimulationResult &r = run.result;
    os << formatv("| {0} | {1} | {2} | {3} | {4} | {5:P1} | {6:P1} | {7:F1} | "
                  "{8}/{9} |",
                  run.policy, run.predictor,
                  run.partition.empty() ? "shared" : "by layer", run.budget,
                  run.entries, r.getHitRate(), run.beladyHitRate,
                  perForward(trace, double(r.reads)), r.guessesUseful,
                  r.guessesRead);
    if (command.expertBytes)
      os << formatv(" {0:F3} |",
                    perForward(trace, double(r.reads) *
                                          double(command.expertBytes) / 1e6));
    if (hasTime)
      os << formatv(" {0:F3} | {1:F3} | {2:P0} |",
                    perForward(trace, r.seconds * 1e3),
                    perForward(trace, r.stallSeconds * 1e3), getIdle(r));
    os << "\n";
  }
}

void moe::printSimulations(const CacheSimCommand &command,
                           ArrayRef<SimulatedTrace> traces, raw_ostream &os) {
  for (const SimulatedTrace &trace : traces) {
    if (&trace != traces.begin())
      os << "\n";
    printHeader(trace, os);
    printRuns(command, trace, os);
    for (const std::string &note : trace.notes)
      os << "\n" << note << "\n";
    for (const CalibrationCurve &curve : trace.calibrations) {
      os << "\ncalibration of " << curve.predictor
         << "\n\n| confidence | mean | came true | guesses |\n"
            "| --- | --- | --- | --- |\n";
      for (const CalibrationBin &bin : curve.bins)
        if (bin.guesses)
          os << formatv("| {0:F1} to {1:F1} | {2:F3} | {3:F3} | {4} |\n",
                        bin.low, bin.high, bin.confidence, bin.share,
                        bin.guesses);
    }
    if (trace.recall) {
      os << "\n";
      printRecallTable(*trace.recall, os);
    }
  }
}

//===----------------------------------------------------------------------===//
// For machines
//===----------------------------------------------------------------------===//

static void writeRun(const CacheSimCommand &command,
                     const SimulatedTrace &trace, const SimulatedRun &run,
                     json::OStream &out) {
  const CacheSimulationResult &r = run.result;
  out.attribute("policy", run.policy);
  out.attribute("predictor", run.predictor);
  out.attribute("budget", run.budget);
  out.attribute("entries", run.entries);
  out.attribute("partition", run.partition.empty()
                                 ? json::Value(nullptr)
                                 : json::Value(json::Array(run.partition)));
  out.attribute("uses", r.uses);
  out.attribute("hits", r.hits);
  out.attribute("misses", r.misses);
  out.attribute("hit_rate", r.getHitRate());
  out.attribute("belady_hit_rate", run.beladyHitRate);
  out.attribute("experts_read", r.reads);
  out.attribute("guesses_read", r.guessesRead);
  out.attribute("guesses_useful", r.guessesUseful);
  if (command.expertBytes)
    out.attribute("bytes_read", double(r.reads) * double(command.expertBytes));
  if (!command.profile)
    return;
  out.attribute("seconds", r.seconds);
  out.attribute("stall_seconds", r.stallSeconds);
  out.attribute("link_seconds", r.linkSeconds);
  out.attribute("seconds_per_forward", perForward(trace, r.seconds));
}

static void writeCalibration(const CalibrationCurve &curve,
                             json::OStream &out) {
  out.attribute("predictor", curve.predictor);
  out.attributeArray("bins", [&] {
    for (const CalibrationBin &bin : curve.bins)
      out.object([&] {
        out.attribute("low", bin.low);
        out.attribute("high", bin.high);
        out.attribute("confidence", bin.confidence);
        out.attribute("share", bin.share);
        out.attribute("guesses", bin.guesses);
      });
  });
}

static void writeRecall(const RecallTable &table, json::OStream &out) {
  out.attribute("ahead", table.ahead);
  out.attribute("counts", json::Array(table.counts));
  out.attributeArray("predictors", [&] {
    for (const PredictorRecall &predictor : table.predictors)
      out.object([&] {
        out.attribute("name", predictor.name);
        if (!predictor.missing.empty()) {
          out.attribute("missing", predictor.missing);
          return;
        }
        out.attribute("recall", json::Array(predictor.recall));
        out.attributeArray("layer_recall", [&] {
          for (const std::vector<double> &layer : predictor.layerRecall)
            out.value(json::Array(layer));
        });
        out.attribute("calibration_error", predictor.calibrationError);
      });
  });
}

static void writeTrace(const CacheSimCommand &command,
                       const SimulatedTrace &trace, json::OStream &out) {
  out.attribute("trace", trace.path);
  out.attribute("model", trace.model);
  out.attribute("layers", trace.layers);
  out.attribute("experts", trace.experts);
  out.attribute("chosen", trace.chosen);
  out.attribute("rows", trace.rows);
  out.attribute("first_judged_row", trace.begin);
  out.attribute("forwards", trace.forwards);
  out.attribute("token_cycle_entries", trace.cycle);
  if (command.profile)
    out.attribute("read_seconds", trace.readSeconds);
  out.attributeArray("runs", [&] {
    for (const SimulatedRun &run : trace.runs)
      out.object([&] { writeRun(command, trace, run, out); });
  });
  out.attribute("notes", json::Array(trace.notes));
  if (command.calibration)
    out.attributeArray("calibration", [&] {
      for (const CalibrationCurve &curve : trace.calibrations)
        out.object([&] { writeCalibration(curve, out); });
    });
  if (trace.recall)
    out.attributeObject("recall", [&] { writeRecall(*trace.recall, out); });
}

void moe::writeSimulations(const CacheSimCommand &command,
                           ArrayRef<SimulatedTrace> traces, raw_ostream &os) {
  json::OStream out(os, /*IndentSize=*/1);
  out.object([&] {
    out.attribute("simulated", true);
    out.attribute("ahead", command.ahead);
    out.attribute("threshold", command.threshold);
    if (command.profile)
      out.attribute("profile", command.profile->name);
    if (command.expertBytes)
      out.attribute("expert_bytes", command.expertBytes);
    out.attributeArray("traces", [&] {
      for (const SimulatedTrace &trace : traces)
        out.object([&] { writeTrace(command, trace, out); });
    });
  });
  os << "\n";
}
