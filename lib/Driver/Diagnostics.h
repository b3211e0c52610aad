//===- Diagnostics.h - MLIR's diagnostics as one line each ------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_DIAGNOSTICS_H
#define MOE_LIB_DRIVER_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"
#include <mutex>

namespace moe {

/// While it lives, keeps the first error, drops those that follow from it, and
/// prints warnings and remarks as `warning: <place>: <text>`.
class OneLineDiagnostics {
public:
  /// `file` stands for places that are unknown.
  OneLineDiagnostics(mlir::MLIRContext &context, llvm::StringRef file);

  /// The first error as `<place>: <text>`.
  llvm::Error takeError();

private:
  void handle(mlir::Diagnostic &diagnostic);

  std::string file, firstError;
  std::mutex mutex; ///< passes report from several threads
  mlir::ScopedDiagnosticHandler handler;
};

/// Text without line breaks.
std::string toOneLine(llvm::StringRef text);

} // namespace moe

#endif // MOE_LIB_DRIVER_DIAGNOSTICS_H
