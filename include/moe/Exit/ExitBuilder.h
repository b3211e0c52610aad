//===- ExitBuilder.h - what exit policies are written with ------*- C++ -*-===//
#ifndef MOE_EXIT_EXITBUILDER_H
#define MOE_EXIT_EXITBUILDER_H

#include "moe/Exit/ExitPolicy.h"

namespace moe {

/// tensor<?x1xf32>: of `kind`, of rows of logits.
mlir::Value buildConfidence(mlir::ImplicitLocOpBuilder &builder,
                            Confidence kind, mlir::Value logits);

} // namespace moe

#endif // MOE_EXIT_EXITBUILDER_H
