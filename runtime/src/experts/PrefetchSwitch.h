//===- PrefetchSwitch.h - guesses stop where they are seen to lose -*- C++ -*-===//
//
// A guess that is wrong costs bytes of a link that may be busy, and an entry of
// the cache. Whether guesses pay depends on the machine, the budget and the text,
// so it is measured while tokens are generated.
//
// Forwards of few rows (decoding) come in periods of 4 with guesses and 4 without,
// in the order off on on off | on off off on, so that a steady trend cancels. The
// first forward of a period does not count: it still pays for the one before. Two
// neighbours make a pair, whose measure is log(time with / time without); above
// 0, guessing loses. After each pair:
//
//   1 pair           loses if it is 15 % slower
//   2 or 3           loses if each is 5 % slower
//   4 to 16          loses (wins) if the median is above (below) 0 by two standard
//                    errors
//   more than 4      loses if the last two are 10 % slower
//   16               loses if the median is 1 % slower, else wins
//
// One that loses is stopped for 256 such forwards, then measured anew; each time
// that it loses again doubles the rest, up to 8192. One that wins goes on for 64
// forwards between further measurements of two pairs, later for up to 512, and
// loses by the last 16 pairs.
//
// What useless guesses cost by this rule: 30 % slower are stopped after one period
// (1.2 forwards' time lost), 5 % slower after four (0.8 forwards'), and again each
// time after a rest; in 128 forwards, less than 1 %. Slower ones than can be seen,
// below 1 %, may stay.
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
  /// It took so long.
  void end(double seconds);
  /// Guesses were measured to lose, and are off.
  bool isStopped() const { return state == Stopped; }

private:
  enum State { Settling, Measuring, Guessing, Stopped };
  enum Verdict { Open, Loses, Wins };

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
  // While measuring:
  int64_t period = 0, inPeriod = 0, pairsLeft = 0;
  double seconds = 0, secondsBefore = 0;
  std::vector<double> pairs; ///< the last ones
};

} // namespace moert

#endif // MOERT_EXPERTS_PREFETCHSWITCH_H
