//===- ExitSweep.h - the same prompts at several thresholds -----*- C++ -*-===//
#ifndef MOERT_CLI_EXITSWEEP_H
#define MOERT_CLI_EXITSWEEP_H

#include "ExitReport.h"
#include "Setup.h"

#include <functional>

namespace moert::cli {

/// Tasks; in total 0: prompts without answers.
struct TaskScore {
  int64_t right = 0, total = 0;
};

/// Collects what --exit-report shows: the run of the user, then the same
/// prompts at other thresholds, each in a session of its own.
class ExitSweep {
public:
  /// Runs requests for all prompts, which must be empty before.
  using RunPrompts = std::function<TaskScore(Runner &, std::vector<Request> &)>;

  /// After the run of the user, in its session; keeps a reference to requests.
  ExitSweep(Setup &setup, std::vector<ReportText> texts,
            const std::vector<Request> &requests, TaskScore score,
            const Runner &runner);
  /// Runs the others and writes the page; not if the user interrupts.
  void run(const RunPrompts &again);

private:
  ReportSetting measure(const std::vector<Request> &requests, TaskScore score,
                        const Runner &runner) const;
  void add(ReportSetting setting, const std::vector<Request> &requests);
  void compareWithFull();

  Setup &setup;
  const std::vector<Request> &requests; ///< of the user
  ExitReport report;
  std::vector<std::vector<std::vector<int32_t>>> tokens; ///< of each setting
};

/// Of the tokens behind each request's prompt, those that the full model picks,
/// too, after the same text and with the same random number. `full` runs no
/// exits.
TaskScore agreement(Runner &full, const std::vector<Request> &requests,
                    const std::vector<std::vector<int32_t>> &tokens);

/// Where the tokens of a text left; `pieces` are what each added to it.
std::vector<ReportToken> reportTokens(const Request &request,
                                      const std::vector<std::string> &pieces);

} // namespace moert::cli

#endif // MOERT_CLI_EXITSWEEP_H
