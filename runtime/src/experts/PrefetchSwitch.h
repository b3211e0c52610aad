//===- PrefetchSwitch.h - guesses stop where they lose ----------*- C++ -*-===//
//
// A guess that is wrong costs bytes of a link that may be busy, and an entry of
// the cache. Whether guesses pay depends on the machine, the budget and the
// text, so it is measured while tokens are generated.
//
// Forwards of few rows (decoding) come in periods of 4 with guesses and 4
// without, in the order off on on off | on off off on, so that a steady trend
// cancels. The first forward of a period does not count: it still pays for the
// one before. Two neighbours make a pair, whose measure is log(time with / time
// without); above 0, guessing loses. After each pair:
//
//   1 pair           loses if it is 15 % slower
//   2 or 3           loses if each is 5 % slower
//   4 or more        loses if the last two are 10 % slower, or if the median of
//                    all is above 0 by two standard errors; wins if it is below
//   24               loses unless the median is below 0
//
// One that loses is stopped for 256 such forwards, then measured anew; each
// time that it loses again doubles the rest, up to 8192. One that does not goes
// on for 64 forwards between further measurements of two pairs, for up to 512
// where it clearly wins, and is judged by the last 24 pairs.
//
// Tokens may leave early, so forwards run different numbers of layers: what is
// compared is the time of a layer.
//
// What useless guesses cost by this rule: 30 % slower are stopped after one
// period (1.2 forwards' time lost), 5 % slower after four (0.8 forwards'), and
// again each time after a rest: about 1 % of 128 forwards, less of more.
//===----------------------------------------------------------------------===//
#ifndef MOERT_EXPERTS_PREFETCHSWITCH_H
#define MOERT_EXPERTS_PREFETCHSWITCH_H

#include <cstdint>
#include <vector>

namespace moert {

class PrefetchSwitch {
public:
  /// A moert_prefetch_t: only AUTO measures.
  explicit PrefetchSwitch(int32_t mode) : mode(mode) {}

  /// A forward starts; whether it may guess.
  bool begin(int64_t rows);
  /// It took so long, for so many layers that wanted experts.
  void end(double seconds, int64_t layers);
  bool isAutomatic() const;
  /// Guesses were measured to lose, and are off.
  bool isStopped() const { return state == Stopped; }

private:
  enum State { Settling, Measuring, Guessing, Stopped };
  enum Verdict { Open, Loses, MayWin, Wins };

  bool guessesInPeriod() const;
  void startMeasuring(int64_t atMost);
  void count(double seconds);
  void endPeriod();
  void conclude();
  Verdict judge() const;

  int32_t mode;
  State state = Settling;
  int64_t measuredRows = 1; ///< of the forwards that count
  int64_t otherRows = 0;    ///< forwards since then that had other rows
  bool doesCount = false;   ///< the forward under way
  int64_t left = 4;         ///< forwards until this state ends
  int64_t rest = 256, run = 64;
  bool isAccepted = false;
  // While measuring:
  int64_t period = 0, inPeriod = 0, pairsLeft = 0;
  double seconds = 0, secondsBefore = 0;
  std::vector<double> pairs; ///< the last ones
};

} // namespace moert

#endif // MOERT_EXPERTS_PREFETCHSWITCH_H
