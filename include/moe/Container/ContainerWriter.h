//===- ContainerWriter.h - one file with all of a module --------*- C++ -*-===//
#ifndef MOE_CONTAINER_CONTAINERWRITER_H
#define MOE_CONTAINER_CONTAINERWRITER_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Target/TargetBackend.h"
#include <functional>

namespace moe {

class CodedWeights;

struct ContainerInput {
  std::string producer; ///< who wrote the module, for --inspect
  ModelOp model;
  const ParameterPlan *plan = nullptr;
  /// Codes of the weights that are stored as such; may be null without any.
  const CodedWeights *coded = nullptr;
  std::string backend; ///< --target name
  /// Waits for the code; called once, after the weights are written.
  std::function<llvm::Expected<CodeObject>()> code;
  std::string tokenizerJson; ///< empty: the module has none
  std::string ir;            ///< text for section IR; empty: none
  int32_t bosToken = -1;
  bool addBos = false;
  std::vector<int32_t> eosTokens;
  /// Called with weight bytes written and in all; may be null.
  std::function<void(uint64_t, uint64_t)> progress;
};

/// Writes `path` beside it, then renames; removes the part on any failure,
/// also when a signal ends the process. Weights are streamed through a buffer
/// of a few MiB.
llvm::Error writeContainer(const ContainerInput &input, llvm::StringRef path);

} // namespace moe

#endif // MOE_CONTAINER_CONTAINERWRITER_H
