//===- Exits.cpp - rows that leave early, in one forward ------------------===//
#include "session/Exits.h"

#include <algorithm>
#include <cmath>

using namespace moert;

ExitPlan::ExitPlan(const fb::Module &module)
    : allLayers(module.model()->layers()) {
  const fb::Exits *exits = module.exits();
  if (!exits)
    return;
  parks = exits->state() != fb::ExitState::Propagate;
  checkBytes = exits->head_bytes();
  leaveBytes = exits->leave_bytes();
  unsureBytes = exits->unsure_bytes();
  for (const fb::Exit *exit : *exits->exits()) {
    layers.push_back(exit->layers());
    thresholds.push_back(exit->threshold());
  }
}

ExitRows::ExitRows(const ExitPlan &plan, int64_t sequences)
    : plan(plan), fates(size_t(plan.parks ? sequences : 0)) {
  functions.size = sizeof(functions);
  functions.host = this;
  functions.enter = [](const moert_abi_exits_t *exits, int32_t *running,
                       int32_t *due, int32_t *asking, int64_t *counts) {
    of(exits).enter(running, due, asking, counts);
  };
  functions.resume = [](const moert_abi_exits_t *exits, int64_t columns,
                        float *features) {
    of(exits).resume(columns, features);
  };
  functions.leave = [](const moert_abi_exits_t *exits, int64_t exit,
                       const float *scores, int64_t numbers,
                       const float *const *watched, int32_t *running,
                       int32_t *gone, int32_t *due, int32_t *kept,
                       int32_t *leaving, int64_t *counts) {
    of(exits).leave(exit, scores, numbers, watched, running, gone, due, kept,
                    leaving, counts);
  };
  functions.park = [](const moert_abi_exits_t *exits, int64_t columns,
                      const float *features) {
    of(exits).park(columns, features);
  };
  functions.settle = [](const moert_abi_exits_t *exits, int64_t count,
                        const float *surplus, int32_t *certain, int32_t *unsure,
                        int64_t *counts) {
    of(exits).settle(count, surplus, certain, unsure, counts);
  };
}

void ExitRows::begin(const ExitBatch &batch) {
  given = batch;
  const size_t entries = given.wanted.size();
  rows.assign(given.sequences.size(), Row{true, 0, -1});
  for (size_t row = 0; row < rows.size(); ++row) {
    rows[row].depth = waitsBehind(row);
    rows[row].runs = rows[row].depth == 0;
  }
  for (size_t entry = 0; entry < entries; ++entry)
    rows[size_t(given.wanted[entry])].entry = int32_t(entry);
  asks.clear();
  leftAfter.assign(entries, 0);
  scores.assign(entries * plan.layers.size(),
                std::numeric_limits<float>::quiet_NaN());
  if (given.watches)
    watched.assign(entries, {});
  parked.clear();
  parkedColumns = 0;
  leftHere.clear();
  hasEntered = false;
  lastExit = -1;
  bytes.assign(entries, 0);
  checked = certainCount = unsureCount = 0;
  wrong.clear();
}

//===----------------------------------------------------------------------===//
// What the code calls
//===----------------------------------------------------------------------===//

void ExitRows::enter(int32_t *running, int32_t *due, int32_t *asking,
                     int64_t *counts) {
  std::fill(counts, counts + 3, 0);
  if (hasEntered) {
    wrong = "enters twice";
    return;
  }
  hasEntered = true;
  for (size_t row = 0; row < rows.size(); ++row)
    if (rows[row].runs)
      running[counts[0]++] = int32_t(row);
  for (size_t entry = 0; entry < given.wanted.size(); ++entry) {
    due[counts[1]++] = int32_t(entry);
    const bool may = given.leaveAfter.empty() || given.leaveAfter[entry] >= 0;
    if (given.mayLeave && may && rows[size_t(given.wanted[entry])].runs)
      asks.push_back(asking[counts[2]++] = int32_t(entry));
  }
}

