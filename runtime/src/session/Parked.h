//===- Parked.h - rows that left early, and wait ----------------*- C++ -*-===//
#ifndef MOERT_SESSION_PARKED_H
#define MOERT_SESSION_PARKED_H

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace moert {

/// A row whose layers behind an exit have not run.
struct ParkedRow {
  int32_t token;
  int32_t layers;              ///< that have run
  std::vector<float> features; ///< which these made
};

/// The rows of each sequence that wait, by position.
class Parked {
public:
  using Rows = std::map<int32_t, ParkedRow>;
  /// Most that wait when a batch begins. One that goes deep takes them along,
  /// so it must not become too slow, and the workspace has room for as many.
  static constexpr int64_t most = 256;

  explicit Parked(int64_t sequences) : sequences(size_t(sequences)) {}

  const Rows &rowsOf(int32_t sequence) const {
    return sequences[size_t(sequence)];
  }
  /// Null if that position does not wait.
  const ParkedRow *find(int32_t sequence, int32_t position) const;
  void keep(int32_t sequence, int32_t position, ParkedRow row);
  void drop(int32_t sequence, int32_t position);
  /// Those from a position on: what they attended to will be another token.
  void dropFrom(int32_t sequence, int32_t position);
  int64_t count() const { return rows; }
  /// The sequence with most rows that wait, the first of equal ones.
  int32_t fullest() const;

private:
  std::vector<Rows> sequences;
  int64_t rows = 0;
};

} // namespace moert

#endif // MOERT_SESSION_PARKED_H
