//===- Evaluator.h - what moe IR means, slowly ------------------*- C++ -*-===//
//
// The oracle: every operation as a readable loop in float64. Lowerings are
// tested against it; nothing is shared with them.
//===----------------------------------------------------------------------===//
#ifndef MOE_REFERENCE_EVALUATOR_H
#define MOE_REFERENCE_EVALUATOR_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <variant>
#include <vector>

namespace moe::reference {

/// Rows of float64, row-major.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;
  double &at(int64_t r, int64_t c) { return values[r * columns + c]; }
  double at(int64_t r, int64_t c) const { return values[r * columns + c]; }
};

/// i32 values of rank 1 (columns = 1) or 2.
struct Integers {
  int64_t rows = 0, columns = 1;
  std::vector<int32_t> values;
};

/// Keys and values by (layer, sequence, position); a value: copies share until written.
struct KvState {
  struct Entry { std::vector<double> key, value; };
  using Table = std::map<std::tuple<int64_t, int32_t, int32_t>, Entry>;
  std::shared_ptr<const Table> table = std::make_shared<Table>();
};

using Value = std::variant<Matrix, Integers, KvState>;

/// Runs `function` of `model` on `arguments`; fails with the operation named.
llvm::Expected<std::vector<Value>> evaluate(ModelOp model, mlir::func::FuncOp function,
                                            std::vector<Value> arguments);

/// Logits [tokens, vocabulary] of one sequence from position 0.
llvm::Expected<Matrix> evaluateTokens(ModelOp model, llvm::ArrayRef<int32_t> tokens);

} // namespace moe::reference

#endif // MOE_REFERENCE_EVALUATOR_H
