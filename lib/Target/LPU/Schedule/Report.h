//===- Report.h - how a schedule uses its machine ---------------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_SCHEDULE_REPORT_H
#define MOE_LIB_TARGET_LPU_SCHEDULE_REPORT_H

#include "Schedule/Emit.h"
#include "llvm/Support/JSON.h"

namespace moe::lpu {

struct ScheduleStatistics {
  int64_t cycles = 0;
  int64_t instructions = 0; ///< with repetitions
  int64_t words = 0;        ///< of text, at most

  /// Units of a kind, and the cycles in which they are at work, all together.
  struct Kind {
    const char *name;
    int64_t units = 0, busy = 0;
  };
  std::vector<Kind> kinds;

  /// Weights stream while loads follow one another with less than a load between
  /// them; ports that could load then, and do.
  int64_t streaming = 0, installs = 0, reinstalls = 0;
  double streamingShare = 0;

  /// Rows of each slice that buffers take: by chip, side and slice.
  std::vector<int64_t> rows;

  /// Whom the end waited for, from the start on: cycles by name, and of those the
  /// ones in which only a unit was missing.
  struct Step {
    std::string name;
    int64_t cycles = 0, waited = 0, tasks = 0;
  };
  std::vector<Step> path;
};

ScheduleStatistics
measureSchedule(const ScheduleProgram &program, const Schedule &schedule,
                llvm::ArrayRef<ScheduledInstruction> instructions,
                int64_t cycles);

/// All that is known of a schedule, with each instruction and stream.
llvm::json::Value
scheduleAsJson(const ScheduleProgram &program, const Schedule &schedule,
               llvm::ArrayRef<ScheduledInstruction> instructions,
               const ScheduleStatistics &statistics);

/// A page that draws it, and loads nothing.
std::string schedulePage(const llvm::json::Value &data);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_SCHEDULE_REPORT_H
