//===- ExitHeads.h - what makes logits at exits -----------------*- C++ -*-===//
#ifndef MOE_EXIT_TRANSFORMS_EXITHEADS_H
#define MOE_EXIT_TRANSFORMS_EXITHEADS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Analysis/DecoderStack.h"

namespace moe {

/// Logits of all words from some rows of the residual stream.
using BuildHead = mlir::Value (*)(mlir::ImplicitLocOpBuilder &builder,
                                  DecoderStack &stack, mlir::Value rows);

/// The final norm and the head, as behind the last layer.
mlir::Value buildFullHead(mlir::ImplicitLocOpBuilder &builder,
                          DecoderStack &stack, mlir::Value rows);

/// Null for a light head. The error lists all names.
llvm::Expected<BuildHead> findExitHead(llvm::StringRef name);

} // namespace moe

#endif // MOE_EXIT_TRANSFORMS_EXITHEADS_H
