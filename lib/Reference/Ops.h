//===- Ops.h - one function per operation that computes ---------*- C++ -*-===//
//
// The dialects' .td say what each means; these say it again in C++, with no thought
// of speed. Verified IR is taken for granted (attributes and static shapes);
// what only the data can get wrong (row counts, ids) is an error.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_REFERENCE_OPS_H
#define MOE_LIB_REFERENCE_OPS_H

#include "Weights.h"
#include <optional>

namespace moe::reference {

// Rows.cpp
llvm::Expected<Matrix> embed(const Integers &tokens, const Matrix &table);
llvm::Expected<Matrix> pick(const Matrix &input, const Integers &rows);
llvm::Expected<Integers> pick(const Integers &input, const Integers &rows);
llvm::Expected<Matrix> place(const Matrix &input, const Integers &rows,
                             Matrix into);
Matrix norm(NormKind kind, const Matrix &input, const Matrix &scale,
            double epsilon, int64_t groups);
llvm::Expected<Matrix> add(const Matrix &lhs, const Matrix &rhs);
Matrix clamp(const Matrix &input, double limit);

// Product.cpp
/// input * weight^T; both are plain, or the input quantised and the weight
/// coded.
Matrix multiply(const Value &input, const WeightMatrix &weight);
/// `bias` may be null.
Matrix linear(const Value &input, const WeightMatrix &weight,
              const Matrix *bias);

// Quantize.cpp
/// With a rotation, blocks of that many features are rotated before.
llvm::Expected<QuantizedRows> quantize(const Matrix &input, int64_t rotation);
/// `rotation` is that of the levels.
Matrix dequantize(const QuantizedRows &input, int64_t rotation);

// Attention.cpp
struct RopeTable {
  RopeLayout layout;
  std::vector<double> frequencies;
  double gain;
};
llvm::Expected<Matrix> rope(const Matrix &input, const Integers &positions,
                            const RopeTable &table, int64_t heads);
/// Takes the state by value: the last owner's table is changed in place.
llvm::Expected<KvState> kvAppend(const Matrix &keys, const Matrix &values,
                                 KvState kv, KvType type, int64_t layer,
                                 const Integers &sequences,
                                 const Integers &positions);
llvm::Expected<Matrix> attention(const Matrix &queries, const KvState &kv,
                                 KvType type, int64_t layer,
                                 const Integers &sequences,
                                 const Integers &positions, int64_t heads,
                                 double scale, std::optional<int64_t> window);

// FeedForward.cpp
struct GatedWeights {
  WeightReader::Handle gate, up, down;
  Activation activation;
};
/// `sharedGate` and what it multiplies may be null.
llvm::Expected<Matrix> mlp(const Value &input, const GatedWeights &weights,
                           const Matrix *sharedGate, const Matrix *gateInput);
struct Routing {
  Integers experts;
  Matrix weights;
};
llvm::Expected<Routing> route(const Matrix &logits, int64_t k, RouteScore score,
                              bool renormalize, double scale);
/// Asks for the weights of one expert after the other, of those that are
/// chosen.
llvm::Expected<Matrix>
experts(const Value &input, const Integers &ids, const Matrix &routeWeights,
        int64_t expertCount, int64_t features,
        llvm::function_ref<llvm::Expected<GatedWeights>(int64_t)> getExpert);

// LeavingEarly.cpp
/// Rows of a ragged batch, and the state that keeps some of them; null: rows that
/// leave do not wait.
struct BatchRows {
  const Integers &sequences, &positions;
  const KvState *kv;

  int64_t getRows() const { return sequences.rows; }
  /// What the state keeps of a row; null if it does not wait.
  const KvState::Parked *findParked(int64_t row) const {
    return kv ? kv->findParked(sequences.values[row], positions.values[row])
              : nullptr;
  }
};
struct Batch : BatchRows {
  const Integers &wanted; ///< row of each entry
};
struct Entered {
  Integers running, due, asking;
};
llvm::Expected<Entered> enter(const Batch &batch, const ExitControl &control);
struct ExitSite {
  double threshold;
  int64_t layers;
};
struct ExitRows {
  Integers running, gone, due, kept, leaving;
};
llvm::Expected<ExitRows> leave(const ExitSite &site, const Batch &batch,
                               const Matrix &scores, const Integers &asking,
                               const Integers &running, const Integers &due,
                               const ExitControl &control);
llvm::Expected<Matrix> resume(Matrix input, const BatchRows &batch);
/// `layers` that made the features of each row.
llvm::Expected<KvState> park(const Matrix &input, const Integers &gone,
                             const BatchRows &batch,
                             llvm::ArrayRef<int64_t> layers);

// Scores.cpp
llvm::Expected<Matrix> confidence(Confidence kind, const Matrix &logits);
llvm::Expected<Matrix> similarity(const Matrix &lhs, const Matrix &rhs);
Integers best(const Matrix &input);
/// What was before may be null, both.
llvm::Expected<Matrix> streak(const Integers &best, const Integers *before,
                              const Matrix *streakBefore);
llvm::Expected<Matrix> logistic(llvm::ArrayRef<const Matrix *> features,
                                llvm::ArrayRef<double> weights, double bias);

// Shortlist.cpp
llvm::Expected<Matrix> surplus(const Matrix &inside, const Matrix &outside,
                               const Matrix &slack, const Matrix &features,
                               const Matrix &near);
struct Certainty {
  Integers certain, unsure;
};
Certainty certain(const Matrix &surplus, bool wholeDistributions);
Matrix spread(const Matrix &input, llvm::ArrayRef<int32_t> columns,
              int64_t width);

// Predictions.cpp
llvm::Expected<Matrix> distribution(const Matrix &logits);
/// Without weights, by the peaks of the rows.
llvm::Expected<Matrix> blend(llvm::ArrayRef<const Matrix *> scores,
                             std::optional<llvm::ArrayRef<double>> weights);
struct Prediction {
  Integers experts;
  Matrix confidence;
};
llvm::Expected<Prediction> predict(const Matrix &scores, int64_t count,
                                   int64_t chosen, double slope, double bias);

// Pieces of the above.
double sigmoid(double x);
/// In place: exp(x - max) / sum.
void softmax(llvm::MutableArrayRef<double> values);
/// Numbers of the k largest scores, largest first, equal ones by number.
std::vector<int32_t> topK(llvm::ArrayRef<double> scores, int64_t k);
double dot(const double *a, const double *b, int64_t n);
/// Of a value that has rows.
int64_t getRows(const Value &value);

} // namespace moe::reference

#endif // MOE_LIB_REFERENCE_OPS_H
