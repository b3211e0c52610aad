//===- Assembly.h - numbers as they are written in IR -----------*- C++ -*-===//
#ifndef MOE_DIALECT_MOE_IR_ASSEMBLY_H
#define MOE_DIALECT_MOE_IR_ASSEMBLY_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/OpImplementation.h"

namespace moe {

/// The shortest text of a number that reads back as the same float64, always
/// with a point: "0.1", "1.0e-06"; "inf", "-inf" and "nan" otherwise.
std::string realText(const llvm::APFloat &value);

// custom<Real>: an attribute of float64.
mlir::ParseResult parseReal(mlir::OpAsmParser &parser, mlir::FloatAttr &value);
void printReal(mlir::OpAsmPrinter &printer, mlir::Operation *op,
               mlir::FloatAttr value);

} // namespace moe

#endif // MOE_DIALECT_MOE_IR_ASSEMBLY_H
