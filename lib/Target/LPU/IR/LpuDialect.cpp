//===- LpuDialect.cpp - the lpu dialect, its types and attributes ---------===//
#include "IR/Lpu.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe::lpu;

#include "LpuDialect.cpp.inc"
#include "LpuEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "LpuTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "LpuAttributes.cpp.inc"

int64_t moe::lpu::bytesOf(Type element) {
  if (element.isInteger(8))
    return 1;
  if (element.isInteger(16) || element.isF16())
    return 2;
  if (element.isInteger(32) || element.isF32())
    return 4;
  auto vector = dyn_cast<VectorType>(element);
  bool isFourBytes = vector && vector.getShape() == ArrayRef<int64_t>{4} &&
                     vector.getElementType().isInteger(8);
  return isFourBytes ? 4 : 0;
}

uint8_t moe::lpu::typeCodeOf(Type element) {
  if (element.isF16())
    return MOERT_LPU_F16;
  if (element.isF32())
    return MOERT_LPU_F32;
  if (element.isInteger(8))
    return MOERT_LPU_I8;
  if (element.isInteger(16))
    return MOERT_LPU_I16;
  return element.isInteger(32) ? MOERT_LPU_I32 : MOERT_LPU_I8X4;
}

Type moe::lpu::typeOfCode(MLIRContext *context, uint8_t code) {
  Builder builder(context);
  switch (code) {
  case MOERT_LPU_I8:
    return builder.getI8Type();
  case MOERT_LPU_I16:
    return builder.getI16Type();
  case MOERT_LPU_I32:
    return builder.getI32Type();
  case MOERT_LPU_F16:
    return builder.getF16Type();
  case MOERT_LPU_F32:
    return builder.getF32Type();
  case MOERT_LPU_I8X4:
    return VectorType::get({4}, builder.getI8Type());
  default:
    return nullptr;
  }
}

static LogicalResult verifyElement(function_ref<InFlightDiagnostic()> emitError,
                                   Type element) {
  if (bytesOf(element))
    return success();
  return emitError() << "element is " << element
                     << ", a stream carries i8, i16, i32, f16, f32 or "
                        "vector<4xi8>";
}

LogicalResult StreamType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Type element) {
  return verifyElement(emitError, element); // (stream_c1)
}

LogicalResult VectorsType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t count, Type element) {
  if (count < 1)
    return emitError() << "has " << count << " vectors, at least 1 is needed";
  return verifyElement(emitError, element); // (vectors_c1)
}

LogicalResult WeightsType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  Type element) {
  if (element.isInteger(8) || element.isF16())
    return success();
  return emitError() << "element is " << element
                     << ", a plane holds i8 or f16"; // (weights_c1)
}

//===----------------------------------------------------------------------===//
// Lists in runs
//===----------------------------------------------------------------------===//

/// The length of the run at the front: of equal numbers, or of ascending ones.
static std::pair<size_t, bool> findRun(ArrayRef<int32_t> values) {
  size_t same = 1, rising = 1;
  while (same < values.size() && values[same] == values[0])
    ++same;
  while (rising < values.size() &&
         values[rising] == values[rising - 1] + 1)
    ++rising;
  return {std::max(same, rising), rising > same};
}

void IndicesAttr::print(AsmPrinter &printer) const {
  printer << "<";
  ArrayRef<int32_t> rest = getValues();
  bool isFirst = true;
  while (!rest.empty()) {
    auto [length, rises] = findRun(rest);
    if (!isFirst)
      printer << ", ";
    isFirst = false;
    printer << rest.front();
    if (length > 1 && rises)
      printer << " to " << rest[length - 1];
    else if (length > 1)
      printer << " times " << length;
    rest = rest.drop_front(length);
  }
  printer << ">";
}

Attribute IndicesAttr::parse(AsmParser &parser, Type) {
  SmallVector<int32_t> values;
  auto parseRun = [&]() -> ParseResult {
    int32_t first;
    if (parser.parseInteger(first))
      return failure();
    int64_t count = 1;
    bool rises = succeeded(parser.parseOptionalKeyword("to"));
    if (rises) {
      int32_t last;
      SMLoc at = parser.getCurrentLocation();
      if (parser.parseInteger(last))
        return failure();
      if (last < first)
        return parser.emitError(at) << "run from " << first << " to " << last
                                    << " does not ascend";
      count = int64_t(last) - first + 1;
    } else if (succeeded(parser.parseOptionalKeyword("times"))) {
      SMLoc at = parser.getCurrentLocation();
      if (parser.parseInteger(count))
        return failure();
      if (count < 1)
        return parser.emitError(at)
               << "run of " << count << " numbers, at least 1 is needed";
    }
    if (count > (1 << 24))
      return parser.emitError(parser.getCurrentLocation())
             << "run of " << count << " numbers, at most 16777216 are taken";
    for (int64_t i = 0; i < count; ++i)
      values.push_back(rises ? first + int32_t(i) : first);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseRun))
    return {};
  return get(parser.getContext(), values);
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

void LoadAttr::print(AsmPrinter &printer) const {
  printer << "<" << getName() << " " << getParameter() << " matrix "
          << getMatrix() << " " << stringifyField(getField()) << " first "
          << getFirst() << (getTransposed() ? " transposed" : "") << " rows ";
  printer.printStrippedAttrOrType(getRows());
  printer << " columns ";
  printer.printStrippedAttrOrType(getColumns());
  if (getFactors()) {
    printer << " factors ";
    printer.printAttribute(getFactors());
  }
  printer << ">";
}

Attribute LoadAttr::parse(AsmParser &parser, Type) {
  StringAttr name;
  int64_t parameter, matrix, first;
  StringRef word;
  IndicesAttr rows, columns;
  DenseF32ArrayAttr factors;
  SMLoc at;
  if (parser.parseLess() || parser.parseAttribute(name) ||
      parser.parseInteger(parameter) || parser.parseKeyword("matrix") ||
      parser.parseInteger(matrix) || parser.getCurrentLocation(&at) ||
      parser.parseKeyword(&word))
    return {};
  std::optional<Field> field = symbolizeField(word);
  if (!field) {
    parser.emitError(at) << "\"" << word << "\" is nothing that is loaded";
    return {};
  }
  if (parser.parseKeyword("first") || parser.parseInteger(first))
    return {};
  bool transposed = succeeded(parser.parseOptionalKeyword("transposed"));
  if (parser.parseKeyword("rows") ||
      parser.parseCustomAttributeWithFallback(rows) ||
      parser.parseKeyword("columns") ||
      parser.parseCustomAttributeWithFallback(columns))
    return {};
  if (succeeded(parser.parseOptionalKeyword("factors")) &&
      parser.parseAttribute(factors))
    return {};
  if (parser.parseGreater())
    return {};
  return get(parser.getContext(), name, parameter, matrix, *field, first,
             transposed, rows, columns, factors);
}

void LPUDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "LpuTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "LpuAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "LpuOps.cpp.inc"
      >();
}
