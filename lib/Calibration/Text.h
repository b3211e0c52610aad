//===- Text.h - a text becomes windows of tokens ----------------*- C++ -*-===//
#ifndef MOE_LIB_CALIBRATION_TEXT_H
#define MOE_LIB_CALIBRATION_TEXT_H

#include "ModelRun.h"
#include "moe/Calibration/Calibration.h"

namespace moe {

/// By the tokenizer that the module will hold; `origin` starts messages.
llvm::Expected<std::vector<int32_t>> tokenize(llvm::StringRef tokenizerJson,
                                              llvm::StringRef text,
                                              llvm::StringRef origin);

/// Fails if there is not one whole window.
llvm::Expected<Windows> cutIntoWindows(ModelOp model,
                                       llvm::ArrayRef<int32_t> tokens,
                                       const CalibrationOptions &options);

/// `count` of `all`, spread evenly.
std::vector<int64_t> spread(int64_t all, int64_t count);

} // namespace moe

#endif // MOE_LIB_CALIBRATION_TEXT_H
