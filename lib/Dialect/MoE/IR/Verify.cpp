//===- Verify.cpp - checks that several operations share ------------------===//
#include "moe/Dialect/MoE/IR/Verify.h"
#include "moe/Dialect/MoE/IR/Assembly.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include <charconv>

using namespace mlir;
using namespace moe;

template <typename DeclarationT>
FailureOr<DeclarationT>
moe::lookUp(Operation *op, SymbolTableCollection &symbols, SymbolUse use) {
  Operation *symbol = symbols.lookupNearestSymbolFrom(op, use.symbol);
  if (!symbol)
    return op->emitOpError()
           << use.role << " " << use.symbol << " is not declared in the model";
  if (auto declaration = dyn_cast<DeclarationT>(symbol))
    return declaration;
  InFlightDiagnostic error = op->emitOpError();
  error << use.role << " " << use.symbol << " is a " << symbol->getName()
        << " when it should be a " << DeclarationT::getOperationName();
  error.attachNote(symbol->getLoc()) << "declared here";
  return error;
}

template FailureOr<WeightOp> moe::lookUp(Operation *, SymbolTableCollection &,
                                         SymbolUse);
template FailureOr<RopeTableOp> moe::lookUp(Operation *,
                                            SymbolTableCollection &, SymbolUse);

/// "8x6x?" for (8, 6, any).
static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") +
            (size == anySize ? "?" : std::to_string(size));
  return text;
}

FailureOr<ArrayRef<int64_t>> moe::verifyWeight(Operation *op,
                                               SymbolTableCollection &symbols,
                                               SymbolUse use,
                                               ArrayRef<int64_t> shape) {
  FailureOr<WeightOp> weight = lookUp<WeightOp>(op, symbols, use);
  if (failed(weight))
    return failure();
  ArrayRef<int64_t> actual = weight->getTensorType().getShape();
  bool fits = llvm::equal(shape, actual, [](int64_t wanted, int64_t size) {
    return wanted == anySize || wanted == size;
  });
  if (fits)
    return actual;
  InFlightDiagnostic error = op->emitOpError();
  error << use.role << " " << use.symbol << " is " << shapeText(actual)
        << " when it should be " << shapeText(shape);
  error.attachNote(weight->getLoc()) << "declared here";
  return error;
}

LogicalResult moe::verifyStored(Operation *op, SymbolTableCollection &symbols,
                                SymbolUse use, RankedTensorType input) {
  FailureOr<WeightOp> weight = lookUp<WeightOp>(op, symbols, use);
  if (failed(weight))
    return failure();
  auto quantized = dyn_cast<QuantizedType>(input.getElementType());
  if (bool(quantized) != bool(weight->getCode()))
    return op->emitOpError()
           << use.role << " " << use.symbol << " is "
           << (quantized ? "not stored as a code" : "stored as a code")
           << " when the input is " << input;
  int64_t rotation = weight->getColumnRotation().value_or(0);
  if (!quantized || quantized.getRotation() == rotation)
    return success();
  auto text = [](int64_t block) {
    return block ? "rotated " + std::to_string(block) : "not rotated";
  };
  return op->emitOpError() << use.role << " " << use.symbol << " has columns "
                           << text(rotation) << " when the input is "
                           << text(quantized.getRotation());
}

LogicalResult moe::verifyPlain(Operation *op, SymbolTableCollection &symbols,
                               SymbolUse use) {
  FailureOr<WeightOp> weight = lookUp<WeightOp>(op, symbols, use);
  if (failed(weight))
    return failure();
  if (!weight->getCode())
    return success();
  return op->emitOpError() << use.role << " " << use.symbol
                           << " is stored as a code when it should not be";
}

LogicalResult moe::verifySameRows(Operation *op, ArrayRef<Rows> operands) {
  const Rows *known = nullptr;
  for (const Rows &operand : operands) {
    if (operand.type.isDynamicDim(0))
      continue;
    int64_t rows = operand.type.getDimSize(0);
    if (known && rows != known->type.getDimSize(0))
      return op->emitOpError()
             << "'" << operand.name << "' has " << rows << " rows when '"
             << known->name << "' has " << known->type.getDimSize(0);
    known = &operand;
  }
  return success();
}

LogicalResult moe::verifyParts(Operation *op, StringRef name, int64_t parts,
                               RankedTensorType rows) {
  int64_t features = getFeatures(rows);
  if (parts >= 1 && features % parts == 0)
    return success();
  return op->emitOpError() << name << " is " << parts
                           << " when it should divide " << features
                           << " features";
}

std::string moe::realText(const llvm::APFloat &value) {
  char buffer[32];
  char *end =
      std::to_chars(buffer, std::end(buffer), value.convertToDouble()).ptr;
  std::string text(buffer, end);
  if (!value.isFinite())
    return text;
  // The syntax of MLIR wants a point: 1e-06 is written 1.0e-06.
  size_t digits = text.find_first_of(".e");
  if (digits == std::string::npos)
    return text + ".0";
  if (text[digits] == 'e')
    text.insert(digits, ".0");
  return text;
}

LogicalResult moe::verifyFinite(Operation *op, StringRef name,
                                const llvm::APFloat &value) {
  if (value.isFinite())
    return success();
  return op->emitOpError() << name << " is " << realText(value)
                           << " when it should be finite";
}
