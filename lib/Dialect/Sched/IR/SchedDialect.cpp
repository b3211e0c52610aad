//===- SchedDialect.cpp - the sched dialect and its types -----------------===//
#include "moe/Dialect/Sched/IR/Sched.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "moe/Dialect/MoE/IR/Assembly.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe::sched;

#include "moe/Dialect/Sched/IR/SchedDialect.cpp.inc"

//===----------------------------------------------------------------------===//
// Assembly of lists of float64
//===----------------------------------------------------------------------===//

static ParseResult parseReals(OpAsmParser &parser, DenseF64ArrayAttr &values) {
  SmallVector<double> list;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseFloat(list.emplace_back());
      }))
    return failure();
  values = parser.getBuilder().getDenseF64ArrayAttr(list);
  return success();
}

static void printReals(OpAsmPrinter &printer, Operation *,
                       DenseF64ArrayAttr values) {
  printer << "[";
  llvm::interleaveComma(values.asArrayRef(), printer, [&](double value) {
    printer << moe::realText(APFloat(value));
  });
  printer << "]";
}

/// A list, or the word `peaks` where there is none.
static ParseResult parseWeights(OpAsmParser &parser,
                                DenseF64ArrayAttr &values) {
  if (succeeded(parser.parseOptionalKeyword("peaks")))
    return success();
  return parseReals(parser, values);
}

static void printWeights(OpAsmPrinter &printer, Operation *op,
                         DenseF64ArrayAttr values) {
  if (values)
    printReals(printer, op, values);
  else
    printer << "peaks";
}

#define GET_TYPEDEF_CLASSES
#include "moe/Dialect/Sched/IR/SchedTypes.cpp.inc"

#define GET_OP_CLASSES
#include "moe/Dialect/Sched/IR/SchedOps.cpp.inc"

void SchedDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "moe/Dialect/Sched/IR/SchedTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "moe/Dialect/Sched/IR/SchedOps.cpp.inc"
      >();
}
