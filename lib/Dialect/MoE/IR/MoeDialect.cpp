//===- MoeDialect.cpp - types, attributes and enumerations of moe ---------===//
#include "moe/Dialect/MoE/IR/Assembly.h"
#include "moe/Dialect/MoE/IR/Verify.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>

using namespace mlir;
using namespace moe;

#include "moe/Dialect/MoE/IR/MoeDialect.cpp.inc"
#include "moe/Dialect/MoE/IR/MoeEnums.cpp.inc"

/// A list of integers in brackets.
static ParseResult parseNumbers(AsmParser &parser,
                                SmallVector<int64_t> &numbers) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    return parser.parseInteger(numbers.emplace_back());
  });
}

static void printNumbers(AsmPrinter &printer, ArrayRef<int64_t> numbers) {
  printer << "[";
  llvm::interleaveComma(numbers, printer);
  printer << "]";
}

#define GET_TYPEDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoeTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/Dialect/MoE/IR/MoeAttrs.cpp.inc"

namespace {
/// A code is long and many weights share it: `#q35` stands for it.
struct CodeAlias : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attribute, raw_ostream &out) const override {
    auto code = dyn_cast<CodeAttr>(attribute);
    if (!code)
      return AliasResult::NoAlias;
    out << code.getName();
    return AliasResult::OverridableAlias;
  }
};
} // namespace

void MoeDialect::initialize() {
  addInterfaces<CodeAlias>();
  addTypes<
#define GET_TYPEDEF_LIST
#include "moe/Dialect/MoE/IR/MoeTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "moe/Dialect/MoE/IR/MoeAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "moe/Dialect/MoE/IR/MoeOps.cpp.inc"
      >();
}

LogicalResult KvType::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t layers, int64_t heads, int64_t headDim,
                             Type elementType) {
  // kv_c1
  constexpr int64_t largest = std::numeric_limits<int32_t>::max();
  std::pair<StringRef, int64_t> sizes[] = {
      {"layers", layers}, {"heads", heads}, {"head_dim", headDim}};
  for (auto [name, size] : sizes)
    if (size < 1 || size > largest)
      return emitError() << name << " is " << size
                         << " when it should lie between 1 and " << largest;
  // kv_c2
  if (!isa<Float32Type, Float16Type, BFloat16Type>(elementType))
    return emitError() << "elements are " << elementType
                       << " when they should be f32, f16 or bf16";
  return success();
}

LogicalResult
QuantizedType::verify(function_ref<InFlightDiagnostic()> emitError,
                      int64_t rotation) {
  // quantized_c1
  if (rotation == 0 || isRotationBlock(rotation))
    return success();
  return emitError() << "a rotated block has " << rotation
                     << " features when it should have a power of two between "
                        "2 and "
                     << largestRotation;
}

LogicalResult ExtentAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef file, uint64_t offset,
                                 uint64_t length) {
  // extent_c1
  if (file.empty())
    return emitError() << "the file of an extent has no name";
  // extent_c2
  constexpr uint64_t largest = std::numeric_limits<int64_t>::max();
  if (length < 1 || length > largest || offset > largest - length)
    return emitError() << length << " bytes from byte " << offset
                       << " on are no extent: it has 1 byte or more and ends "
                          "at most at byte "
                       << largest;
  return success();
}

LogicalResult RandomAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 uint64_t seed, FloatAttr scale) {
  // random_c1
  if (scale.getValue().isFinite())
    return success();
  return emitError() << "scale is " << realText(scale.getValue())
                     << " when it should be finite";
}
