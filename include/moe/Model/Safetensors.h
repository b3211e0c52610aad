//===- Safetensors.h - where the tensors of a file lie ----------*- C++ -*-===//
#ifndef MOE_MODEL_SAFETENSORS_H
#define MOE_MODEL_SAFETENSORS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace moe {

/// One tensor of a safetensors file. Its bytes are row-major, little endian,
/// and not aligned.
struct SafetensorsTensor {
  std::string name;
  std::string dtype; ///< as the file spells it: "BF16", "F32", ...
  std::vector<int64_t> shape;
  std::string file;    ///< name of the file that holds the bytes
  uint64_t offset = 0; ///< of the first byte, from the beginning of the file
  uint64_t length = 0; ///< in bytes
};

/// The longest header that is read; a longer one is an attack or damage.
constexpr uint64_t safetensorsHeaderLimit = 100'000'000;

/// Fills the buffer with the bytes of the file at an offset.
using ReadAt =
    llvm::function_ref<llvm::Error(uint64_t, llvm::MutableArrayRef<char>)>;

/// Reads and checks the header of a file of `fileSize` bytes: names, types and
/// shapes are well formed, and the tensors tile the data without holes or
/// overlaps. Tensors come in the order of their offsets. The reader trusts
/// nothing that it is given; messages do not name the file.
llvm::Expected<std::vector<SafetensorsTensor>>
parseSafetensors(uint64_t fileSize, ReadAt read);

/// The same for `directory`/`file`; errors start with that path.
llvm::Expected<std::vector<SafetensorsTensor>>
readSafetensors(llvm::StringRef directory, llvm::StringRef file);

} // namespace moe

#endif // MOE_MODEL_SAFETENSORS_H
