//===- Parameter.cpp - whether a parameter can be what it says ------------===//
#include "container/Parameter.h"

#include "moert/abi/container.h"
#include "moert/abi/module.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

using namespace moert;

namespace {

/// One entry of the list of parameters.
class ParameterChecker {
public:
  ParameterChecker(const fb::Parameter &parameter, std::span<const Code> codes,
                   uint64_t weightsSize, const std::string &origin)
      : parameter(parameter), codes(codes), weightsSize(weightsSize),
        origin(origin) {}

  Status run() const {
    if (parameter.name()->size() == 0)
      return makeStatus(MOERT_DATA_LOSS, origin,
                        ": metadata: a parameter has no name");
    if (parameter.kind() > fb::ParameterKind::MAX)
      return fail("has kind ", int(parameter.kind()), ", the last known is ",
                  int(fb::ParameterKind::MAX));
    if (parameter.element() > fb::ElementType::MAX)
      return fail("has element type ", int(parameter.element()),
                  ", the last known is ", int(fb::ElementType::MAX));
    if (parameter.kind() == fb::ParameterKind::RopeTable)
      return checkRope();
    MOERT_RETURN_IF_ERROR(checkPlace());
    MOERT_RETURN_IF_ERROR(checkShape());
    MOERT_RETURN_IF_ERROR(parameter.matrices() ? checkMatrices()
                                               : checkBytes());
    return checkScheme();
  }

private:
  template <typename... Parts> Status fail(const Parts &...parts) const {
    return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: parameter ",
                      parameter.name()->string_view(), " ", parts...);
  }
  Status checkRope() const;
  Status checkPlace() const;
  Status checkShape() const;
  Status checkBytes() const;
  Status checkMatrices() const;
  Status checkScheme() const;
  Status countWeights(uint64_t *weights, uint64_t *count) const;
  Status checkMatrix(size_t index, uint64_t *bytes) const;
  Status checkRotation(size_t index, const char *what, int64_t block,
                       int64_t size) const;

  const fb::Parameter &parameter;
  std::span<const Code> codes;
  uint64_t weightsSize;
  const std::string &origin;
};

} // namespace

/// FlatBuffers verifies that a vector lies in the buffer, not that its elements
/// are where the processor may read them.
template <typename T>
static bool isAligned(const flatbuffers::Vector<T> &vector) {
  return reinterpret_cast<uintptr_t>(vector.Data()) % alignof(T) == 0;
}

Status ParameterChecker::checkRope() const {
  const fb::RopeTable *rope = parameter.rope();
  if (!rope || !rope->frequencies() || rope->frequencies()->size() == 0)
    return fail("is a rope table without frequencies");
  if (!isAligned(*rope->frequencies()))
    return fail("has frequencies that are not aligned");
  if (parameter.size() != 0)
    return fail("is a rope table with ", parameter.size(),
                " bytes, it must have 0");
  if (parameter.matrices())
    return fail("is a rope table with ", parameter.matrices()->size(),
                " matrices, it must have 0");
  constexpr uint32_t most = 1 << 16;
  if (rope->frequencies()->size() > most)
    return fail("has ", rope->frequencies()->size(),
                " frequencies, must be at most ", most);
  for (double frequency : *rope->frequencies())
    if (!std::isfinite(frequency))
      return fail("has the frequency ", frequency);
  if (!std::isfinite(rope->gain()))
    return fail("has the gain ", rope->gain());
  return Status();
}

Status ParameterChecker::checkPlace() const {
  uint64_t alignment = parameter.kind() == fb::ParameterKind::Expert
                           ? MOERT_CONTAINER_PAGE
                           : MOERT_ABI_ALIGNMENT;
  if (parameter.offset() % alignment != 0)
    return fail("starts at ", parameter.offset(), ", not at a multiple of ",
                alignment);
  if (parameter.offset() > weightsSize ||
      parameter.size() > weightsSize - parameter.offset())
    return fail("has ", parameter.size(), " bytes at ", parameter.offset(),
                ", WEIGHTS has ", weightsSize);
  return Status();
}

Status ParameterChecker::checkShape() const {
  if (!parameter.shape() || parameter.shape()->size() == 0)
    return fail("has no shape");
  if (!isAligned(*parameter.shape()))
    return fail("has a shape that is not aligned");
  for (int64_t extent : *parameter.shape())
    if (extent <= 0)
      return fail("has the extent ", extent);
  return Status();
}

/// Bytes of plain elements: an expert's gate, up and down have equally many.
Status ParameterChecker::checkBytes() const {
  uint64_t bytes = elementSize(parameter.element());
  if (parameter.kind() == fb::ParameterKind::Expert)
    bytes *= 3;
  for (int64_t extent : *parameter.shape()) {
    if (uint64_t(extent) > mostBytes / bytes)
      return fail("has more than ", mostBytes, " bytes");
    bytes *= uint64_t(extent);
  }
  if (bytes != parameter.size())
    return fail("has ", parameter.size(), " bytes, its shape needs ", bytes);
  return Status();
}

//===----------------------------------------------------------------------===//
// Matrices that may be stored as codes
//===----------------------------------------------------------------------===//

