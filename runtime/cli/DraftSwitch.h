//===- DraftSwitch.h - drafts stop where they lose --------------*- C++ -*-===//
//
// A draft that the full model rejects has run for nothing, and a check of few
// drafts saves little. Whether drafts pay depends on the machine, the
// thresholds and the text, so it is measured while tokens are generated.
//
// Periods of 8 tokens per sequence alternate in the order without with | with
// without; one with drafts ends with a check of all that wait. Two periods make
// a pair, whose measure is log(time per token with / without); above 0, drafts
// lose. They are judged after each pair:
//
//   1 pair       loses if it is 10 % slower
//   2 or 3       loses if both of the last two are 4 % slower
//   4            loses if their mean is above 0
//
// What loses rests for 256 tokens per sequence, and each time again for twice
// as long, up to 8192. What wins goes on for 256 tokens, then is measured
// again.
//
// Besides, an account says how many tokens could have been made in the time
// that drafts have lost, by the pace of the last period without. Drafts may
// lose no more than 5 % of the tokens that were made: they begin after 64
// tokens without, and as soon as the account is overdrawn they stop, in the
// middle of a period, and rest. Where they go on without being measured, they
// are measured again when they have lost 8 tokens. So a run takes no longer
// than 1 / 0.95 of one without drafts, and the one check that overdraws.
//===----------------------------------------------------------------------===//
#ifndef MOERT_CLI_DRAFTSWITCH_H
#define MOERT_CLI_DRAFTSWITCH_H

#include <cstdint>
#include <vector>

namespace moert::cli {

class DraftSwitch {
public:
  /// One that does not measure always drafts.
  explicit DraftSwitch(bool measures)
      : state(measures ? Settling : Drafting), measures(measures) {}

  /// Whether tokens may leave in the next step. If not, drafts that wait are
  /// checked in it.
  bool mayDraft() const;
  /// A step of so many sequences made `tokens`, which drafts that were checked
  /// count to; `waiting`: drafts wait.
  void count(double seconds, int64_t sequences, int64_t tokens, bool waiting);
  /// A step that tells nothing: it ran rows of a prompt.
  void disturb() { startPair(); }
  /// Tokens per sequence that were not made because of drafts.
  double lostTokens() const { return lost; }
  /// Drafts were measured to lose, and are off.
  bool isStopped() const { return state == Stopped; }

private:
  enum State { Settling, Measuring, Drafting, Stopped };
  bool draftsInPeriod() const { return (pairs.size() % 2 == 0) == isSecond; }
  void enter(State next, double tokens);
  void startPair();
  void book(double stepSeconds, double stepTokens);
  double credit() const;
  void stop();
  void endPeriod();
  void judge();

  State state;
  bool measures;
  double left = 64; ///< tokens per sequence until this state ends
  double rest = 256;
  // The account, in tokens per sequence:
  double made = 0, lost = 0;
  double lostBefore = 0; ///< this state
  double fullPace = 0;   ///< seconds per token without drafts; 0: not known
  // While measuring:
  int64_t sequencesBefore = 0;
  bool stopping = false; ///< as soon as nothing waits
  bool settled = false;  ///< nothing waits that was drafted before the pair
  bool isSecond = false; ///< period of its pair
  double tokens = 0, seconds = 0; ///< of this period
  double firstPace = 0;           ///< seconds per token of the first period
  std::vector<double> pairs;
};

} // namespace moert::cli

#endif // MOERT_CLI_DRAFTSWITCH_H
