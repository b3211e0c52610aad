//===- ModelRun.h - @forward of a text, one operation at a time -*- C++ -*-===//
#ifndef MOE_LIB_CALIBRATION_MODELRUN_H
#define MOE_LIB_CALIBRATION_MODELRUN_H

#include "Products.h"
#include "Rows.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <memory>

namespace moe {

/// Windows of tokens, each a sequence from position 0; row r is token r.
struct Windows {
  std::vector<int32_t> tokens;
  int64_t window = 0;
  std::vector<int32_t> wanted; ///< rows whose logits are computed
};

/// What of an operation a weight is.
enum class Role { Weight, Gate, Up, Down, SharedGate };
struct Use {
  mlir::Operation *op = nullptr;
  Role role = Role::Weight;
};

/// How far a model has run. A copy goes its own way; values are shared.
///
/// Codes, rotations and moe.quantize are looked through: rows and weights are
/// those of the model before it was marked.
class ModelRun {
public:
  /// All must outlive the run. Fails with what @forward has that a text does
  /// not show: other functions, or rows that are not those of the batch.
  static llvm::Expected<ModelRun> create(ModelOp model, const Windows &windows,
                                         WeightData &data, Workers &workers);

  /// Runs all operations before `op`; none if they have run.
  llvm::Error advanceTo(mlir::Operation *op);
  /// Whether `op` has run, so that its operands may be gone.
  bool isPast(mlir::Operation *op) const;
  /// Runs all; the logits of the wanted rows.
  llvm::Expected<std::shared_ptr<const Rows>> finish();

  /// Rows that matrix `matrix` of the weight in `use` multiplies; the
  /// operations before it have run. Unless `importance` is empty, row r of the
  /// batch is scaled by its root, and an expert's by its weight.
  llvm::Expected<Rows> getInputs(Use use, int64_t matrix,
                                 llvm::ArrayRef<float> importance);
  /// How uncertain the next token of each row is: 1 - sum of squares of all
  /// tokens' probabilities. Runs all.
  llvm::Expected<std::vector<float>> getUncertainty();

  void setPerturbation(Perturbation perturbation) {
    reader.perturbation = std::move(perturbation);
  }

  /// For the experts that a router chose from, which were chosen, of all
  /// routers so far.
  const llvm::DenseMap<mlir::Value, std::vector<bool>> &getReached() const {
    return reached;
  }

private:
  using RowsPtr = std::shared_ptr<const Rows>;
  ModelRun(ModelOp model, mlir::func::FuncOp forward, const Windows &windows,
           WeightData &data, Workers &workers);

  llvm::Error runNext();
  llvm::Error checkRows(mlir::Operation *op) const;
  llvm::Expected<Rows> getExpertInputs(ExpertsOp op, Role role, int64_t expert,
                                       llvm::ArrayRef<float> importance);
  llvm::Expected<Rows> run(EmbedOp op);
  llvm::Expected<Rows> run(PickOp op);
  llvm::Expected<Rows> run(NormOp op);
  llvm::Expected<Rows> run(LinearOp op);
  llvm::Expected<Rows> run(AddOp op);
  llvm::Expected<Rows> run(ClampOp op);
  llvm::Expected<Rows> run(RopeOp op);
  llvm::Expected<Rows> run(AttentionOp op);
  llvm::Expected<Rows> run(RouteOp op);
  llvm::Expected<Rows> run(MlpOp op);
  llvm::Expected<Rows> run(ExpertsOp op);

  WeightOp weight(mlir::FlatSymbolRefAttr symbol);
  llvm::Expected<std::vector<float>> vector(mlir::FlatSymbolRefAttr symbol);
  llvm::Expected<Rows> product(const Rows &in, mlir::FlatSymbolRefAttr symbol,
                               int64_t matrix = 0);
  const Rows &rows(mlir::Value value) const { return *values.lookup(value); }
  /// act(gate x) * (up x).
  template <typename OpT>
  llvm::Expected<Rows> hidden(OpT op, const Rows &in, int64_t matrix);

  ModelOp model;
  mlir::func::FuncOp forward;
  const Windows *windows;
  Workers *workers;
  WeightReader reader;
  mlir::Block::iterator next;
  llvm::DenseMap<mlir::Value, RowsPtr> values;
  llvm::DenseMap<mlir::Value, std::shared_ptr<const Choice>> choices;
  llvm::DenseMap<mlir::Value, std::vector<bool>> reached;
  llvm::DenseMap<mlir::Value, mlir::Operation *> lastUser;
};

/// The first use of each weight that multiplies rows.
llvm::StringMap<Use> findUses(ModelOp model);

} // namespace moe

#endif // MOE_LIB_CALIBRATION_MODELRUN_H
