//===- BatchCheck.cpp - what a batch may ask for --------------------------===//
#include "session/BatchCheck.h"

#include <algorithm>

using namespace moert;

static Status checkPointers(const moert_batch_t &batch) {
  auto invalid = [](const char *text) {
    return Status(MOERT_INVALID_ARGUMENT, text);
  };
  if (batch.rows < 0)
    return makeStatus(MOERT_INVALID_ARGUMENT, "batch has ", batch.rows,
                      " rows, must have at least 0");
  if (batch.rows && (!batch.tokens || !batch.sequences || !batch.positions))
    return invalid("batch has rows, but no tokens, sequences or positions");
  if (batch.wanted_rows < 0 || batch.wanted_rows > batch.rows)
    return makeStatus(MOERT_INVALID_ARGUMENT, "batch wants logits of ",
                      batch.wanted_rows, " rows, has ", batch.rows);
  if (batch.wanted_rows && !batch.logits)
    return invalid("batch wants logits, but has no room for them");
  if (!batch.wanted && batch.wanted_rows && batch.wanted_rows != batch.rows)
    return makeStatus(MOERT_INVALID_ARGUMENT, "batch wants logits of ",
                      batch.wanted_rows, " of ", batch.rows,
                      " rows, but does not say of which");
  return Status();
}

static Status checkRanges(const moert_batch_t &batch,
                          const BatchLimits &limits) {
  // The longest need of a sequence first: "prompt too long" is the one mistake
  // that people make, and the number that they must change is its whole length.
  int64_t longest = -1;
  for (int64_t row = 0; row < batch.rows; ++row)
    if (longest < 0 || batch.positions[row] > batch.positions[longest])
      longest = row;
  if (longest >= 0 && batch.positions[longest] >= limits.context)
    return makeStatus(MOERT_OUT_OF_RANGE, "sequence ", batch.sequences[longest],
                      " has ", int64_t(batch.positions[longest]) + 1,
                      " tokens, context is ", limits.context);
  for (int64_t row = 0; row < batch.rows; ++row) {
    if (batch.tokens[row] < 0 || batch.tokens[row] >= limits.vocabulary)
      return makeStatus(MOERT_OUT_OF_RANGE, "token ", batch.tokens[row],
                        " in row ", row, ", the vocabulary has ",
                        limits.vocabulary);
    if (batch.sequences[row] < 0 || batch.sequences[row] >= limits.sequences)
      return makeStatus(MOERT_OUT_OF_RANGE, "sequence ", batch.sequences[row],
                        " in row ", row, ", the session has ",
                        limits.sequences);
    if (batch.positions[row] < 0)
      return makeStatus(MOERT_OUT_OF_RANGE, "position ", batch.positions[row],
                        " in row ", row, ", must be at least 0");
  }
  return Status();
}

/// Attention reads all earlier positions of the sequence, so they must be
/// there: the first row of a sequence may go back, the others follow one by
/// one.
static Status checkOrder(const moert_batch_t &batch,
                         const std::vector<int64_t> &computed) {
  std::vector<int64_t> next(computed.size(), -1);
  for (int64_t row = 0; row < batch.rows; ++row) {
    int32_t sequence = batch.sequences[row];
    int64_t position = batch.positions[row];
    if (next[sequence] < 0 && position > computed[sequence])
      return makeStatus(MOERT_INVALID_ARGUMENT, "position ", position,
                        " of sequence ", sequence, " in row ", row, ", but ",
                        computed[sequence], " positions are computed");
    if (next[sequence] >= 0 && position != next[sequence])
      return makeStatus(MOERT_INVALID_ARGUMENT, "position ", position,
                        " of sequence ", sequence, " in row ", row,
                        ", must be ", next[sequence]);
    next[sequence] = position + 1;
  }
  return Status();
}

static Status checkWanted(const moert_batch_t &batch) {
  if (!batch.wanted)
    return Status();
  for (int64_t i = 0; i < batch.wanted_rows; ++i) {
    if (batch.wanted[i] < 0 || batch.wanted[i] >= batch.rows)
      return makeStatus(MOERT_OUT_OF_RANGE, "logits of row ", batch.wanted[i],
                        " wanted, the batch has ", batch.rows);
    if (i && batch.wanted[i] <= batch.wanted[i - 1])
      return makeStatus(MOERT_INVALID_ARGUMENT, "wanted row ", batch.wanted[i],
                        " after ", batch.wanted[i - 1],
                        ", must be in ascending order");
  }
  return Status();
}

static Status checkExits(const moert_batch_t &batch, int64_t layers) {
  if (batch.exits < MOERT_EXITS_ON || batch.exits > MOERT_EXITS_OFF)
    return makeStatus(MOERT_INVALID_ARGUMENT, "exits of a batch are ",
                      batch.exits, ", must be between ", int(MOERT_EXITS_ON),
                      " and ", int(MOERT_EXITS_OFF));
  if (!batch.leave_after)
    return Status();
  for (int64_t i = 0; i < batch.wanted_rows; ++i)
    if (batch.leave_after[i] < -1 || batch.leave_after[i] > layers)
      return makeStatus(MOERT_OUT_OF_RANGE, "wanted row ", i,
                        " leaves after ", batch.leave_after[i],
                        " layers, must be between -1 and ", layers);
  return Status();
}

Status moert::checkBatch(const moert_batch_t &batch, const BatchLimits &limits,
                         const std::vector<int64_t> &computed) {
  MOERT_RETURN_IF_ERROR(checkPointers(batch));
  MOERT_RETURN_IF_ERROR(checkRanges(batch, limits));
  MOERT_RETURN_IF_ERROR(checkOrder(batch, computed));
  MOERT_RETURN_IF_ERROR(checkWanted(batch));
  return checkExits(batch, limits.layers);
}
