//===- PrefetchOptions.h - what options say about fetches -------*- C++ -*-===//
#ifndef MOE_LIB_PIPELINES_PREFETCHOPTIONS_H
#define MOE_LIB_PIPELINES_PREFETCHOPTIONS_H

#include "moe/Dialect/Sched/Transforms/Passes.h"
#include "moe/Pipelines/Pipelines.h"
#include <optional>

namespace moe {

/// The options about experts that are fetched, checked as far as that needs
/// neither model nor file.
class PrefetchOptions {
public:
  static llvm::Expected<PrefetchOptions> parse(const CompileOptions &options,
                                               const Registry &registry);

  /// Whether somebody guesses.
  bool isGuessing() const;
  /// Whether a trace and a budget tell which guesses pay.
  bool isJudged() const;

  sched::InsertFetchesPassOptions getFetches() const;
  sched::InsertPrefetchPassOptions getGuesses() const;
  sched::DropUnprofitablePassOptions getJudgement() const;

private:
  explicit PrefetchOptions(const CompileOptions &options) : options(&options) {}
  llvm::Error verifyNames(const Registry &registry) const;
  llvm::Error verifyUses(const Registry &registry) const;

  const CompileOptions *options;
  std::optional<int64_t> ahead, count;
  std::optional<double> threshold;
};

} // namespace moe

#endif // MOE_LIB_PIPELINES_PREFETCHOPTIONS_H
