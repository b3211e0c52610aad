//===- Diagnostics.h - errors of one line about untrusted files -*- C++ -*-===//
#ifndef MOE_MODEL_DIAGNOSTICS_H
#define MOE_MODEL_DIAGNOSTICS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace moe {

/// An error whose message is `what`.
llvm::Error makeError(const llvm::Twine &what);
/// An error whose message is `file: what`.
llvm::Error fileError(llvm::StringRef file, const llvm::Twine &what);

/// Text from a file, in single quotes, on one line and of bounded length.
std::string quote(llvm::StringRef text);

/// "[8, 64, 32]".
std::string shapeText(llvm::ArrayRef<int64_t> shape);

/// "a, b, c".
std::string listText(llvm::ArrayRef<std::string> items);

} // namespace moe

#endif // MOE_MODEL_DIAGNOSTICS_H
