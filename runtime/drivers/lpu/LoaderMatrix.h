//===- LoaderMatrix.h - matrices of parameters as tables of numbers -------===//
#ifndef MOERT_DRIVERS_LPU_LOADERMATRIX_H
#define MOERT_DRIVERS_LPU_LOADERMATRIX_H

#include "container/Metadata.h"
#include "lpu_generated.h"
#include <span>
#include <string>
#include <vector>

namespace moert::lpu {

/// One matrix of a parameter, wherever its bytes lie. A tensor of rank 1 is one
/// row, one of higher rank has the rows of all its matrices, one after the
/// other; a rope table has a row for each position, of cosines and then of
/// sines.
struct ParameterMatrix {
  bool isRope = false;
  const Code *code = nullptr; ///< null: elements as they are
  fb::ElementType element = fb::ElementType::F32;
  int64_t rows = 0; ///< 0 of a rope table: as many positions as states have
  int64_t columns = 0;
  int64_t codedRows = 0; ///< of each of the matrices that a code is of
  uint64_t offset = 0;   ///< bytes from the parameter's first

  /// Columns of a field's table: scales and zeros have one for each group.
  int64_t fieldColumns(Field field) const;
  /// Values, levels less offset and zero, scales or zeros of one row, as
  /// numbers that float holds exactly; `parameter` is where the parameter lies.
  void readRow(Field field, const std::byte *parameter, int64_t row,
               float *out) const;

private:
  void readPlain(const std::byte *row, float *out) const;
};

/// Matrix `matrix` of a parameter of the module. The failure says which it
/// wants, without a file in front.
Status findMatrix(const fb::Module &module, std::span<const Code> codes,
                  uint32_t parameter, unsigned matrix, ParameterMatrix *out);

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_LOADERMATRIX_H
