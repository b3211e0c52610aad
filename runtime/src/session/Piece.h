//===- Piece.h - the rows of one forward ------------------------*- C++ -*-===//
#ifndef MOERT_SESSION_PIECE_H
#define MOERT_SESSION_PIECE_H

#include "moert/moert.h"
#include "session/Exits.h"
#include "session/Parked.h"
#include <span>
#include <vector>

namespace moert {

/// Some rows of a caller's batch, and in front of them those of their sequences
/// that wait.
class Piece {
public:
  /// Rows [begin, end) of a batch, of which the wanted ones begin at entry
  /// `firstEntry`.
  void take(const moert_batch_t &batch, int64_t begin, int64_t end,
            int64_t firstEntry);
  /// What the rows are about to overwrite is computed no longer.
  void overwrite(std::vector<int64_t> *computed) const;
  /// The same where rows may wait: finds those that do, and puts all that
  /// wait before them in front. Drops what the others make wrong.
  void addWaiting(Parked *parked, std::vector<int64_t> *computed);
  /// All rows of a sequence that wait, and nothing else.
  void takeWaiting(const Parked &parked, int32_t sequence);

  int64_t rows() const { return int64_t(sequences.size()); }
  int64_t entries() const { return int64_t(wantedRows.size()); }
  /// Rows in front that are not the caller's.
  int64_t added() const { return addedRows; }

  std::span<const int32_t> tokens, sequences, positions; ///< [rows]
  std::vector<int32_t> wantedRows;                       ///< of each entry
  std::vector<int32_t> waiting;                          ///< ExitBatch::waiting
  std::vector<std::span<const float>> features;

private:
  void findWaiting(Parked *parked, std::vector<int64_t> *computed);
  void useOwn();
  void addRow(int32_t sequence, int32_t position, const ParkedRow &row);
  void clear();

  int64_t addedRows = 0;
  std::vector<int32_t> first; ///< position of each sequence in the piece
  std::vector<char> anew;     ///< whether one of its rows runs from the start
  std::vector<int32_t> ownTokens, ownSequences, ownPositions;
};

} // namespace moert

#endif // MOERT_SESSION_PIECE_H
