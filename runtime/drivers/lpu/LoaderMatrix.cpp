//===- LoaderMatrix.cpp - reads rows of parameters, stored however --------===//
#include "LoaderMatrix.h"

#include "Simulator/Half.h"
#include <bit>
#include <cstring>
#include <utility>

using namespace moert;
using namespace moert::lpu;

//===----------------------------------------------------------------------===//
// Where a matrix lies
//===----------------------------------------------------------------------===//

/// Rows and columns of a weight without codes. Of an expert the shape is that
/// of gate and up; down has it the other way round, all three are equally long.
static void findPlain(const fb::Parameter &parameter, unsigned matrix,
                      ParameterMatrix &out) {
  const auto &shape = *parameter.shape();
  out.columns = shape[shape.size() - 1];
  out.rows = 1;
  for (flatbuffers::uoffset_t i = 0; i + 1 < shape.size(); ++i)
    out.rows *= shape[i];
  out.offset = uint64_t(matrix) * uint64_t(out.rows) * uint64_t(out.columns) *
               elementSize(out.element);
  if (matrix == 2)
    std::swap(out.rows, out.columns);
}

static void findStored(const fb::Parameter &parameter, unsigned matrix,
                       std::span<const Code> codes, ParameterMatrix &out) {
  const auto &matrices = *parameter.matrices();
  const fb::Matrix &stored = *matrices[matrix];
  for (unsigned i = 0; i < matrix; ++i)
    out.offset += matrices[i]->size();
  out.element = stored.element();
  out.codedRows = stored.rows();
  out.rows = stored.rows();
  out.columns = stored.columns();
  const auto &shape = *parameter.shape();
  for (flatbuffers::uoffset_t i = 0; i + 2 < shape.size(); ++i)
    out.rows *= shape[i];
  if (stored.code() >= 0)
    out.code = &codes[size_t(stored.code())];
}

Status moert::lpu::findMatrix(const fb::Module &module,
                              std::span<const Code> codes, uint32_t parameter,
                              unsigned matrix, ParameterMatrix *out) {
  if (parameter >= module.parameters()->size())
    return makeStatus(MOERT_DATA_LOSS, "loads parameter ", parameter,
                      ", the module has ", module.parameters()->size());
  const fb::Parameter &found = *module.parameters()->Get(parameter);
  const unsigned count = found.kind() == fb::ParameterKind::Expert ? 3 : 1;
  if (matrix >= count)
    return makeStatus(MOERT_DATA_LOSS, "loads matrix ", matrix, " of ",
                      found.name()->string_view(), ", which has ", count);
  ParameterMatrix result;
  result.element = found.element();
  if (found.kind() == fb::ParameterKind::RopeTable) {
    result.isRope = true;
    result.element = fb::ElementType::F32;
    result.columns = 2 * int64_t(found.rope()->frequencies()->size());
  } else if (found.matrices()) {
    findStored(found, matrix, codes, result);
  } else {
    findPlain(found, matrix, result);
  }
  *out = result;
  return Status();
}

//===----------------------------------------------------------------------===//
// What is in it
//===----------------------------------------------------------------------===//

int64_t ParameterMatrix::fieldColumns(Field field) const {
  if (code && (field == Field::Scales || field == Field::Zeros))
    return int64_t(code->groups(uint64_t(columns)));
  return columns;
}

template <typename T> static T valueAt(const std::byte *bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes + index * int64_t(sizeof(T)), sizeof(T));
  return value;
}

static float elementAt(fb::ElementType type, const std::byte *bytes,
                       int64_t index) {
  switch (type) {
  case fb::ElementType::F32:
    return valueAt<float>(bytes, index);
  case fb::ElementType::F16:
    return widenHalf(valueAt<uint16_t>(bytes, index));
  case fb::ElementType::BF16:
    return std::bit_cast<float>(uint32_t(valueAt<uint16_t>(bytes, index))
                                << 16);
  case fb::ElementType::I8:
    return valueAt<int8_t>(bytes, index);
  case fb::ElementType::U8:
    return valueAt<uint8_t>(bytes, index);
  case fb::ElementType::I32:
    return float(valueAt<int32_t>(bytes, index));
  }
  return 0;
}

void ParameterMatrix::readPlain(const std::byte *row, float *out) const {
  for (int64_t column = 0; column < columns; ++column)
    out[column] = elementAt(element, row, column);
}

void ParameterMatrix::readRow(Field field, const std::byte *parameter,
                              int64_t row, float *out) const {
  const std::byte *bytes = parameter + offset;
  const auto wide = uint64_t(columns);
  if (!code) {
    readPlain(bytes + uint64_t(row) * wide * elementSize(element), out);
    return;
  }
  const auto high = uint64_t(codedRows), inMatrix = uint64_t(row) % high;
  bytes += uint64_t(row) / high * code->matrixBytes(high, wide);
  if (field == Field::Values) {
    decodeRow(*code, high, wide, bytes, inMatrix, out);
    return;
  }
  std::vector<float> other(code->groups(wide)), zeros(other.size());
  float *scales = field == Field::Scales ? out : other.data();
  decodeScales(*code, high, wide, bytes, inMatrix, scales,
               field == Field::Zeros ? out : zeros.data());
  if (field != Field::Levels)
    return;
  std::vector<int16_t> levels(wide);
  decodeLevels(*code, high, wide, bytes, inMatrix, levels.data());
  const uint64_t group = code->columns ? uint64_t(code->columns) : wide;
  for (uint64_t column = 0; column < wide; ++column)
    out[column] = levels[column] - zeros[column / group];
}
