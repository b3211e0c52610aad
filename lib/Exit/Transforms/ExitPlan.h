//===- ExitPlan.h - which exits a model gets --------------------*- C++ -*-===//
#ifndef MOE_EXIT_TRANSFORMS_EXITPLAN_H
#define MOE_EXIT_TRANSFORMS_EXITPLAN_H

#include "ExitHeads.h"
#include "moe/Exit/ExitPolicy.h"
#include "moe/Exit/Transforms/Passes.h"
#include <optional>

namespace moe {

/// Options of the pass, checked and complete.
struct ExitPlan {
  struct Exit {
    int64_t layers = 0; ///< that have run
    double threshold = 0;
    std::optional<double> taken;
  };
  std::vector<Exit> exits;
  /// Whether rows that left wait until they are needed; else their keys and
  /// values are made of what they left with.
  bool rowsWait = false;
  BuildHead buildHead = nullptr; ///< null: a light one

  /// Fails with what is wrong; `layers` is how many the model has.
  static llvm::Expected<ExitPlan> make(const InsertExitsPassOptions &options,
                                       const ExitPolicy &policy,
                                       int64_t layers);
};

} // namespace moe

#endif // MOE_EXIT_TRANSFORMS_EXITPLAN_H
