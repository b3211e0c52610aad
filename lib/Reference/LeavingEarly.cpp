//===- LeavingEarly.cpp - which rows run, leave, wait and run on ----------===//
#include "Ops.h"

#include <set>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

/// Appends a number to a list.
static void append(Integers &list, int64_t number) {
  list.values.push_back(int32_t(number));
  ++list.rows;
}

static Error checkNumbers(const Integers &numbers, int64_t count,
                          StringRef what) {
  for (int32_t number : numbers.values)
    if (number < 0 || number >= count)
      return failure(what, " ", number, " requested, there are ", count);
  return Error::success();
}

/// Which of `count` numbers are in a list.
static std::vector<bool> getMembers(const Integers &list, int64_t count) {
  std::vector<bool> members(count);
  for (int32_t number : list.values)
    members[number] = true;
  return members;
}

static Error checkBatch(const Batch &batch) {
  if (batch.positions.rows != batch.getRows())
    return failure("there are ", batch.getRows(), " sequences and ",
                   batch.positions.rows, " positions");
  return checkNumbers(batch.wanted, batch.getRows(), "row");
}

Expected<Entered> reference::enter(const Batch &batch,
                                   const ExitControl &control) {
  if (Error error = checkBatch(batch))
    return std::move(error);
  ArrayRef<int64_t> leaveAfter = control.leaveAfter;
  if (!leaveAfter.empty() && int64_t(leaveAfter.size()) != batch.wanted.rows)
    return failure("there are ", batch.wanted.rows, " entries, and ",
                   leaveAfter.size(), " are told when to leave");
  Entered result;
  for (int64_t row = 0; row < batch.getRows(); ++row)
    if (!batch.findParked(row))
      append(result.running, row);
  for (int64_t entry = 0; entry < batch.wanted.rows; ++entry) {
    append(result.due, entry);
    bool may = control.exits == Exits::On &&
               (leaveAfter.empty() || leaveAfter[entry] >= 0);
    if (may && !batch.findParked(batch.wanted.values[entry]))
      append(result.asking, entry);
  }
  return result;
}

static bool isLeaving(const ExitSite &site, double score, int32_t entry,
                      const ExitControl &control) {
  int64_t after = control.leaveAfter.empty() ? 0 : control.leaveAfter[entry];
  if (after)
    return site.layers >= after;
  return score >= control.threshold.value_or(site.threshold);
}

/// The rows that somebody wants, and nobody any more.
static std::vector<bool> findServed(const Batch &batch,
                                    const std::vector<bool> &isDue) {
  std::vector<bool> served = getMembers(batch.wanted, batch.getRows());
  for (int64_t entry = 0; entry < batch.wanted.rows; ++entry)
    if (isDue[entry])
      served[batch.wanted.values[entry]] = false;
  return served;
}

/// The sequences that run on together: all but those whose rows from the first
/// layer on, of which there are some, are all served.
static std::set<int32_t> findSequences(const Batch &batch,
                                       const std::vector<bool> &served) {
  std::set<int32_t> all, fresh, unserved;
  for (int64_t row = 0; row < batch.getRows(); ++row) {
    int32_t sequence = batch.sequences.values[row];
    all.insert(sequence);
    if (batch.findParked(row))
      continue;
    fresh.insert(sequence);
    if (!served[row])
      unserved.insert(sequence);
  }
  for (int32_t sequence : fresh)
    if (!unserved.count(sequence))
      all.erase(sequence);
  return all;
}

/// What becomes of a row at an exit.
enum class Fate { RunsOn, Waits, IsGone };

/// Without a state: each row on its own.
static std::vector<Fate> decideAlone(const std::vector<bool> &runs,
                                     const std::vector<bool> &served) {
  std::vector<Fate> fates(runs.size(), Fate::IsGone);
  for (size_t row = 0; row < runs.size(); ++row)
    if (runs[row] && !served[row])
      fates[row] = Fate::RunsOn;
  return fates;
}

