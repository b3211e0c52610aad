//===- MoeOps.cpp - what moe operations have in common --------------------===//
//
// Verifiers are in Declarations, Rows, Attention and FeedForward.
//===----------------------------------------------------------------------===//
#include "moe/Dialect/MoE/IR/Assembly.h"
#include "moe/Dialect/MoE/IR/Verify.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// Assembly of float64 attributes
//===----------------------------------------------------------------------===//

ParseResult moe::parseReal(OpAsmParser &parser, FloatAttr &value) {
  return parser.parseAttribute(value, parser.getBuilder().getF64Type());
}

void moe::printReal(OpAsmPrinter &printer, Operation *, FloatAttr value) {
  printer << realText(value.getValue());
}

static ParseResult parseReals(OpAsmParser &parser, ArrayAttr &values) {
  return parser.parseAttribute(values);
}

static void printReals(OpAsmPrinter &printer, Operation *op, ArrayAttr values) {
  printer << "[";
  llvm::interleaveComma(
      values.getAsRange<FloatAttr>(), printer,
      [&](FloatAttr value) { printReal(printer, op, value); });
  printer << "]";
}

//===----------------------------------------------------------------------===//
// Names of values
//===----------------------------------------------------------------------===//

/// What a weight makes is called after its part and layer: `layers.3.q` gives
/// `q.3`, `layers.3.experts.gate` gives `experts.3`. Other symbols give
/// `other`.
static std::string nameAfter(StringRef symbol, StringRef other) {
  auto [layers, rest] = symbol.split('.');
  auto [layer, path] = rest.split('.');
  StringRef part = path.split('.').first;
  unsigned number;
  if (part.empty() || layer.getAsInteger(10, number))
    return other.str();
  return (part + "." + layer).str();
}

#define GET_OP_CLASSES
#include "moe/Dialect/MoE/IR/MoeOps.cpp.inc"
