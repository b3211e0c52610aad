//===- File.h - reading the files of a checkpoint ---------------*- C++ -*-===//
#ifndef MOE_LIB_MODEL_IMPORT_FILE_H
#define MOE_LIB_MODEL_IMPORT_FILE_H

#include "moe/Model/Safetensors.h"

namespace moe {

/// `directory`/`file`.
std::string pathIn(llvm::StringRef directory, llvm::StringRef file);

/// True when something of that name exists, whatever it is.
bool exists(llvm::StringRef path);

/// The size of a regular file; everything else is an error.
llvm::Expected<uint64_t> regularFileSize(llvm::StringRef path);

/// The text of a small file, of 1 to `limit` bytes.
llvm::Expected<std::string> readText(llvm::StringRef path, uint64_t limit);

/// Opens a regular file and hands its size and a reader to `body`, whose
/// errors get the path in front.
llvm::Error withFile(llvm::StringRef path,
                     llvm::function_ref<llvm::Error(uint64_t, ReadAt)> body);

} // namespace moe

#endif // MOE_LIB_MODEL_IMPORT_FILE_H
