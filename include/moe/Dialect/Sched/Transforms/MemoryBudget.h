//===- MemoryBudget.h - bytes for experts, as people write them -*- C++ -*-===//
#ifndef MOE_DIALECT_SCHED_TRANSFORMS_MEMORYBUDGET_H
#define MOE_DIALECT_SCHED_TRANSFORMS_MEMORYBUDGET_H

#include "moe/Analysis/ParameterPlan.h"
#include "llvm/Support/Error.h"

namespace moe::sched {

/// "1000000", "512K", "64M", "2G" in powers of 1024, or "25%" of all experts.
class MemoryBudget {
public:
  static llvm::Expected<MemoryBudget> parse(llvm::StringRef text);

  /// What a budget means for one model.
  struct Share {
    uint64_t bytes = 0;
    uint64_t entryBytes = 0; ///< of the largest expert
    int64_t entries = 0;     ///< no more than there are experts
  };
  /// Fails below what one row chooses in a layer, and says the least that works.
  llvm::Expected<Share> resolve(const ParameterPlan &plan, ModelOp model) const;

private:
  std::string text;
  double percent = 0; ///< 0: bytes
  uint64_t bytes = 0;
};

} // namespace moe::sched

#endif // MOE_DIALECT_SCHED_TRANSFORMS_MEMORYBUDGET_H
