//===- Checkpoint.h - the tensors of a directory, by name -------*- C++ -*-===//
#ifndef MOE_MODEL_CHECKPOINT_H
#define MOE_MODEL_CHECKPOINT_H

#include "moe/Model/Safetensors.h"
#include "llvm/ADT/StringMap.h"
#include <optional>

namespace moe {

/// What `model.safetensors`, or the shards of `model.safetensors.index.json`,
/// hold. Only headers have been read.
class Checkpoint {
public:
  static llvm::Expected<Checkpoint> open(llvm::StringRef directory);

  /// The directory, as it was given to open().
  llvm::StringRef getDirectory() const { return directory; }
  /// The file that lists the tensors; errors about them name it.
  llvm::StringRef getListing() const { return listing; }

  /// Null when there is no such tensor.
  const SafetensorsTensor *find(llvm::StringRef name) const;
  /// The tensor, if it is there, has this shape and a type that a weight can
  /// have.
  llvm::Expected<const SafetensorsTensor *>
  get(llvm::StringRef name, llvm::ArrayRef<int64_t> shape) const;

  const std::vector<SafetensorsTensor> &getTensors() const { return tensors; }

private:
  llvm::Error readSingle(llvm::StringRef file);
  llvm::Error readSharded(llvm::StringRef index);
  llvm::Error addTensors(std::vector<SafetensorsTensor> shard);

  std::string directory, listing;
  std::vector<SafetensorsTensor> tensors;
  llvm::StringMap<size_t> indices;
};

/// True for the element types that moe.weight can hold.
bool isWeightType(llvm::StringRef dtype);

} // namespace moe

#endif // MOE_MODEL_CHECKPOINT_H
