//===- MoeOps.cpp - what moe operations have in common --------------------===//
//
// Verifiers are in Declarations, Rows, Attention and FeedForward.
//===----------------------------------------------------------------------===//
#include "moe/Dialect/MoE/IR/Moe.h"

#include "mlir/IR/Builders.h"
#include <charconv>

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// Numbers: the shortest text that reads back as the same float64
//===----------------------------------------------------------------------===//

static ParseResult parseReal(OpAsmParser &parser, FloatAttr &value) {
  return parser.parseAttribute(value, parser.getBuilder().getF64Type());
}

static void printReal(OpAsmPrinter &printer, Operation *, FloatAttr value) {
  // Infinities and NaNs have no decimal form.
  if (!value.getValue().isFinite())
    return printer.printAttributeWithoutType(value);
  char buffer[32];
  char *end = std::to_chars(buffer, std::end(buffer), value.getValueAsDouble()).ptr;
  StringRef text(buffer, end - buffer);
  // The syntax of MLIR wants a point: 1e-06 is written 1.0e-06.
  StringRef digits = text.take_until([](char c) { return c == '.' || c == 'e'; });
  StringRef rest = text.drop_front(digits.size());
  printer << digits << (rest.starts_with(".") ? "" : ".0") << rest;
}

static ParseResult parseReals(OpAsmParser &parser, ArrayAttr &values) {
  return parser.parseAttribute(values);
}

static void printReals(OpAsmPrinter &printer, Operation *op, ArrayAttr values) {
  printer << "[";
  llvm::interleaveComma(values.getAsRange<FloatAttr>(), printer,
                        [&](FloatAttr value) { printReal(printer, op, value); });
  printer << "]";
}

#define GET_OP_CLASSES
#include "moe/Dialect/MoE/IR/MoeOps.cpp.inc"
