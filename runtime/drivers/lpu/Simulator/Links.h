//===- Links.h - vectors on their way between chips -------------*- C++ -*-===//
//
// A vector sent at t arrives at t + c2c.hop_cycles and waits there for as long
// as the window of the deskew at most. Links carry vectors in both directions
// at once.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_LINKS_H
#define MOERT_DRIVERS_LPU_SIMULATOR_LINKS_H

#include "Mxm.h"
#include <deque>

namespace moert::lpu {

struct LinkEnd {
  int64_t chip = 0, link = 0;
};

/// A byte plane on a link.
struct LinkVector {
  uint32_t identity = 0;
  uint64_t producer = 0; ///< for the caller
  std::vector<uint8_t> bytes;
};

class Links {
public:
  Links(const Machine &machine, int64_t chips);
  /// Says that there is a cable. What is wrong with it, or empty.
  std::string connect(LinkEnd a, LinkEnd b);
  /// Nothing is on its way, and cycle 0.
  void reset();

  /// SEND: H33, H36.
  Violation send(LinkEnd from, uint64_t cycle, LinkVector vector);
  /// RECV: H34, H35, H36.
  Violation receive(LinkEnd at, uint64_t cycle, LinkVector &out);
  /// DESKEW: the link carries nothing else meanwhile. H33, H36.
  Violation deskew(LinkEnd at, uint64_t cycle);
  /// At the end of a run: what came and was not taken. H34.
  Violation finish() const;

private:
  struct Arrival {
    uint64_t cycle;
    LinkVector vector;
  };
  struct Port {
    int64_t peer = -1;   ///< a port, or nowhere
    uint64_t freeAt = 0; ///< cycle from which it can send
    std::deque<Arrival> arrivals;
  };
  Violation find(LinkEnd end, Port *&port);

  const Machine &machine;
  int64_t chips;
  std::vector<Port> ports; ///< [chip][link]
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_LINKS_H
