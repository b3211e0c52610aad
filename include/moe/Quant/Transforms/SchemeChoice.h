//===- SchemeChoice.h - which scheme each weight gets -----------*- C++ -*-===//
#ifndef MOE_QUANT_TRANSFORMS_SCHEMECHOICE_H
#define MOE_QUANT_TRANSFORMS_SCHEMECHOICE_H

#include "moe/Quant/Transforms/WeightUses.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <array>

namespace moe {

struct Registry;

/// What --quantize says; see pass moe-assign-codes for the text.
class SchemeChoice {
public:
  /// The error lists the schemes or classes that there are.
  static llvm::Expected<SchemeChoice> parse(llvm::StringRef text,
                                            const Registry &registry);

  /// Name of the scheme of a weight.
  llvm::StringRef get(WeightClass weightClass, llvm::StringRef weight) const;
  /// Weights that are named one by one.
  const llvm::StringMap<std::string> &getNamed() const { return named; }
  /// Whether no weight is stored as a code, whatever the model.
  bool isNone() const;

private:
  llvm::Error add(llvm::StringRef item, std::string &others);

  std::array<std::string, 4> classes;
  llvm::StringMap<std::string> named;
};

} // namespace moe

#endif // MOE_QUANT_TRANSFORMS_SCHEMECHOICE_H
