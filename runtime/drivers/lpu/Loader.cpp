//===- Loader.cpp - makes SRAM's contents of a module's parameters --------===//
#include "Loader.h"

#include "Packing.h"
#include "Simulator/Units.h"
#include <cmath>
#include <algorithm>
#include <bit>

using namespace moert;
using namespace moert::lpu;

/// Numbers that may be kept for the next load: 256 MiB.
static constexpr size_t mostTableNumbers = size_t(1) << 26;

//===----------------------------------------------------------------------===//
// Whether the module has what the program loads
//===----------------------------------------------------------------------===//

template <typename... Parts>
static Status refuse(const Buffer &buffer, const Parts &...parts) {
  return makeStatus(MOERT_DATA_LOSS, "buffer ", buffer.name()->string_view(),
                    " ", parts...);
}

static constexpr float largestHalf = 65504;

/// What readRow makes the field of: halves are made of values.
static Field tableField(Field field) {
  bool isHalf = field == Field::HalfLow || field == Field::HalfHigh;
  return isHalf ? Field::Values : field;
}

static bool holds(unsigned type, Field field) {
  switch (field) {
  case Field::Values:
    return type == MOERT_LPU_F32 || type == MOERT_LPU_F16;
  case Field::Scales:
  case Field::Zeros:
    return type == MOERT_LPU_F32;
  case Field::Levels:
  case Field::HalfLow:
  case Field::HalfHigh:
  case Field::Packed:
  case Field::History:
    return type == MOERT_LPU_I8;
  case Field::Nibbles:
    return type == MOERT_LPU_I8X4;
  }
  return false;
}

/// Whether its vectors are bits that the machine unpacks.
static bool isPacked(Field field) {
  return field == Field::Packed || field == Field::History ||
         field == Field::Nibbles;
}

/// Whether all numbers of a list are in [-1, size), or size is not known.
static bool areBelow(const flatbuffers::Vector<int32_t> &numbers,
                     int64_t size) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int32_t number) {
    return number >= -1 && (size == 0 || number < size);
  });
}

/// The simulator has checked what a program says of itself.
Status Loader::checkLoad(const Buffer &buffer, const Source &source) const {
  const Load &load = *source.load;
  const ParameterMatrix &matrix = source.matrix;
  const Field field = load.field();
  if (!holds(buffer.type(), field))
    return refuse(buffer, "has type ", int(buffer.type()),
                  ", which does not hold ", EnumNameField(field));
  const bool ofCodes = tableField(field) != Field::Values;
  if (ofCodes && !matrix.code)
    return refuse(buffer, "loads ", EnumNameField(field), " of parameter ",
                  load.parameter(), ", which is not stored as a code");
  if (load.factors() && (field == Field::Levels || isPacked(field)))
    return refuse(buffer, "loads ", EnumNameField(field),
                  " with factors, which only f16 and f32 have");
  if (isPacked(field) && (load.transposed() || matrix.rows != matrix.codedRows))
    return refuse(buffer, "loads ", EnumNameField(field),
                  " transposed or of several matrices, which only numbers are");
  int64_t rows = matrix.rows, columns = matrix.fieldColumns(tableField(field));
  if (load.transposed())
    std::swap(rows, columns);
  if (!areBelow(*load.rows(), rows) || !areBelow(*load.columns(), columns))
    return refuse(buffer, "loads elements beyond the ", matrix.rows, " x ",
                  matrix.fieldColumns(tableField(field)), " that parameter ",
                  load.parameter(), " has");
  return Status();
}

Status Loader::addBuffer(uint32_t index, const fb::Module &module) {
  const Buffer &buffer = *program.buffers()->Get(index);
  if (buffer.kind() != BufferKind::Parameter)
    return Status();
  std::vector<Source> &list = sources[index];
  if (!buffer.loads())
    return Status();
  for (const Load *load : *buffer.loads()) {
    Source source = {load, {}};
    Status found = findMatrix(module, codes, load->parameter(), load->matrix(),
                              &source.matrix);
    if (found)
      return refuse(buffer, found.message());
    MOERT_RETURN_IF_ERROR(checkLoad(buffer, source));
    list.push_back(source);
  }
  return Status();
}

Status Loader::create(const Program &program, int64_t width,
                      const fb::Module &module, std::vector<Code> codes,
                      std::unique_ptr<Loader> *out) {
  std::unique_ptr<Loader> loader(new Loader(program, width));
  loader->codes = std::move(codes);
  for (uint32_t i = 0; i < program.buffers()->size(); ++i)
    MOERT_RETURN_IF_ERROR(loader->addBuffer(i, module));
  *out = std::move(loader);
  return Status();
}

//===----------------------------------------------------------------------===//
// Filling buffers
//===----------------------------------------------------------------------===//

