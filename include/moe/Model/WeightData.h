//===- WeightData.h - the values behind moe.weight --------------*- C++ -*-===//
#ifndef MOE_MODEL_WEIGHTDATA_H
#define MOE_MODEL_WEIGHTDATA_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace moe {

/// Reads the bytes of weights: extents from files, splats and random values
/// computed. Files are opened once, and read with pread, never mapped, so that
/// resident memory stays what the caller asks for.
class WeightData {
public:
  /// `directory` is where extents' files lie (ModelOp::getDirectory()); file
  /// names must not leave it.
  explicit WeightData(llvm::StringRef directory);
  ~WeightData();
  WeightData(const WeightData &) = delete;
  WeightData &operator=(const WeightData &) = delete;

  /// Fills `out` with the bytes [offset, offset + out.size()) of the weight's
  /// elements: row-major, little endian, in its own element type. For splat
  /// and random weights offset and size must be multiples of the element.
  /// Fails when a file is missing, too short or unreadable, naming it.
  llvm::Error read(WeightOp weight, uint64_t offset, llvm::MutableArrayRef<char> out);

  /// All elements, widened to float64.
  llvm::Expected<std::vector<double>> readAll(WeightOp weight);

private:
  llvm::Expected<int> open(llvm::StringRef file);
  std::string directory;
  llvm::StringMap<int> files;
};

/// Element `index` of `#moe.random<seed, ...>` before scaling: a standard
/// normal variate, Box-Muller on SplitMix64, identical on every machine.
double randomNormal(uint64_t seed, uint64_t index);

} // namespace moe

#endif // MOE_MODEL_WEIGHTDATA_H
