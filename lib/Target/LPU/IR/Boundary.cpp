//===- Boundary.cpp - where a program is cut ------------------------------===//
#include "IR/Lpu.h"

using namespace mlir;
using namespace moe::lpu;

// (boundary_c1)
LogicalResult BoundaryOp::verify() {
  Value score = getScore();
  if (!score)
    return success();
  auto type = cast<VectorsType>(score.getType());
  auto buffer = score.getDefiningOp<BufferOp>();
  bool isOutput = buffer && buffer.getKind() == BufferKind::Output;
  if (isOutput && type.getCount() == 1 && type.getElementType().isF32())
    return success();
  return emitOpError() << "has a score of " << type.getCount() << " vectors of "
                       << type.getElementType() << " in "
                       << (buffer ? stringifyBufferKind(buffer.getKind())
                                  : "no")
                       << " buffer, must be 1 of f32 in output buffer";
}
