//===- Runner.cpp - many sequences through one ragged batch ---------------===//
#include "Runner.h"
#include "Interrupt.h"
#include "Output.h"

#include <algorithm>
#include <cmath>

using namespace moert::cli;

//===-- RowBatch ----------------------------------------------------------===//

void RowBatch::clear() {
  tokens.clear();
  sequences.clear();
  positions.clear();
  wanted.clear();
  leaveAfter.clear();
}

void RowBatch::add(int32_t token, int64_t sequence, int64_t position,
                   bool wantLogits, int32_t leaving) {
  if (wantLogits) {
    wanted.push_back(int32_t(rows()));
    leaveAfter.push_back(leaving);
  }
  tokens.push_back(token);
  sequences.push_back(int32_t(sequence));
  positions.push_back(int32_t(position));
}

moert_batch_t RowBatch::describe(std::vector<float> &result) const {
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
  return batch;
}

void RowBatch::run(const Forward &forward) {
  moert_batch_t batch = describe(logits);
  batch.whole_distributions = wholeDistributions;
  if (exits) {
    layersRun.resize(wanted.size());
    scores.resize(wanted.size() * size_t(exits));
    exitBytes.assign(wanted.size(), 0);
    batch.leave_after = leaveAfter.data();
    batch.layers_run = layersRun.data();
    batch.exit_scores = scores.data();
    batch.exit_bytes = exitBytes.data();
  }
  forward(batch);
}

void RowBatch::runWhole(const Forward &forward,
                        std::vector<float> &result) const {
  moert_batch_t batch = describe(result);
  batch.whole_distributions = true;
  batch.exits = MOERT_EXITS_OFF;
  forward(batch);
}

int64_t moert::cli::mostLogitRows(int64_t vocabulary) {
  const int64_t most = int64_t(128) << 20;
  return std::max<int64_t>(1, most / (vocabulary * int64_t(sizeof(float))));
}

//===-- Gathering ---------------------------------------------------------===//

Runner::Runner(Forward forward, Limits limits, std::string origin,
               ExitUse exits)
    : forward(std::move(forward)), limits(limits), origin(std::move(origin)),
      exits(std::move(exits)), drafting(this->exits.drafting),
      batch(limits.vocabulary, this->exits.exits),
      slots(size_t(std::min(limits.slots, limits.batchRows))) {
  if (!drafting)
    drafting = std::make_shared<DraftSwitch>(this->exits.measuresDrafts);
  drafting->disturb();
  batch.wholeDistributions = this->exits.wholeDistributions;
  // All that wait come with each batch, beside the newest row.
  const int64_t rows =
      std::min(limits.batchRows, mostLogitRows(limits.vocabulary));
  const int64_t room = rows / std::max<int64_t>(1, int64_t(slots.size())) - 1;
  this->exits.drafts = int32_t(
      std::clamp<int64_t>(room, 0, std::max<int32_t>(this->exits.drafts, 0)));
}

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
    if (!slot.request && next != last) {
      slot = Slot();
      slot.request = next++;
    }
}

/// The newest row of each sequence that decodes, and those that wait for it;
/// then as many prompt rows as there is room for.
void Runner::gather() {
  batch.clear();
  wanted.clear();
  promptRows = 0;
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].request &&
        slots[i].position == int64_t(slots[i].request->prompt.size()))
      gatherNewest(i);
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].request)
      gatherPrompt(i);
}

/// What the row does at exits that makes the token behind all that there are.
int32_t Runner::leavingOf(const Slot &slot) const {
  const size_t waiting = slot.drafts.size();
  if (exits.checks) {
    // A row that ran along with one that went deep does not wait: it has to run
    // anew, and must not take others along for ever.
    const bool ranAlong = waiting > 0 && slot.checked > 0;
    if (ranAlong || int64_t(waiting) >= exits.drafts || !drafting->mayDraft())
      return RowBatch::Never;
  }
  if (!exits.leaveAfter)
    return RowBatch::ByScore;
  return exits.leaveAfter(indexOf(*slot.request),
                          slot.request->tokens.size() + waiting);
}

void Runner::gatherNewest(size_t i) {
  Slot &slot = slots[i];
  slot.wentBack = false;
  const Request &request = *slot.request;
  const std::vector<Draft> &drafts = slot.drafts;
  const int64_t prompt = int64_t(request.prompt.size());
  // The position of the row that made the first draft.
  int64_t position = prompt + int64_t(request.tokens.size()) - 1;
  int32_t token =
      request.tokens.empty() ? request.prompt.back() : request.tokens.back();
  for (size_t d = 0; d < drafts.size(); ++d) {
    batch.add(token, int64_t(i), position++, true, RowBatch::Never);
    wanted.push_back({i, false, true, int32_t(d)});
    token = drafts[d].token;
  }
  const int32_t leaving = leavingOf(slot);
  slot.checked = 0;
  // Nothing comes behind a draft that ends the text, if it stays.
  const int64_t made = int64_t(request.tokens.size() + drafts.size());
  if (!drafts.empty() && (made >= request.most || (isEos && isEos(token))))
    return;
  batch.add(token, int64_t(i), position, true, leaving);
  wanted.push_back({i, false, true, -1});
}

