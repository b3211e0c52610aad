//===- Encoding.h - from the command line to codes --------------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_ENCODING_H
#define MOE_LIB_DRIVER_ENCODING_H

#include "CommandLine.h"
#include "Progress.h"
#include "moe/Calibration/Calibration.h"
#include "moe/Container/CodedWeights.h"

namespace moe {

/// The text that --calibrate names, and the model run on it.
class CalibrationText {
public:
  /// Reads and tokenises; the model runs later, as rows are asked for.
  static llvm::Expected<std::unique_ptr<CalibrationText>>
  open(const CompileCommand &command, ModelOp model,
       llvm::StringRef tokenizerJson);

  std::string path, hash;
  std::unique_ptr<Calibration> calibration;
};

/// The text for --quantize that spends the bits that --bits allows.
llvm::Expected<std::string> spendBits(const CompileCommand &command,
                                      const Registry &registry, ModelOp model,
                                      Calibration *calibration);

/// Encodes the weights that the model stores as codes, beside the output.
llvm::Expected<std::unique_ptr<CodedWeights>>
encodeWeights(const CompileCommand &command, const Registry &registry,
              ModelOp model, const ParameterPlan &plan,
              const CalibrationText *calibration, Progress &progress);

/// Writes the report that the command asks for.
llvm::Error writeReport(const CompileCommand &command,
                        const ParameterPlan &plan, const CodedWeights &coded);

/// One line on standard output about a module that has codes.
void printBits(llvm::StringRef output, const ParameterPlan &plan);

} // namespace moe

#endif // MOE_LIB_DRIVER_ENCODING_H
