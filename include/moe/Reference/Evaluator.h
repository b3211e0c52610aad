//===- Evaluator.h - what moe IR means, slowly ------------------*- C++ -*-===//
//
// The oracle: every operation as a readable loop in float64, but for what the
// dialect states to the bit: quantising rows is in float32, and sums of
// products of levels are exact integers. Lowerings are tested against it;
// nothing is shared with them.
//===----------------------------------------------------------------------===//
#ifndef MOE_REFERENCE_EVALUATOR_H
#define MOE_REFERENCE_EVALUATOR_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Quant/QuantScheme.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace moe::reference {

/// Rows of float64, row-major. A weight of rank 1 is a single row.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;

  static Matrix zeros(int64_t rows, int64_t columns) {
    return {rows, columns, std::vector<double>(rows * columns)};
  }
  double &at(int64_t r, int64_t c) { return values[r * columns + c]; }
  double at(int64_t r, int64_t c) const { return values[r * columns + c]; }
  double *row(int64_t r) { return values.data() + r * columns; }
  const double *row(int64_t r) const { return values.data() + r * columns; }
};

/// i32 values of rank 1 (columns = 1) or 2.
struct Integers {
  int64_t rows = 0, columns = 1;
  std::vector<int32_t> values;
};

/// Keys and values by (layer, sequence, position), and rows that wait by
/// (sequence, position); a value: copies share until written.
struct KvState {
  struct Entry {
    std::vector<double> key, value;
  };
  using Table = std::map<std::tuple<int64_t, int32_t, int32_t>, Entry>;
  std::shared_ptr<const Table> table = std::make_shared<Table>();

  /// A row that left: what it was when it did.
  struct Parked {
    int64_t layers = 0; ///< that have run
    std::vector<double> features;
  };
  using ParkedRows = std::map<std::pair<int32_t, int32_t>, Parked>;
  std::shared_ptr<const ParkedRows> parked = std::make_shared<ParkedRows>();

  /// Null where no row waits.
  const Parked *findParked(int32_t sequence, int32_t position) const {
    auto found = parked->find({sequence, position});
    return found == parked->end() ? nullptr : &found->second;
  }
};

/// Rows of 8-bit levels, row-major, each row with one scale.
struct QuantizedRows {
  int64_t rows = 0, columns = 0;
  std::vector<int8_t> levels;
  std::vector<float> scales;
};

/// A fetch of experts. All of them are always there.
struct Token {};

using Value = std::variant<Matrix, Integers, KvState, QuantizedRows, Token>;

/// Whether entries ask at exits. If none does, all rows run through all layers.
enum class Exits { On, Off };

/// What a caller changes of who leaves at the exits of a model.
struct ExitControl {
  Exits exits = Exits::On;
  /// Least score that leaves, at every exit in place of its own.
  std::optional<double> threshold;
  /// For each entry the layers after which it leaves, whatever its score, at the
  /// first exit behind so many or more; 0: by its score; negative: it does not
  /// ask. Empty: all by score.
  std::vector<int64_t> leaveAfter;
  /// Whether somebody wants more than the best word of each entry: then a
  /// shortlist suffices for none.
  bool wholeDistributions = false;
};

struct EvaluatorOptions {
  /// How well weights that are stored as codes are encoded.
  Effort effort = Effort::Normal;
  /// Whether weights stay in memory for the next operation that names them.
  bool keepWeights = true;
  ExitControl exits = {};
};

/// Runs functions of one model. Weights are read when first used, the experts
/// of a bank one by one. Results do not depend on the number of threads.
class Evaluator {
public:
  /// Called with every result of every operation of the model's functions, in
  /// the order of evaluation: where a lowering first differs, or what the
  /// router chose, can be seen without changing the IR.
  using Observer = std::function<void(mlir::OpResult, const Value &)>;

  explicit Evaluator(ModelOp model, Observer onResult = nullptr,
                     EvaluatorOptions options = {});
  ~Evaluator();

  /// Fails with the operation named.
  llvm::Expected<std::vector<Value>> evaluate(mlir::func::FuncOp function,
                                              std::vector<Value> arguments);

  /// Logits [tokens, vocabulary] of one sequence from position 0.
  llvm::Expected<Matrix> evaluateTokens(llvm::ArrayRef<int32_t> tokens);

  /// For the calls that follow.
  void setExits(ExitControl control) { exits = std::move(control); }

  /// Of each entry of the last batch that came to a `moe.enter`: the layers
  /// whose features its logits were made of; -1 of a row that waits, and has no
  /// logits.
  llvm::ArrayRef<int64_t> getLayersRun() const { return layersRun; }

private:
  friend class Frame;

  ModelOp model;
  Observer onResult;
  ExitControl exits;
  std::vector<int64_t> layersRun;
  std::unique_ptr<class WeightReader> weights;
  int depth = 0; ///< of calls
};

/// One call with an evaluator of its own.
llvm::Expected<std::vector<Value>> evaluate(ModelOp model,
                                            mlir::func::FuncOp function,
                                            std::vector<Value> arguments,
                                            EvaluatorOptions options = {});
llvm::Expected<Matrix> evaluateTokens(ModelOp model,
                                      llvm::ArrayRef<int32_t> tokens,
                                      EvaluatorOptions options = {});

} // namespace moe::reference

#endif // MOE_REFERENCE_EVALUATOR_H
