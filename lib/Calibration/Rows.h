//===- Rows.h - what operations take and give while calibrating -*- C++ -*-===//
#ifndef MOE_LIB_CALIBRATION_ROWS_H
#define MOE_LIB_CALIBRATION_ROWS_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/ThreadPool.h"
#include <cstdint>
#include <vector>

namespace moe {

/// Rows of f32, row-major.
struct Rows {
  int64_t rows = 0, columns = 0;
  std::vector<float> values;

  Rows() = default;
  Rows(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(size_t(rows * columns)) {}
  float *row(int64_t r) { return values.data() + r * columns; }
  const float *row(int64_t r) const { return values.data() + r * columns; }
};

/// The experts of each row, and their weights.
struct Choice {
  int64_t rows = 0, count = 0;
  std::vector<int32_t> experts; ///< [rows][count]
  Rows weights;
};

/// Threads that share the numbers of a loop. What is computed for a number
/// does not depend on who does it, so no result depends on how many they are.
class Workers {
public:
  explicit Workers(int64_t threads);
  void forEach(int64_t count, llvm::function_ref<void(int64_t)> body);

private:
  llvm::DefaultThreadPool pool;
};

} // namespace moe

#endif // MOE_LIB_CALIBRATION_ROWS_H
