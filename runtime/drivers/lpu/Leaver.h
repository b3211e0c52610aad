//===- Leaver.h - one row that may leave early ------------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_LPU_LEAVER_H
#define MOERT_DRIVERS_LPU_LEAVER_H

#include "moert/abi/module.h"

namespace moert::lpu {

/// What moert_abi_exits_t says of the only row of a forward.
class Leaver {
public:
  /// `exits` may be null: then the row neither asks nor leaves.
  explicit Leaver(const moert_abi_exits_t *exits) : exits(exits) {
    if (!exits)
      return;
    int32_t running, due, asking;
    int64_t counts[3];
    exits->enter(exits, &running, &due, &asking, counts);
    isAsking = counts[2] > 0;
  }

  bool asks() const { return isAsking; }
  bool hasLeft() const { return isGone; }
  /// At exit number `exit`; the score counts if the row asks.
  void decide(int64_t exit, float score) {
    if (!exits)
      return;
    int32_t running, gone, due, kept, leaving;
    int64_t counts[5];
    exits->leave(exits, exit, &score, 0, nullptr, &running, &gone, &due, &kept,
                 &leaving, counts);
    isAsking = counts[3] > 0;
    isGone = counts[0] == 0;
  }

private:
  const moert_abi_exits_t *exits;
  bool isAsking = false, isGone = false;
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_LEAVER_H
