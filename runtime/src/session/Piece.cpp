//===- Piece.cpp - the rows of one forward --------------------------------===//
#include "session/Piece.h"

#include <algorithm>

using namespace moert;

void Piece::clear() {
  addedRows = 0;
  wantedRows.clear();
  waiting.clear();
  features.clear();
  ownTokens.clear();
  ownSequences.clear();
  ownPositions.clear();
}

void Piece::take(const moert_batch_t &batch, int64_t begin, int64_t end,
                 int64_t firstEntry) {
  clear();
  const size_t count = size_t(end - begin);
  tokens = {batch.tokens + begin, count};
  sequences = {batch.sequences + begin, count};
  positions = {batch.positions + begin, count};
  for (int64_t entry = firstEntry; entry < batch.wanted_rows; ++entry) {
    int64_t row = batch.wanted ? batch.wanted[entry] : entry;
    if (row >= end)
      break;
    wantedRows.push_back(static_cast<int32_t>(row - begin));
  }
}

void Piece::addRow(int32_t sequence, int32_t position, const ParkedRow &row) {
  ownTokens.push_back(row.token);
  ownSequences.push_back(sequence);
  ownPositions.push_back(position);
  waiting.push_back(row.layers);
  features.push_back(row.features);
}

static void lower(int64_t *known, int32_t position) {
  *known = std::min(*known, int64_t(position));
}

void Piece::overwrite(std::vector<int64_t> *computed) const {
  for (size_t row = 0; row < sequences.size(); ++row)
    lower(&(*computed)[size_t(sequences[row])], positions[row]);
}

/// Which rows of the caller wait. A row that runs anew makes wrong what waits
/// from its position on, and is about to overwrite it. One at position 0 always
/// does: another text may begin with the same token, and wants its logits. A
/// row further on is the same row if its token is: all tokens in front of it
/// are those that it attended to, or it would have been forgotten.
void Piece::findWaiting(Parked *parked, std::vector<int64_t> *computed) {
  first.assign(computed->size(), -1);
  anew.assign(computed->size(), false);
  for (size_t row = 0; row < sequences.size(); ++row) {
    const int32_t sequence = sequences[row], position = positions[row];
    if (first[size_t(sequence)] < 0)
      first[size_t(sequence)] = position;
    const bool isAnew = anew[size_t(sequence)] || position == 0;
    const ParkedRow *kept =
        isAnew ? nullptr : parked->find(sequence, position);
    const bool waits = kept && kept->token == tokens[row];
    waiting.push_back(waits ? kept->layers : 0);
    features.push_back(waits ? std::span<const float>(kept->features)
                             : std::span<const float>());
    if (waits || anew[size_t(sequence)])
      continue;
    anew[size_t(sequence)] = true;
    parked->dropFrom(sequence, position);
    lower(&(*computed)[size_t(sequence)], position);
  }
}

void Piece::addWaiting(Parked *parked, std::vector<int64_t> *computed) {
  findWaiting(parked, computed);
  std::vector<int32_t> callersWaiting = std::move(waiting);
  std::vector<std::span<const float>> callersFeatures = std::move(features);
  waiting.clear();
  features.clear();
  for (int32_t sequence : sequences) {
    int32_t &before = first[size_t(sequence)];
    for (auto &[position, row] : parked->rowsOf(sequence)) {
      if (position >= before)
        break;
      addRow(sequence, position, row);
    }
    before = -1; // once
  }
  addedRows = int64_t(waiting.size());
  waiting.insert(waiting.end(), callersWaiting.begin(), callersWaiting.end());
  features.insert(features.end(), callersFeatures.begin(),
                  callersFeatures.end());
  if (addedRows == 0)
    return;
  ownTokens.insert(ownTokens.end(), tokens.begin(), tokens.end());
  ownSequences.insert(ownSequences.end(), sequences.begin(), sequences.end());
  ownPositions.insert(ownPositions.end(), positions.begin(), positions.end());
  useOwn();
  for (int32_t &row : wantedRows)
    row += int32_t(addedRows);
}

void Piece::takeWaiting(const Parked &parked, int32_t sequence) {
  clear();
  for (auto &[position, row] : parked.rowsOf(sequence))
    addRow(sequence, position, row);
  addedRows = int64_t(waiting.size());
  useOwn();
}

void Piece::useOwn() {
  tokens = ownTokens;
  sequences = ownSequences;
  positions = ownPositions;
}
