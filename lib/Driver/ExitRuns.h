//===- ExitRuns.h - a module run on prompts ---------------------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_EXITRUNS_H
#define MOE_LIB_DRIVER_EXITRUNS_H

#include "ExitPrompts.h"
#include "Runtime.h"
#include "moe/Exit/ExitPolicy.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace moe {

struct ExitAnswer {
  std::vector<int32_t> tokens;
  std::string line; ///< the first one, stripped
};

struct ExitRun {
  std::vector<ExitAnswer> answers; ///< of each prompt
  double averageLayers = 0;        ///< of the answers' tokens
  std::vector<double> taken; ///< of each exit: share of asking tokens that left
};

/// A module with exits, on this machine.
class ExitRunner {
public:
  /// Errors say `name` for the file.
  static llvm::Expected<ExitRunner> open(llvm::StringRef file,
                                         llvm::StringRef name, int64_t threads);

  const moert_module_info_t &getInfo() const { return info; }
  /// Layers that have run at each exit.
  llvm::ArrayRef<int64_t> getLayers() const { return layers; }

  /// Answers as moe-run --eval does: greedily, with at most 32 tokens, to the
  /// end of a line. Once for each setting: tokens leave where their score
  /// reaches the threshold, or nowhere. Prompts are run once for all settings.
  llvm::Expected<std::vector<ExitRun>>
  answer(llvm::ArrayRef<const ExitPrompt *> prompts,
         llvm::ArrayRef<std::optional<double>> settings,
         llvm::function_ref<void(size_t)> onPrompts) const;

  /// What each exit says of each token of the full model's answers; passes by
  /// the file `scratch`, which is removed.
  llvm::Expected<std::vector<ExitSample>>
  record(llvm::ArrayRef<const ExitPrompt *> prompts,
         llvm::ArrayRef<ExitAnswer> answers, llvm::StringRef scratch) const;

private:
  llvm::Expected<RuntimeSession>
  startSession(llvm::ArrayRef<const ExitPrompt *> prompts,
               int64_t sequences) const;
  llvm::Error replay(const ExitPrompt &prompt, const ExitAnswer &answer,
                     int32_t leaveAfter, moert_session_t *session,
                     moert_sampler_t *sampler,
                     std::vector<int32_t> &best) const;
  llvm::Error about(llvm::Error error) const;

  std::string file, name;
  int64_t threads = 0;
  RuntimeModule module;
  moert_module_info_t info;
  std::vector<int64_t> layers;
};

} // namespace moe

#endif // MOE_LIB_DRIVER_EXITRUNS_H