void ExitRows::resume(int64_t columns, float *features) {
  for (size_t row = 0; row < rows.size(); ++row) {
    if (waitsBehind(row) == 0)
      continue;
    std::span<const float> kept = given.features[row];
    if (int64_t(kept.size()) == columns)
      std::copy(kept.begin(), kept.end(), features + int64_t(row) * columns);
    else
      wrong = "resumes rows of " + std::to_string(columns) +
              " features, parked were " + std::to_string(kept.size());
  }
}

bool ExitRows::leaves(int32_t entry, size_t exit, float score) const {
  const int32_t after =
      given.leaveAfter.empty() ? 0 : given.leaveAfter[size_t(entry)];
  const double least =
      std::isnan(given.threshold) ? plan.thresholds[exit] : given.threshold;
  return after > 0 ? plan.layers[exit] >= after : double(score) >= least;
}

void ExitRows::noteScores(size_t exit, const float *shown, int64_t numbers,
                          const float *const *shownNumbers) {
  checked += int64_t(asks.size());
  for (size_t place = 0; place < asks.size(); ++place) {
    const size_t entry = size_t(asks[place]);
    scores[entry * plan.layers.size() + exit] = shown[place];
    bytes[entry] += plan.checkBytes;
    if (!given.watches)
      continue;
    std::vector<float> &to = watched[entry].emplace_back();
    for (int64_t i = 0; i < numbers; ++i)
      to.push_back(shownNumbers[i][place]);
  }
}

/// Rows of a sequence go on together, so that none misses keys and values of
/// another. Those that wait have no say where others run from the first layer.
void ExitRows::decideSequences() {
  for (int32_t sequence : given.sequences)
    fates[size_t(sequence)] = Waits;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (waitsBehind(row))
      continue;
    const int32_t entry = rows[row].entry;
    const bool hasLeft = entry >= 0 && leftAfter[size_t(entry)];
    Fate &fate = fates[size_t(given.sequences[row])];
    fate = std::max(fate, hasLeft ? Leaves : Stays);
  }
}

bool ExitRows::goesOn(size_t row) const {
  if (plan.parks)
    return fates[size_t(given.sequences[row])] != Leaves;
  const int32_t entry = rows[row].entry;
  return entry < 0 || !leftAfter[size_t(entry)];
}

/// Why an exit is not to be asked; empty if it may be. That the rows which wait
/// do so behind an exit of this module needs no look: their layers are those
/// that `leave` put down for an earlier batch of the same session, whose module
/// never changes.
std::string ExitRows::refusal(int64_t exit, int64_t numbers,
                              const float *const *shownNumbers) const {
  if (exit < 0 || exit >= plan.exits())
    return "exit " + std::to_string(exit) + " asked, the module has " +
           std::to_string(plan.exits());
  if (exit <= lastExit)
    return "exit " + std::to_string(exit) + " asked behind exit " +
           std::to_string(lastExit);
  if (numbers < 0 || (numbers > 0 && !shownNumbers))
    return "exit " + std::to_string(exit) + " shows " +
           std::to_string(numbers) + " numbers that are not there";
  return "";
}

