//===- Transfer.cpp - vectors that go from chip to chip -------------------===//
#include "IR/Lpu.h"

using namespace mlir;
using namespace moe::lpu;

LinkAttr TransferOp::getWire() {
  auto program = (*this)->getParentOfType<ProgramOp>();
  auto source = getSource().getDefiningOp<BufferOp>();
  if (!program || !source || !program.getLinksAttr())
    return {};
  int64_t chip = source.getChip(), link = getLink();
  for (auto wire : program.getLinksAttr().getAsRange<LinkAttr>()) {
    if (wire.getChipA() == chip && wire.getLinkA() == link)
      return wire;
    if (wire.getChipB() == chip && wire.getLinkB() == link)
      return LinkAttr::get(getContext(), chip, link, wire.getChipA(),
                           wire.getLinkA());
  }
  return {};
}

static LogicalResult verifyVector(TransferOp op, StringRef what, Value buffer,
                                  int64_t index) {
  int64_t count = cast<VectorsType>(buffer.getType()).getCount();
  if (index >= 0 && index < count)
    return success();
  return op.emitOpError() << what << " is vector " << index
                          << " of a buffer of " << count; // (transfer_c2)
}

LogicalResult TransferOp::verify() {
  auto source = getSource().getDefiningOp<BufferOp>();
  auto target = getTarget().getDefiningOp<BufferOp>();
  if (!source || !target)
    return emitOpError("goes from something that is no buffer, or to it");
  Type from = cast<VectorsType>(source.getType()).getElementType();
  Type into = cast<VectorsType>(target.getType()).getElementType();
  // (transfer_c1)
  if (from != into)
    return emitOpError() << "takes vectors of " << from << " to vectors of "
                         << into;
  BufferKind kind = target.getKind();
  if (llvm::is_contained(
          {BufferKind::Constant, BufferKind::Parameter, BufferKind::Text},
          kind))
    return emitOpError() << "writes to a " << stringifyBufferKind(kind)
                         << " buffer, which may only be read";
  if (failed(verifyVector(*this, "source", source, getFrom())) ||
      failed(verifyVector(*this, "target", target, getInto())))
    return failure();
  // (transfer_c3)
  LinkAttr wire = getWire();
  if (!wire)
    return emitOpError() << "goes over link " << getLink() << " of chip "
                         << source.getChip() << ", which no wire ends at";
  if (wire.getChipB() != int64_t(target.getChip()))
    return emitOpError() << "goes over link " << getLink() << " of chip "
                         << source.getChip() << ", which leads to chip "
                         << wire.getChipB() << ", its target is on chip "
                         << target.getChip();
  return success();
}
