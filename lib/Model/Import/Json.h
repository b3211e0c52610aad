//===- Json.h - JSON from strangers -----------------------------*- C++ -*-===//
#ifndef MOE_LIB_MODEL_IMPORT_JSON_H
#define MOE_LIB_MODEL_IMPORT_JSON_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace moe {

/// The JSON library takes a NUL byte for the end of the text, and so would not
/// see what stands behind it.
llvm::Error checkNoNul(llvm::StringRef text);

/// "not valid JSON at byte 17" or "not valid UTF-8 at byte 17", from what the
/// JSON library reports.
std::string jsonProblem(size_t position, llvm::StringRef libraryMessage);

/// Reads a text into a tree. Duplicate keys and more than 64 levels are errors;
/// messages do not name the file.
llvm::Expected<nlohmann::json> parseJson(llvm::StringRef text);

} // namespace moe

#endif // MOE_LIB_MODEL_IMPORT_JSON_H
