//===- Attention.cpp - what rotary positions and attention demand ---------===//
#include "moe/Dialect/MoE/IR/Verify.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// RopeOp
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  // rope_c1
  if (failed(verifyParts(*this, "heads", getHeads(), getType())))
    return failure();
  // rope_c3
  return verifySameRows(
      *this, {{"input", getType()}, {"positions", getPositions().getType()}});
}

LogicalResult RopeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // rope_c2
  FailureOr<RopeTableOp> table =
      lookUp<RopeTableOp>(*this, symbols, {"table", getTableAttr()});
  if (failed(table))
    return failure();
  int64_t features = getFeatures(getType()) / int64_t(getHeads());
  int64_t turned = 2 * int64_t(table->getFrequencies().size());
  if (turned <= features)
    return success();
  InFlightDiagnostic error = emitOpError();
  error << "table " << getTableAttr() << " turns " << turned
        << " features when a head has " << features;
  error.attachNote(table->getLoc()) << "declared here";
  return error;
}

//===----------------------------------------------------------------------===//
// KvAppendOp, AttentionOp
//===----------------------------------------------------------------------===//

static LogicalResult verifyLayer(Operation *op, int64_t layer, KvType kv) {
  if (layer >= 0 && layer < kv.getLayers())
    return success();
  return op->emitOpError() << "layer " << layer << " requested, the state has "
                           << kv.getLayers();
}

static LogicalResult verifyHeads(Operation *op, StringRef name,
                                 RankedTensorType rows, int64_t heads,
                                 KvType kv) {
  // Divides, because a product could overflow.
  int64_t features = getFeatures(rows);
  if (features % kv.getHeadDim() == 0 && features / kv.getHeadDim() == heads)
    return success();
  return op->emitOpError() << name << " have " << features
                           << " features when they should have " << heads
                           << " heads of " << kv.getHeadDim();
}

LogicalResult KvAppendOp::verify() {
  KvType kv = getType();
  // kv_append_c1
  if (failed(verifyLayer(*this, getLayer(), kv)))
    return failure();
  // kv_append_c2
  RankedTensorType keys = getKeys().getType();
  if (failed(verifyHeads(*this, "keys and values", keys, kv.getHeads(), kv)))
    return failure();
  // kv_append_c3
  return verifySameRows(
      *this, {{"keys", keys}, {"positions", getPositions().getType()}});
}

LogicalResult AttentionOp::verify() {
  KvType kv = getKv().getType();
  int64_t heads = getHeads();
  // attention_c1
  if (failed(verifyLayer(*this, getLayer(), kv)))
    return failure();
  // attention_c2
  if (heads < 1 || heads % kv.getHeads() != 0)
    return emitOpError() << "heads is " << heads
                         << " when it should be a positive multiple of "
                         << kv.getHeads();
  // attention_c3
  if (failed(verifyHeads(*this, "queries", getType(), heads, kv)))
    return failure();
  // attention_c4
  if (std::optional<int64_t> window = getWindow(); window && *window < 1)
    return emitOpError() << "window is " << *window
                         << " when it should be at least 1";
  // attention_c5
  if (failed(verifySameRows(*this, {{"queries", getType()},
                                    {"positions", getPositions().getType()}})))
    return failure();
  // attention_c6
  return verifyFinite(*this, "scale", getScale());
}