Status ParameterChecker::checkMatrices() const {
  const uint64_t wanted = parameter.kind() == fb::ParameterKind::Expert ? 3 : 1;
  if (parameter.matrices()->size() != wanted)
    return fail("has ", parameter.matrices()->size(), " matrices, must have ",
                wanted);
  uint64_t sum = 0;
  for (size_t i = 0; i < wanted; ++i) {
    uint64_t bytes = 0;
    MOERT_RETURN_IF_ERROR(checkMatrix(i, &bytes));
    sum += bytes;
  }
  if (sum != parameter.size())
    return fail("has ", parameter.size(), " bytes, its matrices need ", sum);
  return Status();
}

static const fb::Matrix &matrixAt(const fb::Parameter &parameter,
                                  size_t index) {
  return *parameter.matrices()->Get(flatbuffers::uoffset_t(index));
}

/// Whether a matrix is what the shape says, which is an expert's gate's; its
/// down has the columns of gate and up as rows.
static bool hasShape(const fb::Parameter &parameter, size_t index) {
  const fb::Matrix &matrix = matrixAt(parameter, index);
  const auto &shape = *parameter.shape();
  if (shape.size() < 2)
    return false;
  int64_t rows = shape[shape.size() - 2], columns = shape[shape.size() - 1];
  if (parameter.kind() != fb::ParameterKind::Expert)
    return matrix.rows() == rows && matrix.columns() == columns;
  if (index == 2)
    std::swap(rows, columns);
  return shape.size() == 2 && matrix.rows() == rows &&
         matrix.columns() == columns;
}

Status ParameterChecker::checkRotation(size_t index, const char *what,
                                       int64_t block, int64_t size) const {
  if (block != 0 && matrixAt(parameter, index).code() < 0)
    return fail("has rotated blocks of ", block, " ", what, " in matrix ",
                index, ", which is not stored as a code");
  if (block == 0 ||
      (block >= 2 && std::has_single_bit(uint64_t(block)) && size % block == 0))
    return Status();
  return fail("has rotated blocks of ", block, " ", what, " in matrix ", index,
              ", must be a power of two that divides ", size);
}

/// Elements of the shape, and the matrices that its last two extents make.
Status ParameterChecker::countWeights(uint64_t *weights,
                                      uint64_t *count) const {
  *weights = *count = 1;
  size_t rank = parameter.shape()->size();
  for (size_t i = 0; i < rank; ++i) {
    auto extent = uint64_t((*parameter.shape())[flatbuffers::uoffset_t(i)]);
    if (extent > mostBytes / *weights)
      return fail("has more than ", mostBytes, " weights");
    *weights *= extent;
    if (i + 2 < rank)
      *count *= extent;
  }
  return Status();
}

Status ParameterChecker::checkMatrix(size_t index, uint64_t *bytes) const {
  const fb::Matrix &matrix = matrixAt(parameter, index);
  const int64_t rows = matrix.rows(), columns = matrix.columns();
  if (!hasShape(parameter, index))
    return fail("has a matrix ", index, " of ", rows, " x ", columns,
                ", which is not its shape's");
  uint64_t weights, count;
  MOERT_RETURN_IF_ERROR(countWeights(&weights, &count));
  if (matrix.element() > fb::ElementType::MAX)
    return fail("has element type ", int(matrix.element()), " in matrix ",
                index, ", the last known is ", int(fb::ElementType::MAX));
  if (matrix.code() < -1 || matrix.code() >= int64_t(codes.size()))
    return fail("has code ", matrix.code(), " in matrix ", index,
                ", the module has ", codes.size());
  MOERT_RETURN_IF_ERROR(
      checkRotation(index, "columns", matrix.column_rotation(), columns));
  MOERT_RETURN_IF_ERROR(
      checkRotation(index, "rows", matrix.row_rotation(), rows));
  *bytes = matrix.code() < 0 ? weights * elementSize(matrix.element())
                             : count * codes[size_t(matrix.code())].matrixBytes(
                                           uint64_t(rows), uint64_t(columns));
  if (*bytes != matrix.size())
    return fail("has a matrix ", index, " of ", matrix.size(),
                " bytes, its shape and code need ", *bytes);
  return Status();
}

/// The parameter's scheme is the names of its codes, each once.
Status ParameterChecker::checkScheme() const {
  std::vector<std::string> names;
  if (parameter.matrices())
    for (const fb::Matrix *matrix : *parameter.matrices()) {
      std::string name =
          matrix->code() < 0 ? "none" : codes[size_t(matrix->code())].name;
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
  std::string wanted = names.empty() ? "none" : names.front();
  for (size_t i = 1; i < names.size(); ++i)
    wanted += "+" + names[i];
  std::string scheme = parameter.scheme() ? parameter.scheme()->str() : "none";
  if (scheme != wanted)
    return fail("has the scheme ", scheme, ", its codes are ", wanted);
  return Status();
}

Status moert::checkParameter(const fb::Parameter &parameter,
                             std::span<const Code> codes, uint64_t weightsSize,
                             const std::string &origin) {
  return ParameterChecker(parameter, codes, weightsSize, origin).run();
}
