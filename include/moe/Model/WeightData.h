//===- WeightData.h - the values behind moe.weight --------------*- C++ -*-===//
#ifndef MOE_MODEL_WEIGHTDATA_H
#define MOE_MODEL_WEIGHTDATA_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <mutex>
#include <string>
#include <vector>

namespace moe {

/// Where a file that an extent names lies, given ModelOp::getDirectory().
std::string getExtentPath(llvm::StringRef directory, llvm::StringRef file);

/// Reads the bytes of weights: extents from files, other sources computed.
/// Files are opened once, and read with pread, never mapped, so that resident
/// memory stays what the caller asks for. Threads may read at the same time.
class WeightData {
public:
  /// `directory` is where extents' files lie (ModelOp::getDirectory()); file
  /// names must not leave it: absolute ones and those with `..` are refused.
  /// Links are followed.
  explicit WeightData(llvm::StringRef directory);
  ~WeightData();
  WeightData(const WeightData &) = delete;
  WeightData &operator=(const WeightData &) = delete;

  /// Fills `out` with the bytes [offset, offset + out.size()) of the weight's
  /// elements: row-major, little endian, in its own element type. Where values
  /// are computed, offset and size must be multiples of the element.
  /// Fails when a file is missing, too short or unreadable, naming it.
  llvm::Error read(WeightOp weight, uint64_t offset,
                   llvm::MutableArrayRef<char> out);

  /// Elements from number `first` on, widened to f32, which is exact.
  llvm::Error readElements(WeightOp weight, uint64_t first,
                           llvm::MutableArrayRef<float> out);

  /// All elements, widened to float64.
  llvm::Expected<std::vector<double>> readAll(WeightOp weight);

private:
  llvm::Expected<int> open(llvm::StringRef file);
  llvm::Error readFile(WeightOp weight, llvm::StringRef file, uint64_t offset,
                       llvm::MutableArrayRef<char> out);
  llvm::Error readExtents(WeightOp weight, uint64_t offset,
                          llvm::MutableArrayRef<char> out);

  std::string directory;
  std::mutex filesMutex;
  llvm::StringMap<int> files; ///< descriptors by name
};

/// Element `index` of `#moe.random<seed, ...>` before scaling: a standard
/// normal variate, bit by bit the same on every machine. With g =
/// 0x9e3779b97f4a7c15 and mix the finaliser of SplitMix64, number n is
/// u(n) = mix(mix(seed + g) + (n + 1) g) >> 11, a 53-bit integer, and elements
/// 2i and 2i + 1 are sqrt(-2 ln((u(2i) + 1) / 2^53)) times the cosine and the
/// sine of 2 pi u(2i + 1) / 2^53.
double randomNormal(uint64_t seed, uint64_t index);

} // namespace moe

#endif // MOE_MODEL_WEIGHTDATA_H
