//===- UnknownName.h - a name that this build does not have -----*- C++ -*-===//
#ifndef MOE_SUPPORT_UNKNOWNNAME_H
#define MOE_SUPPORT_UNKNOWNNAME_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"

namespace moe {

/// "unknown target 'abacus', this build has: cpu, null"; `known` is the list.
inline llvm::Error unknownName(llvm::StringRef what, llvm::StringRef name,
                               const llvm::Twine &known) {
  return llvm::createStringError("unknown " + what + " '" + name +
                                 "', this build has: " + known);
}

/// The same where all that there are have their names as keys.
template <typename Members>
llvm::Error unknownMember(llvm::StringRef what, llvm::StringRef name,
                          const Members &members) {
  return unknownName(what, name,
                     llvm::join(llvm::make_first_range(members), ", "));
}

} // namespace moe

#endif // MOE_SUPPORT_UNKNOWNNAME_H
