//===- DecoderLayers.cpp - counts attention in front of experts -----------===//
#include "moe/Analysis/DecoderLayers.h"

using namespace mlir;
using namespace moe;

llvm::MapVector<Operation *, int64_t> moe::getDecoderLayers(ModelOp model) {
  llvm::MapVector<Operation *, int64_t> layers;
  int64_t layer = -1;
  model.walk([&](Operation *op) {
    if (isa<AttentionOp>(op))
      ++layer;
    else if (isa<ExpertsOp>(op))
      layers[op] = layer;
  });
  return layers;
}
