//===- ContainerWriter.h - one file with all of a module --------*- C++ -*-===//
#ifndef MOE_CONTAINER_CONTAINERWRITER_H
#define MOE_CONTAINER_CONTAINERWRITER_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Exit/Certificate.h"
#include "moe/Target/TargetBackend.h"
#include <functional>
#include <optional>

namespace moe {

class CodedWeights;

/// What running a module taught about its exits.
struct ExitLesson {
  /// Absent: thresholds have none.
  std::optional<ExitCertificate> certificate;
  /// Code is made again, of a model that changed, and the lesson is not over.
  bool isCodeChanged = false;
};

struct ContainerInput {
  std::string producer; ///< who wrote the module, for --inspect
  ModelOp model;
  const ParameterPlan *plan = nullptr;
  /// Codes of the weights that are stored as such; may be null without any.
  const CodedWeights *coded = nullptr;
  std::string backend; ///< --target name
  /// Waits for the code; called after the weights are written, and again for
  /// each lesson that changes it.
  std::function<llvm::Expected<CodeObject>()> code;
  std::string tokenizerJson; ///< empty: the module has none
  bool hasIr = false;        ///< section IR: text of the model's module
  /// False: section WEIGHTS is left out, and checksums of parameters mean nothing.
  bool hasWeights = true;
  int32_t bosToken = -1;
  bool addBos = false;
  std::vector<int32_t> eosTokens;
  /// What leaves early is compared with the full model: exits whose rows wait
  /// have the state `verify`.
  bool verifiesExits = false;
  /// Of getModelHash, for exits.
  uint64_t modelHash = 0;
  /// Of the exits; fails if it is of other weights, exits or thresholds.
  std::optional<ExitCertificate> certificate;
  /// Gets a module that is complete but for its name, and the hash of its
  /// weights. May run it, and give exits of `model` other thresholds and shares:
  /// metadata and section IR are written again afterwards. May be null.
  std::function<llvm::Expected<ExitLesson>(llvm::StringRef file,
                                           uint64_t weightsHash)>
      teach;
  /// Called with weight bytes written and in all; may be null.
  std::function<void(uint64_t, uint64_t)> progress;
};

/// XXH3-64 of what a model computes, whatever its weights are and wherever they
/// lie: of a model without exits and schedule. How it reads text is a part of it.
uint64_t getModelHash(const ContainerInput &input);

/// Writes `path` beside it, then renames; removes the part on any failure,
/// also when a signal ends the process. Weights are streamed through a buffer
/// of a few MiB.
llvm::Error writeContainer(const ContainerInput &input, llvm::StringRef path);

} // namespace moe

#endif // MOE_CONTAINER_CONTAINERWRITER_H