/// Weights that are laid out tile by tile are loaded by many loads; each row is
/// decoded once for all of them.
const Loader::Table &Loader::tableOf(const Source &source,
                                     const void *const *parameters,
                                     int64_t positions) {
  const uint32_t parameter = source.load->parameter();
  const Field field = tableField(source.load->field());
  auto [entry, isNew] =
      tables.try_emplace(Key(parameter, source.load->matrix(), field));
  if (!isNew)
    return entry->second;
  Table table;
  table.rows = source.matrix.isRope ? positions : source.matrix.rows;
  table.columns = source.matrix.fieldColumns(field);
  const size_t numbers = size_t(table.rows) * size_t(table.columns);
  if (tableNumbers + numbers > mostTableNumbers) {
    Key key = entry->first;
    tables.clear();
    tableNumbers = 0;
    entry = tables.try_emplace(key).first;
  }
  tableNumbers += numbers;
  table.values.resize(numbers);
  const auto *bytes = static_cast<const std::byte *>(parameters[parameter]);
  for (int64_t row = 0; row < table.rows; ++row)
    source.matrix.readRow(field, bytes, row,
                          table.values.data() + row * table.columns);
  entry->second = std::move(table);
  return entry->second;
}

/// A number as the bits of a buffer's element.
static uint32_t bitsOf(float value, Field field, unsigned type) {
  switch (field) {
  case Field::Levels:
    return uint32_t(int32_t(value));
  case Field::HalfLow:
    return floatToHalf(value) & 0xff;
  case Field::HalfHigh:
    return floatToHalf(value) >> 8;
  default:
    return type == MOERT_LPU_F16 ? floatToHalf(value)
                                 : std::bit_cast<uint32_t>(value);
  }
}

Status Loader::place(const Buffer &buffer, const Source &source,
                     const Table &table, std::span<std::byte> image) const {
  const Load &load = *source.load;
  const Field field = load.field();
  const int planes = planesOf(buffer.type());
  for (flatbuffers::uoffset_t i = 0; i < load.rows()->size(); ++i) {
    std::byte *vector =
        image.data() + (load.first() + i) * uint64_t(planes * width);
    for (flatbuffers::uoffset_t lane = 0; lane < load.columns()->size();
         ++lane) {
      int64_t row = load.rows()->Get(i), column = load.columns()->Get(lane);
      if (load.transposed())
        std::swap(row, column);
      // Behind the last position of a rope table there is nothing.
      if (row < 0 || column < 0 || row >= table.rows)
        continue;
      float value = table.values[size_t(row * table.columns + column)];
      if (load.factors())
        value *= load.factors()->Get(lane);
      if (field == Field::Levels && (value < -128 || value > 127))
        return refuse(buffer, "loads the level ", value,
                      ", int8 holds -128 to 127");
      if (tableField(field) != field && !(std::fabs(value) <= largestHalf))
        return refuse(buffer, "loads ", value, ", f16 holds ", -largestHalf,
                      " to ", largestHalf);
      const uint32_t bits = bitsOf(value, field, buffer.type());
      for (int plane = 0; plane < planes; ++plane)
        vector[plane * width + lane] = std::byte(bits >> 8 * plane);
    }
  }
  return Status();
}

/// Codes as they are stored, in another order.
Status Loader::pack(const Buffer &buffer, const Source &source,
                    const void *parameter, std::span<std::byte> image) const {
  const Load &load = *source.load;
  const ParameterMatrix &matrix = source.matrix;
  const StoredMatrix stored = {
      *matrix.code, uint64_t(matrix.rows), uint64_t(matrix.columns),
      static_cast<const std::byte *>(parameter) + matrix.offset,
      "buffer " + buffer.name()->str()};
  const std::vector<int32_t> rows(load.rows()->begin(), load.rows()->end());
  std::vector<int32_t> columns(load.columns()->begin(), load.columns()->end());
  columns.resize(size_t(width), -1);
  const uint64_t bytes = uint64_t(planesOf(buffer.type()) * width);
  const auto out = image.subspan(
      load.first() * bytes, vectorsOfLoad(load.field(), rows.size()) * bytes);
  switch (load.field()) {
  case Field::Packed:
    return packTrellis(stored, rows, columns, out);
  case Field::History:
    return packHistory(stored, rows, columns, out);
  default:
    return packNibbles(stored, rows, columns, out);
  }
}

Status Loader::fillBuffer(uint32_t index, const void *const *parameters,
                          int64_t positions, Simulator &simulator) {
  const Buffer &buffer = *program.buffers()->Get(index);
  std::vector<std::byte> image(buffer.count() * simulator.vectorBytes(index));
  for (const Source &source : sources[index])
    MOERT_RETURN_IF_ERROR(
        isPacked(source.load->field())
            ? pack(buffer, source, parameters[source.load->parameter()], image)
            : place(buffer, source, tableOf(source, parameters, positions),
                    image));
  return simulator.writeVectors(index, 0, buffer.count(), image);
}

Status Loader::fill(const void *const *parameters, int64_t positions,
                    Simulator &simulator) {
  for (const auto &[index, list] : sources)
    MOERT_RETURN_IF_ERROR(fillBuffer(index, parameters, positions, simulator));
  tables.clear();
  tableNumbers = 0;
  return Status();
}
