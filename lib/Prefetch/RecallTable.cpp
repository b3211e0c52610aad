//===- RecallTable.cpp - predictors side by side, at equal bytes ----------===//
#include "moe/Prefetch/RecallTable.h"

#include "moe/Driver/Registry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>

using namespace llvm;
using namespace moe;

static Error judge(Predictor &predictor, const RoutingTrace &trace,
                   const RecallTable &table, PredictorRecall &result) {
  if (Error error = checkGuessesOverTrace(predictor, trace)) {
    result.missing = toString(std::move(error));
    return Error::success();
  }
  int64_t fitted = predictor.isBound() ? table.end : table.begin;
  if (Error error = predictor.fit(trace.slice(0, fitted)))
    return error;
  auto all = guessOverTrace(predictor, trace, table.ahead,
                            *max_element(table.counts), fitted);
  if (!all)
    return all.takeError();
  int64_t layers = std::max<int64_t>(trace.layers.size() - table.ahead, 0);
  result.recall.assign(table.counts.size(), 0);
  result.layerRecall.assign(layers, result.recall);
  for (const TraceGuesses &guesses : *all) {
    if (guesses.layer < table.ahead)
      continue;
    ++result.guessedLayers;
    result.calibrationError += getCalibrationError(
        getCalibrationCurve(guesses, trace, table.begin, table.end));
    for (auto [i, count] : enumerate(table.counts)) {
      double recall = getRecall(guesses, trace, count, table.begin, table.end);
      result.layerRecall[guesses.layer - table.ahead][i] = recall;
      result.recall[i] += recall / double(layers);
    }
  }
  if (result.guessedLayers > 0)
    result.calibrationError /= double(result.guessedLayers);
  return Error::success();
}

Expected<RecallTable> moe::getRecallTable(const RoutingTrace &trace,
                                          const RecallOptions &options) {
  int64_t rows = trace.rows.size();
  RecallTable table;
  table.ahead = options.ahead;
  table.begin = options.fitted ? options.fitted : rows / 2;
  table.end = rows;
  table.counts = options.counts;
  if (table.counts.empty())
    for (int64_t count : {trace.chosen, trace.chosen + 1, 2 * trace.chosen})
      table.counts.push_back(std::min(count, trace.experts));
  if (table.begin < 1 || table.begin >= rows)
    return createStringError(Twine(table.begin) +
                             " rows are to learn from, the trace has " +
                             Twine(rows));
  for (const auto &[name, create] : getRegistry().predictors) {
    PredictorRecall result;
    result.name = name;
    if (Error error = judge(*create(), trace, table, result))
      return std::move(error);
    table.predictors.push_back(std::move(result));
  }
  return std::move(table);
}

void moe::printRecallTable(const RecallTable &table, raw_ostream &os) {
  os << "share of chosen experts that were guessed " << table.ahead
     << " layers ahead, rows " << table.begin << " to " << table.end - 1
     << "; ECE is the expected calibration error\n\n"
     << "| guesses per row and layer |";
  for (int64_t count : table.counts)
    os << ' ' << count << " |";
  os << " ECE |\n| --- |";
  for (size_t i = 0; i <= table.counts.size(); ++i)
    os << " --- |";
  os << '\n';
  for (const PredictorRecall &predictor : table.predictors) {
    os << "| " << predictor.name << " |";
    for (size_t i = 0; i < table.counts.size(); ++i) {
      if (predictor.missing.empty())
        os << format(" %.3f |", predictor.recall[i]);
      else
        os << " - |";
    }
    if (predictor.guessedLayers > 0)
      os << format(" %.3f |\n", predictor.calibrationError);
    else
      os << " - |\n";
  }
  for (const PredictorRecall &predictor : table.predictors)
    if (!predictor.missing.empty())
      os << "\n" << predictor.name << ": " << predictor.missing << '\n';
}
