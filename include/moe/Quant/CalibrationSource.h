//===- CalibrationSource.h - what meets a weight's columns ------*- C++ -*-===//
#ifndef MOE_QUANT_CALIBRATIONSOURCE_H
#define MOE_QUANT_CALIBRATIONSOURCE_H

#include "moe/Quant/Encoder.h"

namespace moe {

/// Where the encoder of a model asks for inputs. Weights are asked for in the
/// order of ParameterPlan, so that a source may run the model operation by
/// operation and keep only one operation's rows.
class CalibrationSource {
public:
  virtual ~CalibrationSource() = default;
  /// Rows that matrix `matrix` of the weight multiplies, over the calibration
  /// text: for an expert, the rows routed to it; 0 rows if none were.
  virtual llvm::Expected<InputRows> getInputs(WeightOp weight,
                                              int64_t matrix) = 0;
};

} // namespace moe

#endif // MOE_QUANT_CALIBRATIONSOURCE_H
