//===- ExitReport.h - a page that shows where tokens left -------*- C++ -*-===//
#ifndef MOERT_CLI_EXITREPORT_H
#define MOERT_CLI_EXITREPORT_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace moert::cli {

class Module;

/// A generated token and where its logits come from.
struct ReportToken {
  int32_t id = 0;
  /// What it added to the text; may be empty, as characters come whole.
  std::string text;
  /// Layers whose features its logits were made of, those of the draft where
  /// drafts are checked; all layers: it did not leave.
  int32_t layers = 0;
  /// At each exit; NaN or missing: it did not ask there.
  std::vector<float> scores;
  /// Of a token that left as a draft: the full model said the same, or another
  /// one that stands here now.
  enum Check { NotChecked, Accepted, Replaced } check = NotChecked;
};

/// One prompt and what became of it.
struct ReportText {
  std::string prompt;
  std::vector<ReportToken> tokens;
  /// Of a task with an answer.
  std::string task, answer;
  std::optional<bool> correct;
};

/// One run over all texts: a point of each curve.
struct ReportSetting {
  /// At every exit; infinite: no token leaves; none: those of the module.
  std::optional<double> threshold;
  /// The run that `texts` shows; exactly one is.
  bool shown = false;
  /// Exits were off; exactly one is.
  bool full = false;
  /// Tasks answered right of all; or, without answers, generated tokens that
  /// the full model picks, too, after the same text, of all of this run.
  int64_t right = 0, total = 0;
  /// Per generated token, as --json has them.
  double layers = 0, layersWithHeads = 0;
  /// Generated tokens, and the wall clock of the steps that ran no row of a
  /// prompt; their rows.
  int64_t tokens = 0;
  double decodeSeconds = 0;
  int64_t decodeRows = 0;
  /// Of experts, from the storage, while all of this ran; none: they were all
  /// in memory.
  std::optional<uint64_t> bytesRead;
};

/// Drafts that the full model has checked.
struct ReportDrafts {
  int64_t proposed = 0, accepted = 0, checks = 0;
};

struct ReportExit {
  int32_t layers;   ///< that have run there
  double threshold; ///< of the run that `texts` shows; may be infinite
};

struct ExitReport {
  /// The module, its exits and what they cost; the rest is left to the caller.
  static ExitReport of(const Module &module);

  // From of():
  std::string module, model, policy, head, state; ///< module: the file
  int32_t layers = 0;
  std::vector<ReportExit> exits;
  uint64_t layerBytes = 0, headBytes = 0, leaveBytes = 0, unsureBytes = 0;
  /// Of the experts that one token uses, in each layer.
  std::vector<uint64_t> expertBytes;
  std::string certificate; ///< a JSON object; empty: none
  bool certificateDropped = false;

  // From the caller:
  /// One threshold took the place of all; the certificate is dropped.
  void overrideThresholds(double threshold);
  std::vector<ReportText> texts;
  std::vector<ReportSetting> settings; ///< in any order
  bool answers = false; ///< `right` counts tasks, not tokens of the full model
  std::optional<ReportDrafts> drafts;
  std::optional<int64_t> memoryBudget; ///< bytes of experts in memory
  int32_t threads = 0;
};

/// Thresholds that spread the tokens of `texts` over the exits, descending:
/// shares of all scores, whatever a policy calls a score. At most `most`, none
/// twice. The settings of the full model and of the module are to be added.
std::vector<double> sweepThresholds(const std::vector<ReportText> &texts,
                                    size_t most = 6);

/// The page, which needs nothing else: no network and no other file.
std::string exitReportPage(const ExitReport &report);

/// Writes it beside `path`, then renames.
void writeExitReport(const ExitReport &report, const std::string &path);

} // namespace moert::cli

#endif // MOERT_CLI_EXITREPORT_H
