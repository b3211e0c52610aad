//===- ModelFacts.h - numbers about a model, read from its IR ---*- C++ -*-===//
#ifndef MOE_ANALYSIS_MODELFACTS_H
#define MOE_ANALYSIS_MODELFACTS_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace moe {

/// What a runtime needs to know before it calls @forward, and what people ask
/// about a model.
struct ModelFacts {
  KvType kv;                   ///< the state that @forward takes
  int64_t hidden = 0;          ///< features of an embedded token
  int32_t layers = 0;          ///< attention operations
  std::vector<int32_t> routed; ///< decoder layers that have experts
  int32_t experts = 0;         ///< of the largest bank; 0: dense
  int32_t expertsPerToken = 0; ///< of the widest choice

  /// Fails when the model has no @forward, or one that takes no state.
  static llvm::Expected<ModelFacts> get(ModelOp model);

  /// What a routing trace says of its model, the same for every storage:
  /// "<name>;<family>;<vocabulary>;<hidden>;<layers>;<experts>;<experts per
  /// token>". A runtime makes it of the same fields of a module's metadata.
  std::string getFingerprintText(ModelOp model) const;
  /// XXH3-64 of that text.
  uint64_t getFingerprint(ModelOp model) const;
};

} // namespace moe

#endif // MOE_ANALYSIS_MODELFACTS_H
