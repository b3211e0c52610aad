//===- Ops.h - one function per operation of the moe dialect ----*- C++ -*-===//
//
// MoeOps.td says what each means; these say it again in C++, with no thought
// of speed. Verified IR is taken for granted (attributes and static shapes);
// what only the data can get wrong (row counts, ids) is an error.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_REFERENCE_OPS_H
#define MOE_LIB_REFERENCE_OPS_H

#include "moe/Reference/Evaluator.h"
#include <optional>

namespace moe::reference {

// Rows.cpp
llvm::Expected<Matrix> embed(const Integers &tokens, const Matrix &table);
llvm::Expected<Matrix> pick(const Matrix &input, const Integers &rows);
Matrix norm(NormKind kind, const Matrix &input, const Matrix &scale,
            double epsilon, int64_t groups);
/// `bias` may be null.
Matrix linear(const Matrix &input, const Matrix &weight, const Matrix *bias);
llvm::Expected<Matrix> add(const Matrix &lhs, const Matrix &rhs);
Matrix clamp(const Matrix &input, double limit);

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
  const Matrix &gate, &up, &down;
  Activation activation;
};
/// `sharedGate` may be null.
Matrix mlp(const Matrix &input, const GatedWeights &weights,
           const Matrix *sharedGate);
struct Routing {
  Integers experts;
  Matrix weights;
};
llvm::Expected<Routing> route(const Matrix &logits, int64_t k, RouteScore score,
                              bool renormalize, double scale);
/// `expertCount` matrices lie one after the other in each of the weights.
llvm::Expected<Matrix> experts(const Matrix &input, const Integers &ids,
                               const Matrix &routeWeights,
                               const GatedWeights &weights,
                               int64_t expertCount);

// Pieces of the above.
double dot(const double *a, const double *b, int64_t n);
template <typename... Parts> llvm::Error failure(const Parts &...parts) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  (stream << ... << parts);
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

} // namespace moe::reference

#endif // MOE_LIB_REFERENCE_OPS_H
