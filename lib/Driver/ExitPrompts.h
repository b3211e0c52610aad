//===- ExitPrompts.h - what exits are calibrated with -----------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_EXITPROMPTS_H
#define MOE_LIB_DRIVER_EXITPROMPTS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct moert_tokenizer_t;

namespace moe {

/// Of an answer, without blanks around it: what moe-run --eval compares.
llvm::StringRef getFirstLine(llvm::StringRef text);

struct ExitPrompt {
  std::string text;
  std::string answer; ///< its first line
  int64_t line = 0;
  std::vector<int32_t> tokens; ///< after tokenize()
};

/// The file of --exit-calibrate.
struct ExitPrompts {
  /// Reads JSON lines: {"prompt"} and, in all lines or in none, {"answer"};
  /// other keys are ignored. A prompt that came before is left out, unless its
  /// answer is another one: that fails. Errors begin with the path.
  static llvm::Expected<ExitPrompts> read(llvm::StringRef path);

  /// Fills in tokens, with `firstToken` in front unless it is negative. No
  /// prompt may have more than `context` of them.
  llvm::Error tokenize(const moert_tokenizer_t &tokenizer, int32_t firstToken,
                       int64_t context);

  std::string path;
  uint64_t hash = 0; ///< XXH3-64 of the file
  bool hasAnswers = false;
  std::vector<ExitPrompt> prompts;
};

} // namespace moe

#endif // MOE_LIB_DRIVER_EXITPROMPTS_H
