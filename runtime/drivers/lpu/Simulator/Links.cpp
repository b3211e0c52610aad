//===- Links.cpp - vectors on their way between chips ---------------------===//
#include "Links.h"

#include <utility>

using namespace moert::lpu;

static std::string describe(LinkEnd end) {
  return "link " + std::to_string(end.link) + " of chip " +
         std::to_string(end.chip);
}

Links::Links(const Machine &machine, int64_t chips)
    : machine(machine), chips(chips), ports(size_t(chips * machine.c2c.links)) {
}

void Links::reset() {
  for (Port &port : ports) {
    port.freeAt = 0;
    port.arrivals.clear();
  }
}

std::string Links::connect(LinkEnd a, LinkEnd b) {
  for (LinkEnd end : {a, b}) {
    if (end.chip < 0 || end.chip >= chips)
      return "a cable to chip " + std::to_string(end.chip) +
             ", the program has " + std::to_string(chips);
    if (end.link < 0 || end.link >= machine.c2c.links)
      return "a cable to " + describe(end) + ", a chip has " +
             std::to_string(machine.c2c.links) + " links";
  }
  const int64_t links = machine.c2c.links;
  const int64_t first = a.chip * links + a.link,
                second = b.chip * links + b.link;
  if (first == second)
    return "a cable from " + describe(a) + " to itself";
  for (auto [index, end] : {std::pair(first, a), std::pair(second, b)})
    if (ports[size_t(index)].peer >= 0)
      return "two cables at " + describe(end);
  ports[size_t(first)].peer = second;
  ports[size_t(second)].peer = first;
  return "";
}

Violation Links::find(LinkEnd end, Port *&port) {
  if (end.link < 0 || end.link >= machine.c2c.links)
    return {36, describe(end) + ", which has " +
                    std::to_string(machine.c2c.links) + " links"};
  port = &ports[size_t(end.chip * machine.c2c.links + end.link)];
  if (port->peer < 0)
    return {36, describe(end) + " goes nowhere"};
  return {};
}

Violation Links::send(LinkEnd from, uint64_t cycle, LinkVector vector) {
  if (Violation violation = deskew(from, cycle))
    return violation;
  Port &port = ports[size_t(from.chip * machine.c2c.links + from.link)];
  ports[size_t(port.peer)].arrivals.push_back(
      {cycle + uint64_t(machine.c2c.hopCycles), std::move(vector)});
  return {};
}

Violation Links::deskew(LinkEnd at, uint64_t cycle) {
  Port *port = nullptr;
  if (Violation violation = find(at, port))
    return violation;
  if (cycle < port->freeAt)
    return {33, describe(at) + " is free in cycle " +
                    std::to_string(port->freeAt) + ", used in cycle " +
                    std::to_string(cycle)};
  port->freeAt = cycle + uint64_t(machine.c2c.vectorCycles);
  return {};
}

Violation Links::receive(LinkEnd at, uint64_t cycle, LinkVector &out) {
  Port *port = nullptr;
  if (Violation violation = find(at, port))
    return violation;
  if (port->arrivals.empty())
    return {34, "nothing comes over " + describe(at)};
  Arrival &next = port->arrivals.front();
  if (cycle < next.cycle)
    return {34, "over " + describe(at) + " a vector comes in cycle " +
                    std::to_string(next.cycle) + ", taken in cycle " +
                    std::to_string(cycle)};
  if (cycle - next.cycle > uint64_t(machine.c2c.deskewWindow))
    return {35, "over " + describe(at) + " a vector came in cycle " +
                    std::to_string(next.cycle) + ", taken in cycle " +
                    std::to_string(cycle) + ", the window is " +
                    std::to_string(machine.c2c.deskewWindow)};
  out = std::move(next.vector);
  port->arrivals.pop_front();
  return {};
}

Violation Links::finish() const {
  for (size_t index = 0; index < ports.size(); ++index) {
    const Port &port = ports[index];
    if (port.arrivals.empty())
      continue;
    int64_t links = machine.c2c.links;
    return {34, "a vector that came over " +
                    describe({int64_t(index) / links, int64_t(index) % links}) +
                    " in cycle " + std::to_string(port.arrivals.front().cycle) +
                    " is never taken"};
  }
  return {};
}
