//===- DecoderLayers.h - which decoder layer experts are of -----*- C++ -*-===//
#ifndef MOE_ANALYSIS_DECODERLAYERS_H
#define MOE_ANALYSIS_DECODERLAYERS_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/MapVector.h"

namespace moe {

/// Every moe.experts of the model, in the order of operations, with its decoder
/// layer: the number of attention operations before it, less one.
llvm::MapVector<mlir::Operation *, int64_t> getDecoderLayers(ModelOp model);

} // namespace moe

#endif // MOE_ANALYSIS_DECODERLAYERS_H
