//===- OutputFile.h - files that appear when they are complete --*- C++ -*-===//
#ifndef MOE_SUPPORT_OUTPUTFILE_H
#define MOE_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace moe {

/// Where writing to `path` ends when symbolic links are followed, whether or
/// not there is a file.
std::string followLinks(llvm::StringRef path);

/// The system's words, which begin with a capital letter, as ours.
std::string lower(std::error_code code);

/// Writes what waits in a stream. A failure that stays in the stream would end
/// the process.
std::error_code flush(llvm::raw_fd_ostream &stream);

/// Prints to a file that appears, behind symbolic links, only when it is
/// complete; pipes and devices are written directly.
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<void(llvm::raw_ostream &)> print);

} // namespace moe

#endif // MOE_SUPPORT_OUTPUTFILE_H
