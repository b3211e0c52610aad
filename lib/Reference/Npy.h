//===- Npy.h - a matrix as a NumPy file -------------------------*- C++ -*-===//
#ifndef MOE_LIB_REFERENCE_NPY_H
#define MOE_LIB_REFERENCE_NPY_H

#include "moe/Reference/Evaluator.h"

namespace moe::reference {

/// Writes `matrix` rounded to float32; on failure there is no file.
llvm::Error writeNpy(llvm::StringRef path, const Matrix &matrix);

} // namespace moe::reference

#endif // MOE_LIB_REFERENCE_NPY_H
