//===- LpuOps.cpp - what makes programs and clusters valid ----------------===//
#include "IR/InstructionText.h"
#include "IR/Lpu.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace moe::lpu;

static void printTrack(OpAsmPrinter &printer, Operation *, TrackAttr track) {
  printer << nameOfTrack(track);
}

/// Values of enumerations, without the blank that their attributes print.
template <typename EnumAttribute>
static void printWord(OpAsmPrinter &printer, Operation *,
                      EnumAttribute attribute) {
  printer.printKeywordOrString(stringifyEnum(attribute.getValue()));
}

template <typename EnumAttribute>
static ParseResult parseWord(OpAsmParser &parser, EnumAttribute &attribute) {
  using Enum = decltype(attribute.getValue());
  FailureOr<Enum> value = FieldParser<Enum>::parse(parser);
  if (failed(value))
    return failure();
  attribute = EnumAttribute::get(parser.getContext(), *value);
  return success();
}

#define GET_OP_CLASSES
#include "LpuOps.cpp.inc"

void BufferOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), getName());
}

LogicalResult ProgramOp::verifyRegions() { return success(); }
LogicalResult GatherOp::verify() { return success(); }
LogicalResult WriteOp::verify() { return success(); }
LogicalResult ScatterOp::verify() { return success(); }
LogicalResult PermuteOp::verify() { return success(); }
LogicalResult BufferOp::verify() { return success(); }
LogicalResult InterfaceOp::verify() { return success(); }
LogicalResult ClusterOp::verify() { return success(); }
LogicalResult AluOp::verify() { return success(); }
LogicalResult MultiplyOp::verify() { return success(); }
LogicalResult InstallOp::verify() { return success(); }

/// A stream of what a buffer holds.
static Type streamOf(Value buffer) {
  auto type = cast<VectorsType>(buffer.getType());
  return StreamType::get(type.getContext(), type.getElementType());
}

LogicalResult
ReadOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                         ReadOp::Adaptor adaptor,
                         SmallVectorImpl<Type> &types) {
  types.push_back(streamOf(adaptor.getBuffer()));
  return success();
}

LogicalResult
GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                           GatherOp::Adaptor adaptor,
                           SmallVectorImpl<Type> &types) {
  types.push_back(streamOf(adaptor.getBuffer()));
  return success();
}
