//===- Weights.cpp - elements, or what is left of them behind a code ------===//
#include "Weights.h"

#include "moe/Driver/Registry.h"
#include "moe/Quant/Encoder.h"
#include "moe/Quant/StoredMatrix.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace moe;
using namespace moe::reference;

static Expected<std::unique_ptr<QuantScheme>> findScheme(StringRef name) {
  const auto &schemes = getRegistry().schemes;
  auto found = schemes.find(name.str());
  if (found != schemes.end())
    return found->second();
  return failure("scheme ", name, " is unknown, known are ",
                 join(make_first_range(schemes), ", "));
}

static CodedMatrix decode(WeightOp weight, ArrayRef<char> bytes) {
  CodeAttr code = *weight.getCode();
  CodedMatrix matrix;
  matrix.rows = weight.getRows();
  matrix.columns = weight.getColumns();
  matrix.rotation = weight.getColumnRotation().value_or(0);
  matrix.groupColumns = code.getColumns() ? code.getColumns() : matrix.columns;
  matrix.levels.resize(matrix.rows * matrix.columns);
  StoredMatrix stored(code, matrix.rows, matrix.columns, bytes);
  for (int64_t row = 0; row < matrix.rows; ++row) {
    stored.decodeLevels(row, MutableArrayRef(matrix.levels)
                                 .slice(row * matrix.columns, matrix.columns));
    for (int64_t group = 0; group < matrix.getGroups(); ++group)
      matrix.scales.push_back(
          stored.getScale(row, group * matrix.groupColumns));
  }
  return matrix;
}

static Expected<CodedMatrix> encode(WeightOp weight, ArrayRef<float> values,
                                    Effort effort) {
  CodeAttr code = *weight.getCode();
  Expected<std::unique_ptr<QuantScheme>> scheme = findScheme(code.getName());
  if (!scheme)
    return scheme.takeError();
  MatrixInput input;
  input.values = values;
  input.rows = weight.getRows();
  input.columns = weight.getColumns();
  input.columnRotation = weight.getColumnRotation().value_or(0);
  input.rowRotation = weight.getRowRotation().value_or(0);
  EncodeOptions options;
  options.effort = effort;
  std::vector<char> bytes(code.getMatrixBytes(input.rows, input.columns));
  Expected<EncodeErrors> errors =
      encodeMatrix(**scheme, code, input, options, bytes);
  if (!errors)
    return errors.takeError();
  return decode(weight, bytes);
}

Expected<WeightMatrix> WeightReader::load(WeightOp weight, int64_t index) {
  int64_t rows = weight.getRows(), columns = weight.getColumns();
  std::vector<float> values(rows * columns);
  if (Error error = data.readElements(weight, index * rows * columns, values))
    return std::move(error);
  if (!weight.getCode())
    return Matrix{rows, columns, {values.begin(), values.end()}};
  Expected<CodedMatrix> matrix = encode(weight, values, options.effort);
  if (!matrix)
    return failure("weight @", weight.getSymName(), ": ",
                   toString(matrix.takeError()));
  return std::move(*matrix);
}

Expected<WeightReader::Handle>
WeightReader::read(mlir::FlatSymbolRefAttr reference, int64_t index) {
  if (!reference)
    return Handle();
  auto key = std::make_pair(reference.getValue().str(), index);
  auto known = kept.find(key);
  if (known != kept.end())
    return known->second;
  auto op = model.lookupSymbol<WeightOp>(reference.getValue());
  if (!op)
    return failure("the model has no weight @", reference.getValue());
  Expected<WeightMatrix> matrix = load(op, index);
  if (!matrix)
    return matrix.takeError();
  auto handle = std::make_shared<const WeightMatrix>(std::move(*matrix));
  if (options.keepWeights)
    kept[key] = handle;
  return handle;
}
