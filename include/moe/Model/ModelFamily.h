//===- ModelFamily.h - from a config.json to moe IR -------------*- C++ -*-===//
#ifndef MOE_MODEL_MODELFAMILY_H
#define MOE_MODEL_MODELFAMILY_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace moe {

class Config;
class ModelBuilder;

/// One family of checkpoints: which keys of config.json it understands and
/// how its layers are put together. A member is a folder in lib/Model/Families.
class ModelFamily {
public:
  virtual ~ModelFamily() = default;
  /// The `model_type` of config.json.
  virtual llvm::StringRef getName() const = 0;
  /// Emits weights and @forward. Every key of `config` that changes the
  /// result must be read; an unsupported value is an error that names the key.
  virtual llvm::Error build(const Config &config,
                            ModelBuilder &builder) const = 0;
};

} // namespace moe

#endif // MOE_MODEL_MODELFAMILY_H