void Runner::gatherPrompt(size_t i) {
  Slot &slot = slots[i];
  const std::vector<int32_t> &prompt = slot.request->prompt;
  while (slot.position < int64_t(prompt.size())) {
    const bool shown =
        onPromptLogits && slot.position >= slot.request->logitsFrom;
    if (batch.rows() >= limits.batchRows ||
        (shown && batch.wantedRows() >= mostLogitRows(limits.vocabulary)))
      return;
    const int32_t token = prompt[size_t(slot.position)];
    const bool isLast = slot.position + 1 == int64_t(prompt.size());
    const bool picks = isLast && slot.request->most > 0;
    // Rows of a prompt run deep, and their draft with them: it would save
    // nothing.
    const bool mayLeave = isLast && !exits.checks;
    batch.add(token, int64_t(i), slot.position++, shown || picks,
              mayLeave ? leavingOf(slot) : RowBatch::Never);
    if (shown || picks)
      wanted.push_back({i, shown, picks, -1});
    ++promptRows;
  }
}

//===-- Running -----------------------------------------------------------===//

int64_t Runner::decodingSlots() const {
  return std::count_if(slots.begin(), slots.end(),
                       [](const Slot &slot) { return slot.request; });
}

bool Runner::draftsWait() const {
  return std::any_of(slots.begin(), slots.end(), [](const Slot &slot) {
    return slot.request && !slot.drafts.empty();
  });
}

void Runner::step() {
  const int64_t sequences = decodingSlots();
  const int64_t committedBefore = committed;
  Clock::time_point start = Clock::now();
  batch.run(forward);
  for (size_t i = 0; i < wanted.size(); ++i)
    take(wanted[i], int64_t(i));
  for (Slot &slot : slots)
    if (slot.request && slot.request->most == 0 &&
        slot.position == int64_t(slot.request->prompt.size()))
      end(slot, Stop::Length);
  const double seconds = secondsSince(start);
  const int64_t made = committed - committedBefore;
  Rate &rate = promptRows > 0 ? prefill : decode;
  rate.tokens += promptRows > 0 ? promptRows : made;
  rate.seconds += seconds;
  if (promptRows > 0)
    drafting->disturb();
  else
    drafting->count(seconds, sequences, made, draftsWait());
}

void Runner::take(const Wanted &row, int64_t entry) {
  Slot &slot = slots[row.slot];
  exitBytes += batch.exitBytesOf(entry);
  if (!slot.request || slot.wentBack)
    return;
  if (row.ofPrompt)
    onPromptLogits(indexOf(*slot.request), batch.logitsOf(entry));
  if (!row.picks)
    return;
  if (row.draft >= 0)
    checkDraft(slot, row, entry);
  else
    takeNewest(slot, entry);
}

int32_t Runner::pick(const Request &request, size_t index,
                     const float *logits) const {
  int32_t token = 0;
  check(moert_sampler_pick_at(request.sampler.get(), index, logits,
                              limits.vocabulary, &token),
        origin);
  return token;
}

/// The row that made a draft has run through all layers, or waits still.
void Runner::checkDraft(Slot &slot, const Wanted &row, int64_t entry) {
  if (batch.layersOf(entry) < exits.layers || row.draft != slot.checked)
    return;
  draftChecks += slot.checked++ == 0;
  Draft draft = std::move(slot.drafts.front());
  slot.drafts.erase(slot.drafts.begin());
  const int32_t token = pick(*slot.request, slot.request->tokens.size(),
                             batch.logitsOf(entry));
  TokenSource &source = draft.source;
  source.draftedAfter = source.layers;
  source.layers = exits.layers;
  source.draftStayed = token == draft.token;
  if (source.draftStayed) {
    ++draftsAccepted;
  } else {
    slot.drafts.clear();
    slot.wentBack = true;
  }
  commit(slot, token, std::move(source));
}

void Runner::takeNewest(Slot &slot, int64_t entry) {
  TokenSource source;
  source.layers = exits.exits ? batch.layersOf(entry) : exits.layers;
  std::span<const float> scores = batch.scoresOf(entry);
  source.scores.assign(scores.begin(), scores.end());
  if (source.layers < 0)
    fail(origin, "a row waits behind ", -source.layers,
         " layers that was to run through all");
  const Request &request = *slot.request;
  const int32_t token =
      pick(request, request.tokens.size() + slot.drafts.size(),
           batch.logitsOf(entry));
  const bool isDraft =
      exits.checks && (source.layers < exits.layers || !slot.drafts.empty());
  if (!isDraft)
    return commit(slot, token, std::move(source));
  ++draftsMade;
  slot.drafts.push_back({token, std::move(source)});
}

void Runner::commit(Slot &slot, int32_t token, TokenSource source) {
  Request &request = *slot.request;
  request.tokens.push_back(token);
  request.sources.push_back(std::move(source));
  ++committed;
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
