//===- Attention.cpp - rotary positions, key/value state, attention -------===//
#include "Ops.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Parallel.h"
#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

/// Every row needs a sequence, a position and so on.
static Error checkRows(const Matrix &rows, const Integers &numbers,
                       StringRef what) {
  if (rows.rows == numbers.rows)
    return Error::success();
  return failure("there are ", rows.rows, " rows and ", numbers.rows, " ",
                 what);
}

Expected<Matrix> reference::rope(const Matrix &input, const Integers &positions,
                                 const RopeTable &table, int64_t heads) {
  if (Error error = checkRows(input, positions, "positions"))
    return std::move(error);
  Matrix result = input;
  int64_t headSize = input.columns / heads;
  int64_t pairs = int64_t(table.frequencies.size());
  for (int64_t r = 0; r < input.rows; ++r) {
    for (int64_t i = 0; i < pairs; ++i) {
      double angle = double(positions.values[r]) * table.frequencies[i];
      double c = std::cos(angle), s = std::sin(angle);
      bool half = table.layout == RopeLayout::Half;
      int64_t first = half ? i : 2 * i, second = half ? i + pairs : 2 * i + 1;
      for (int64_t h = 0; h < heads; ++h) {
        double a = input.at(r, h * headSize + first);
        double b = input.at(r, h * headSize + second);
        result.at(r, h * headSize + first) = table.gain * (a * c - b * s);
        result.at(r, h * headSize + second) = table.gain * (b * c + a * s);
      }
    }
  }
  return result;
}

/// What the state keeps of a number. An f32 state is of the activations' own
/// type, which is float64 here; a smaller one loses digits by intention.
static double stored(double value, mlir::Type type) {
  auto floatType = cast<mlir::FloatType>(type);
  if (floatType.getWidth() >= 32)
    return value;
  APFloat rounded(value);
  bool losesInfo;
  rounded.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  return rounded.convertToDouble();
}

Expected<KvState> reference::kvAppend(const Matrix &keys, const Matrix &values,
                                      KvState kv, KvType type, int64_t layer,
                                      const Integers &sequences,
                                      const Integers &positions) {
  if (Error error = checkRows(keys, sequences, "sequences"))
    return std::move(error);
  if (Error error = checkRows(keys, positions, "positions"))
    return std::move(error);
  if (keys.rows != values.rows)
    return failure("there are ", keys.rows, " keys and ", values.rows,
                   " values");
  // With one owner nobody sees the change: a prompt evaluated token by token
  // would otherwise copy all earlier ones each time.
  std::shared_ptr<KvState::Table> table =
      kv.table.use_count() == 1
          ? std::const_pointer_cast<KvState::Table>(std::move(kv.table))
          : std::make_shared<KvState::Table>(*kv.table);
  for (int64_t r = 0; r < keys.rows; ++r) {
    KvState::Entry entry;
    for (int64_t c = 0; c < keys.columns; ++c) {
      entry.key.push_back(stored(keys.at(r, c), type.getElementType()));
      entry.value.push_back(stored(values.at(r, c), type.getElementType()));
    }
    (*table)[{layer, sequences.values[r], positions.values[r]}] =
        std::move(entry);
  }
  kv.table = std::move(table);
  return kv;
}

/// softmax_p(scale * query . key[p]) value[p] of one head over [begin, end);
/// `offset` is where the head lies in the entries.
static void attend(const double *query, KvState::Table::const_iterator begin,
                   KvState::Table::const_iterator end, int64_t offset,
                   int64_t headSize, double scale, double *result) {
  std::vector<double> scores;
  for (auto entry = begin; entry != end; ++entry)
    scores.push_back(scale *
                     dot(query, entry->second.key.data() + offset, headSize));
  double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - largest);
  auto score = scores.begin();
  for (auto entry = begin; entry != end; ++entry, ++score)
    for (int64_t i = 0; i < headSize; ++i)
      result[i] += *score / sum * entry->second.value[offset + i];
}

Expected<Matrix> reference::attention(const Matrix &queries, const KvState &kv,
                                      KvType type, int64_t layer,
                                      const Integers &sequences,
                                      const Integers &positions, int64_t heads,
                                      double scale,
                                      std::optional<int64_t> window) {
  if (Error error = checkRows(queries, sequences, "sequences"))
    return std::move(error);
  if (Error error = checkRows(queries, positions, "positions"))
    return std::move(error);
  int64_t headSize = type.getHeadDim();
  int64_t headsPerKvHead = heads / type.getHeads();
  using Entry = KvState::Table::const_iterator;
  std::vector<std::pair<Entry, Entry>> seen;
  for (int64_t r = 0; r < queries.rows; ++r) {
    int32_t sequence = sequences.values[r], last = positions.values[r];
    int64_t first = 0;
    if (window)
      first = std::max<int64_t>(0, int64_t(last) - *window + 1);
    auto begin = kv.table->lower_bound({layer, sequence, int32_t(first)});
    auto end = kv.table->upper_bound({layer, sequence, last});
    if (begin == end || int64_t(last) < first)
      return failure("row ", r, " sees none of the positions ", first, " to ",
                     last, " of sequence ", sequence);
    seen.push_back({begin, end});
  }
  Matrix result = Matrix::zeros(queries.rows, queries.columns);
  parallelFor(0, queries.rows, [&](size_t r) {
    for (int64_t h = 0; h < heads; ++h)
      attend(queries.row(r) + h * headSize, seen[r].first, seen[r].second,
             h / headsPerKvHead * headSize, headSize, scale,
             result.row(r) + h * headSize);
  });
  return result;
}
