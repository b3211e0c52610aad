//===- Tokenizer.h - what the tokenizer's files say -------------*- C++ -*-===//
#ifndef MOE_LIB_MODEL_IMPORT_TOKENIZER_H
#define MOE_LIB_MODEL_IMPORT_TOKENIZER_H

#include "moe/Model/Import.h"

namespace moe {

/// Reads tokenizer.json and tokenizer_config.json, where they exist, into
/// `model`. Every id must lie below `vocabulary`.
llvm::Error readTokenizer(llvm::StringRef directory, int64_t vocabulary,
                          ImportedModel &model);

} // namespace moe

#endif // MOE_LIB_MODEL_IMPORT_TOKENIZER_H
