//===- ExitOptions.h - what options say about exits -------------*- C++ -*-===//
#ifndef MOE_LIB_PIPELINES_EXITOPTIONS_H
#define MOE_LIB_PIPELINES_EXITOPTIONS_H

#include "moe/Exit/Transforms/Passes.h"
#include "moe/Pipelines/Pipelines.h"

namespace moe {

/// The options about tokens that leave early, checked as far as that needs no
/// model.
class ExitOptions {
public:
  static llvm::Expected<ExitOptions> parse(const CompileOptions &options,
                                           const Registry &registry);

  /// Whether any token may leave.
  bool isLeaving() const;
  std::unique_ptr<mlir::Pass> createPass(const Registry &registry) const;

private:
  explicit ExitOptions(const CompileOptions &options) : options(&options) {}
  llvm::Error verifyNames(const Registry &registry) const;
  llvm::Error verifyUses(const Registry &registry) const;
  llvm::Error parseNumbers();

  const CompileOptions *options;
  llvm::SmallVector<int64_t> layers;
  llvm::SmallVector<double> thresholds;
};

} // namespace moe

#endif // MOE_LIB_PIPELINES_EXITOPTIONS_H
