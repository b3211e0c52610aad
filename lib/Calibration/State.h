//===- State.h - what a calibration keeps -----------------------*- C++ -*-===//
#ifndef MOE_LIB_CALIBRATION_STATE_H
#define MOE_LIB_CALIBRATION_STATE_H

#include "ModelRun.h"
#include "mlir/IR/OwningOpRef.h"
#include "moe/Calibration/Calibration.h"
#include <optional>

namespace moe {

struct Calibration::State {
  State(ModelOp model, Windows windows, const CalibrationOptions &options)
      : copy(model.clone()), data(model.getDirectory()),
        windows(std::move(windows)), workers(options.threads), options(options),
        uses(findUses(*copy)) {}

  /// What of the model the weight is, also if it is a clone of one.
  llvm::Expected<Use> findUse(WeightOp weight);
  /// Runs up to the operation; from the start, if it has run.
  llvm::Error advanceTo(mlir::Operation *op);
  /// How much an error in each row matters, 1 on average; once.
  llvm::Error weighRows();

  mlir::OwningOpRef<ModelOp> copy;
  WeightData data;
  Windows windows;
  Workers workers;
  CalibrationOptions options;
  llvm::StringMap<Use> uses;
  std::optional<ModelRun> run;
  std::vector<float> importance; ///< of rows; empty: not known, or not asked
};

} // namespace moe

#endif // MOE_LIB_CALIBRATION_STATE_H
