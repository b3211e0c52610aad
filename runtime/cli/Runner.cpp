//===- Runner.cpp - many sequences through one ragged batch ---------------===//
#include "Runner.h"
#include "Interrupt.h"
#include "Output.h"

#include <algorithm>

using namespace moert::cli;

//===-- RowBatch ----------------------------------------------------------===//

void RowBatch::clear() {
  tokens.clear();
  sequences.clear();
  positions.clear();
  wanted.clear();
}

void RowBatch::add(int32_t token, int64_t sequence, int64_t position,
                   bool wantLogits) {
  if (wantLogits)
    wanted.push_back(int32_t(rows()));
  tokens.push_back(token);
  sequences.push_back(int32_t(sequence));
  positions.push_back(int32_t(position));
}

void RowBatch::run(const Forward &forward, std::vector<float> &result) const {
  result.resize(wanted.size() * size_t(vocabulary));
  moert_batch_t batch;
  moert_batch_init(&batch);
  batch.rows = rows();
  batch.tokens = tokens.data();
  batch.sequences = sequences.data();
  batch.positions = positions.data();
  batch.wanted_rows = wantedRows();
  batch.wanted = wanted.data();
  batch.logits = result.data();
  forward(batch);
}

int64_t moert::cli::mostLogitRows(int64_t vocabulary) {
  const int64_t most = int64_t(128) << 20;
  return std::max<int64_t>(1, most / (vocabulary * int64_t(sizeof(float))));
}

//===-- Runner ------------------------------------------------------------===//

Runner::Runner(Forward forward, Limits limits, std::string origin)
    : forward(std::move(forward)), limits(limits), origin(std::move(origin)),
      batch(limits.vocabulary),
      slots(size_t(std::min(limits.slots, limits.batchRows))) {}

void Runner::run(std::vector<Request> &requests) {
  first = next = requests.data();
  last = first + requests.size();
  for (;;) {
    admit();
    gather();
    if (batch.rows() == 0)
      return;
    if (interrupted())
      break;
    step();
    if (onStep)
      onStep();
  }
  for (Slot &slot : slots)
    if (slot.request)
      end(slot, Stop::Interrupted);
  for (; next != last; ++next)
    next->stop = Stop::Interrupted;
}

void Runner::admit() {
  for (Slot &slot : slots)
    if (!slot.request && next != last)
      slot = {next++, 0};
}

/// One row of each sequence that decodes, and as many prompt rows as there is
/// room for.
void Runner::gather() {
  batch.clear();
  wanted.clear();
  promptRows = 0;
  for (size_t i = 0; i < slots.size(); ++i) {
    Slot &slot = slots[i];
    if (!slot.request || slot.position < int64_t(slot.request->prompt.size()))
      continue;
    batch.add(slot.request->tokens.back(), int64_t(i), slot.position++, true);
    wanted.push_back({i, false, true});
  }
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].request)
      gatherPrompt(i);
}

void Runner::gatherPrompt(size_t i) {
  Slot &slot = slots[i];
  const std::vector<int32_t> &prompt = slot.request->prompt;
  const bool all = onPromptLogits != nullptr;
  while (slot.position < int64_t(prompt.size())) {
    if (batch.rows() >= limits.batchRows ||
        (all && batch.wantedRows() >= mostLogitRows(limits.vocabulary)))
      return;
    int32_t token = prompt[size_t(slot.position)];
    bool picks =
        slot.position + 1 == int64_t(prompt.size()) && slot.request->most > 0;
    batch.add(token, int64_t(i), slot.position++, all || picks);
    if (all || picks)
      wanted.push_back({i, all, picks});
    ++promptRows;
  }
}

void Runner::step() {
  Clock::time_point start = Clock::now();
  batch.run(forward);
  for (size_t i = 0; i < wanted.size(); ++i)
    take(wanted[i], batch.logitsOf(int64_t(i)));
  for (Slot &slot : slots)
    if (slot.request && slot.request->most == 0 &&
        slot.position == int64_t(slot.request->prompt.size()))
      end(slot, Stop::Length);
  Rate &rate = promptRows > 0 ? prefill : decode;
  rate.tokens += promptRows > 0 ? promptRows : batch.rows();
  rate.seconds += secondsSince(start);
}

void Runner::take(const Wanted &row, const float *logits) {
  Slot &slot = slots[row.slot];
  Request &request = *slot.request;
  if (row.ofPrompt)
    onPromptLogits(indexOf(request), logits);
  if (!row.picks)
    return;
  int32_t token = 0;
  check(moert_sampler_pick(request.sampler.get(), logits, limits.vocabulary,
                           &token),
        origin);
  request.tokens.push_back(token);
  if (isEos && isEos(token))
    return end(slot, Stop::EndOfText);
  if (onToken && !onToken(indexOf(request), token))
    return end(slot, Stop::Caller);
  if (int64_t(request.tokens.size()) >= request.most)
    end(slot, Stop::Length);
}

void Runner::end(Slot &slot, Stop stop) {
  slot.request->stop = stop;
  if (onEnd)
    onEnd(indexOf(*slot.request));
  slot.request = nullptr;
  ++requestsDone;
}