/// With a state: the rows of a sequence go on together.
static Expected<std::vector<Fate>> decide(const ExitSite &site,
                                          const Batch &batch,
                                          const std::vector<bool> &runs,
                                          const std::vector<bool> &served) {
  if (!batch.kv)
    return decideAlone(runs, served);
  std::set<int32_t> sequences = findSequences(batch, served);
  std::vector<Fate> fates(batch.getRows(), Fate::IsGone);
  for (int64_t row = 0; row < batch.getRows(); ++row) {
    if (!sequences.count(batch.sequences.values[row]))
      continue;
    const KvState::Parked *parked = batch.findParked(row);
    if (runs[row] || (parked && parked->layers == site.layers))
      fates[row] = Fate::RunsOn;
    else if (parked && parked->layers > site.layers)
      fates[row] = Fate::Waits;
    else if (parked)
      return failure("row ", row, " waits behind ", parked->layers,
                     " layers, and was not resumed there");
  }
  return fates;
}

Expected<ExitRows>
reference::leave(const ExitSite &site, const Batch &batch, const Matrix &scores,
                 const Integers &asking, const Integers &running,
                 const Integers &due, const ExitControl &control) {
  if (Error error = checkBatch(batch))
    return std::move(error);
  if (scores.rows != asking.rows)
    return failure("there are ", scores.rows, " scores and ", asking.rows,
                   " entries that ask");
  for (const Integers *entries : {&asking, &due})
    if (Error error = checkNumbers(*entries, batch.wanted.rows, "entry"))
      return std::move(error);
  if (Error error = checkNumbers(running, batch.getRows(), "row"))
    return std::move(error);

  ExitRows result;
  std::vector<bool> isDue = getMembers(due, batch.wanted.rows);
  for (int64_t j = 0; j < asking.rows; ++j) {
    int32_t entry = asking.values[j];
    bool leaves = isLeaving(site, scores.at(j, 0), entry, control);
    append(leaves ? result.leaving : result.kept, j);
    if (leaves)
      isDue[entry] = false;
  }
  std::vector<bool> runs = getMembers(running, batch.getRows());
  std::vector<bool> served = findServed(batch, isDue);
  Expected<std::vector<Fate>> fates = decide(site, batch, runs, served);
  if (!fates)
    return fates.takeError();
  for (int64_t row = 0; row < batch.getRows(); ++row)
    append((*fates)[row] == Fate::RunsOn ? result.running : result.gone, row);
  for (int64_t entry = 0; entry < batch.wanted.rows; ++entry)
    if (isDue[entry] && (*fates)[batch.wanted.values[entry]] != Fate::IsGone)
      append(result.due, entry);
  return result;
}

static Error checkFeatures(const Matrix &input, const BatchRows &batch) {
  if (input.rows == batch.sequences.rows && input.rows == batch.positions.rows)
    return Error::success();
  return failure("there are ", input.rows, " rows, ", batch.sequences.rows,
                 " sequences and ", batch.positions.rows, " positions");
}

Expected<Matrix> reference::resume(Matrix input, const BatchRows &batch) {
  if (Error error = checkFeatures(input, batch))
    return std::move(error);
  for (int64_t row = 0; row < input.rows; ++row) {
    const KvState::Parked *parked = batch.findParked(row);
    if (!parked)
      continue;
    if (int64_t(parked->features.size()) != input.columns)
      return failure("row ", row, " waits with ", parked->features.size(),
                     " features, ", input.columns, " requested");
    llvm::copy(parked->features, input.row(row));
  }
  return input;
}

Expected<KvState> reference::park(const Matrix &input, const Integers &gone,
                                  const BatchRows &batch,
                                  ArrayRef<int64_t> layers) {
  if (Error error = checkFeatures(input, batch))
    return std::move(error);
  if (Error error = checkNumbers(gone, input.rows, "row"))
    return std::move(error);
  auto parked = std::make_shared<KvState::ParkedRows>(*batch.kv->parked);
  auto getPosition = [&](int64_t row) {
    return std::pair(batch.sequences.values[row], batch.positions.values[row]);
  };
  for (int64_t row = 0; row < input.rows; ++row)
    parked->erase(getPosition(row));
  for (int32_t row : gone.values)
    (*parked)[getPosition(row)] = {
        layers[row], {input.row(row), input.row(row) + input.columns}};
  KvState result = *batch.kv;
  result.parked = std::move(parked);
  return result;
}