void ExitRows::leave(int64_t exit, const float *shown, int64_t numbers,
                     const float *const *shownNumbers, int32_t *running,
                     int32_t *gone, int32_t *due, int32_t *kept,
                     int32_t *leaving, int64_t *counts) {
  std::fill(counts, counts + 5, 0);
  leftHere.clear();
  if (std::string refused = refusal(exit, numbers, shownNumbers);
      !refused.empty()) {
    wrong = std::move(refused);
    asks.clear();
    for (size_t row = 0; row < rows.size(); ++row)
      gone[counts[1]++] = int32_t(row);
    return;
  }
  lastExit = exit;
  const int32_t here = plan.layers[size_t(exit)];
  noteScores(size_t(exit), shown, numbers, shownNumbers);
  size_t stay = 0;
  for (size_t place = 0; place < asks.size(); ++place) {
    const int32_t entry = asks[place];
    if (leaves(entry, size_t(exit), shown[place])) {
      leaving[counts[4]++] = int32_t(place);
      leftAfter[size_t(entry)] = here;
      bytes[size_t(entry)] += plan.leaveBytes;
      leftHere.push_back(entry);
    } else {
      kept[counts[3]++] = int32_t(place);
      asks[stay++] = entry;
    }
  }
  asks.resize(stay);

  if (plan.parks)
    decideSequences();
  for (size_t row = 0; row < rows.size(); ++row) {
    const bool joins = !rows[row].runs && waitsBehind(row) == here;
    const bool runs = (rows[row].runs || joins) && goesOn(row);
    if (rows[row].runs && !runs)
      rows[row].depth = here;
    rows[row].runs = runs;
    int32_t *to = runs ? running : gone;
    to[counts[runs ? 0 : 1]++] = int32_t(row);
  }
  for (size_t entry = 0; entry < given.wanted.size(); ++entry) {
    const size_t row = size_t(given.wanted[entry]);
    const bool mayJoin = waitsBehind(row) > here && goesOn(row);
    if (!leftAfter[entry] && (rows[row].runs || mayJoin))
      due[counts[2]++] = int32_t(entry);
  }
}

void ExitRows::park(int64_t columns, const float *features) {
  if (columns < 1) {
    wrong = "parks rows of " + std::to_string(columns) +
            " features, at least 1 is needed";
    return;
  }
  parkedColumns = columns;
  parked.assign(features, features + int64_t(rows.size()) * columns);
}

void ExitRows::settle(int64_t count, const float *surplus, int32_t *certain,
                      int32_t *unsure, int64_t *counts) {
  counts[0] = counts[1] = 0;
  if (count != int64_t(leftHere.size())) {
    wrong = "settles " + std::to_string(count) + " rows, " +
            std::to_string(leftHere.size()) + " left";
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const bool isCertain = !given.wholeDistributions && surplus[i] > 0;
    int32_t *to = isCertain ? certain : unsure;
    to[counts[isCertain ? 0 : 1]++] = int32_t(i);
    if (!isCertain)
      bytes[size_t(leftHere[size_t(i)])] += plan.unsureBytes;
  }
  certainCount += counts[0];
  unsureCount += counts[1];
}

//===----------------------------------------------------------------------===//
// What became of them
//===----------------------------------------------------------------------===//

Status ExitRows::end(const std::string &origin) const {
  if (!wrong.empty())
    return makeStatus(MOERT_INTERNAL, origin, ": ", wrong);
  const bool isGone = std::any_of(rows.begin(), rows.end(),
                                  [](const Row &row) { return !row.runs; });
  if (plan.parks && isGone && parkedColumns == 0)
    return makeStatus(MOERT_INTERNAL, origin,
                      ": rows left, and the code parked none of them");
  return Status();
}

int32_t ExitRows::layersOf(int64_t entry) const {
  if (leftAfter[size_t(entry)])
    return leftAfter[size_t(entry)];
  const Row &row = rows[size_t(given.wanted[size_t(entry)])];
  return row.runs ? plan.allLayers : -row.depth;
}

int32_t ExitRows::depthOf(int64_t row) const {
  const Row &state = rows[size_t(row)];
  return state.runs ? plan.allLayers : state.depth;
}

bool ExitRows::isResumed(int64_t row) const {
  const int32_t waited = waitsBehind(size_t(row));
  return waited && depthOf(row) > waited;
}

std::span<const float> ExitRows::featuresOf(int64_t row) const {
  return std::span(parked).subspan(size_t(row * parkedColumns),
                                   size_t(parkedColumns));
}

std::span<const float> ExitRows::scoresOf(int64_t entry) const {
  return std::span(scores).subspan(size_t(entry) * plan.layers.size(),
                                   plan.layers.size());
}
