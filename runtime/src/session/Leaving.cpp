//===- Leaving.cpp - what a session makes of rows that leave early --------===//
#include "session/ExitRecorder.h"
#include "session/Session.h"
#include <algorithm>
#include <cmath>

using namespace moert;

Status moert_session_t::resolveExits() {
  if (options.exits < MOERT_EXITS_ON || options.exits > MOERT_EXITS_OFF)
    return makeStatus(MOERT_INVALID_ARGUMENT, module.origin(), ": exits is ",
                      options.exits, ", must be between ", int(MOERT_EXITS_ON),
                      " and ", int(MOERT_EXITS_OFF));
  if (!std::isnan(options.exit_threshold))
    std::fill(exitPlan.thresholds.begin(), exitPlan.thresholds.end(),
              options.exit_threshold);
  exitCounts.assign(size_t(exitPlan.exits()) + 1, 0);
  if (exitPlan.exits())
    exitRows = std::make_unique<ExitRows>(exitPlan, options.sequences);
  if (exitPlan.parks)
    parked = std::make_unique<Parked>(options.sequences);
  return Status();
}

/// Tells of the piece, whose entries begin at `firstEntry` of the batch.
void moert_session_t::beginExits(const moert_batch_t &batch,
                                 int64_t firstEntry) {
  ExitBatch leaving;
  leaving.sequences = piece.sequences;
  leaving.wanted = piece.wantedRows;
  leaving.waiting = piece.waiting;
  leaving.features = piece.features;
  if (batch.leave_after)
    leaving.leaveAfter = {batch.leave_after + firstEntry,
                          size_t(piece.entries())};
  leaving.mayLeave =
      options.exits == MOERT_EXITS_ON && batch.exits == MOERT_EXITS_ON;
  leaving.threshold = batch.exit_threshold;
  leaving.wholeDistributions = batch.whole_distributions != 0;
  leaving.watches = exitRecorder != nullptr;
  exitRows->begin(leaving);
}

/// Rows that are gone wait from now on, with what they left with.
void moert_session_t::keepWaiting() {
  for (int64_t row = 0; row < piece.rows(); ++row) {
    const int32_t sequence = piece.sequences[row];
    const int32_t position = piece.positions[row];
    const int32_t layers = exitRows->depthOf(row);
    stats.rows_resumed += exitRows->isResumed(row);
    if (exitRows->runsAtEnd(row)) {
      parked->drop(sequence, position);
    } else if (layers != piece.waiting[row]) {
      std::span<const float> features = exitRows->featuresOf(row);
      parked->keep(
          sequence, position,
          {piece.tokens[row], layers, {features.begin(), features.end()}});
    }
  }
}

/// Rows that wait run through all layers, so that no more than a few do.
Status moert_session_t::finishWaiting() {
  moert_batch_t nobody;
  moert_batch_init(&nobody);
  nobody.exits = MOERT_EXITS_OFF;
  while (parked->count() > Parked::most) {
    piece.takeWaiting(*parked, parked->fullest());
    MOERT_RETURN_IF_ERROR(runPiece(nobody, 0));
  }
  return Status();
}

/// Notes through how many layers each entry of the piece went.
void moert_session_t::countExits(const moert_batch_t &batch,
                                 int64_t firstEntry) {
  const int64_t exits = exitPlan.exits();
  for (int64_t entry = 0; entry < piece.entries(); ++entry) {
    const int32_t layers =
        exitRows ? exitRows->layersOf(entry) : exitPlan.allLayers;
    if (batch.layers_run)
      batch.layers_run[firstEntry + entry] = layers;
    if (batch.exit_scores && exits)
      std::copy_n(exitRows->scoresOf(entry).begin(), exits,
                  batch.exit_scores + (firstEntry + entry) * exits);
    const uint64_t bytes = exitRows ? exitRows->bytesOf(entry) : 0;
    if (batch.exit_bytes)
      batch.exit_bytes[firstEntry + entry] = bytes;
    stats.exit_bytes += bytes;
    if (layers < 0)
      continue;
    auto at = std::find(exitPlan.layers.begin(), exitPlan.layers.end(), layers);
    ++exitCounts[size_t(at - exitPlan.layers.begin())];
    ++stats.exit_tokens;
    stats.exit_layers += layers;
  }
  if (!exitRows)
    return;
  stats.exit_checks += exitRows->checks();
  stats.exit_certain += exitRows->certainRows();
  stats.exit_unsure += exitRows->unsureRows();
}

Status moert_session_t::startExits(const std::string &path) {
  if (!exitRows)
    return makeStatus(MOERT_INVALID_ARGUMENT, module.origin(),
                      ": has no exits to record");
  return ExitRecorder::create(path, &exitRecorder);
}

Status moert_session_t::writeExits() {
  if (!exitRecorder)
    return makeStatus(MOERT_INVALID_ARGUMENT, module.origin(),
                      ": no recording of exits was started");
  std::unique_ptr<ExitRecorder> finished = std::move(exitRecorder);
  return finished->finish();
}
