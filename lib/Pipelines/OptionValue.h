//===- OptionValue.h - an option's text that is not as it should be -------===//
#ifndef MOE_LIB_PIPELINES_OPTIONVALUE_H
#define MOE_LIB_PIPELINES_OPTIONVALUE_H

#include "llvm/Support/Error.h"

namespace moe {

inline llvm::Error badValue(llvm::StringRef flag, llvm::StringRef text,
                            const llvm::Twine &expected) {
  return llvm::createStringError("--" + flag + ": bad value '" + text +
                                 "', expected " + expected);
}

} // namespace moe

#endif // MOE_LIB_PIPELINES_OPTIONVALUE_H
