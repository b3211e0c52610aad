//===- EngineStreams.cpp - values come onto streams and are taken ---------===//
#include "Engine.h"

using namespace moert::lpu;

Value *Engine::makeValue(const Issue &issue, uint32_t identity, int planes,
                         int held, int firstPlane) {
  Value *value = pool.make(held);
  value->identity = identity;
  value->references = 1;
  value->planes = uint8_t(planes);
  value->firstPlane = uint8_t(firstPlane);
  value->uses = issue.uses;
  value->usesWord = issue.claimWord;
  value->origin = {issue.track, issue.word, issue.cycle};
  return value;
}

void Engine::release(Value *value) {
  if (--value->references)
    return;
  uint16_t taken = value->mostTaken();
  if (options.record) {
    // Of all results of a word, the fewest: more would say that one is needed
    // which nobody takes.
    uint16_t &uses =
        recorded->uses[value->origin.track][value->usesWord];
    uses = std::min(uses, taken);
  } else if (taken < value->uses) {
    noteUnused(*value);
  }
  pool.recycle(value);
}

void Engine::noteUnused(const Value &value) {
  Warning &warning = result->unused;
  if (warning.count++ && unusedCycle <= value.origin.cycle)
    return;
  unusedCycle = value.origin.cycle;
  warning.first = describe(value) + " is taken " +
                  std::to_string(value.mostTaken()) + " times, declared are " +
                  std::to_string(value.uses);
}

void Engine::arrive(const Arrival &arrival) {
  Cell &cell = chips[arrival.chip]->streams.at(arrival.way, arrival.stream,
                                               arrival.diagonal);
  if (Value *old = cell.value) {
    if (cell.diagonal == arrival.diagonal) {
      const TrackInfo &mine = segment->tracks[arrival.value->origin.track];
      const TrackInfo &theirs = segment->tracks[old->origin.track];
      bool drains = mine.kind == MOERT_LPU_MXM_DRAIN ||
                    theirs.kind == MOERT_LPU_MXM_DRAIN;
      std::string where = std::string("stream ") +
                          (arrival.way & 1 ? "w" : "e") +
                          std::to_string(arrival.stream);
      if (cell.arrived == now)
        conflict(drains ? 18 : 1, arrival.value->origin.track,
               describe(*arrival.value) + " and " + describe(*old) +
                   " come to " + where);
      if (!options.record && old->taken[cell.plane] < old->uses &&
          old->mostTaken() < old->uses)
        conflict(drains ? 18 : 5, arrival.value->origin.track,
               describe(*arrival.value) + " overwrites " + describe(*old) +
                   " on " + where + ", taken " +
                   std::to_string(old->mostTaken()) + " of " +
                   std::to_string(old->uses) + " times");
    }
    release(old);
  }
  cell = {arrival.value, arrival.diagonal, now, arrival.plane};
  ++result->busy.streams;
  last = std::max(last, now);
}

void Engine::put(const Issue &issue, Value *value, uint8_t place,
                 int64_t column, uint64_t cycle) {
  bool westward = place & MOERT_LPU_WESTWARD;
  int hemisphere = column > 0;
  unsigned first = place & 31;
  if (first % value->held || first + value->held > unsigned(machine.streams))
    hazard(4, issue,
           "a vector of " + std::to_string(value->held) +
               " bytes onto stream " + (westward ? "w" : "e") +
               std::to_string(first));
  Arrival arrival;
  arrival.value = value;
  arrival.way = uint8_t(Streams::wayOf(hemisphere, westward));
  arrival.chip = int16_t(segment->tracks[issue.track].chip);
  arrival.diagonal = Streams::diagonalOf(westward, cycle, column);
  Bucket &bucket = bucketAt(cycle);
  for (int plane = 0; plane < value->held; ++plane) {
    arrival.plane = uint8_t(plane);
    arrival.stream = uint8_t((place & 31) + plane);
    ++value->references;
    bucket.arrivals.push_back(arrival);
  }
}

Engine::Taken Engine::take(const Issue &issue, uint8_t place, int planes,
                           int64_t column, uint64_t cycle, const char *what,
                           bool anyPlane) {
  bool westward = place & MOERT_LPU_WESTWARD;
  unsigned first = place & 31;
  // At the VXM, what flows east comes from the west.
  int hemisphere = column ? column > 0 : westward;
  int way = Streams::wayOf(hemisphere, westward);
  int64_t diagonal = Streams::diagonalOf(westward, cycle, column);
  Taken taken;
  taken.planes = planes;
  auto streamName = [&](int plane) {
    return (westward ? "w" : "e") + std::to_string(first + unsigned(plane));
  };
  if (first % unsigned(planes) ||
      first + unsigned(planes) > unsigned(machine.streams))
    hazard(4, issue,
           std::string("a vector of ") + std::to_string(planes) +
               " bytes from stream " + streamName(0));
  Streams &streams = chips[segment->tracks[issue.track].chip]->streams;
  for (int plane = 0; plane < planes; ++plane) {
    Cell &cell = streams.at(way, first + unsigned(plane), diagonal);
    Value *value = cell.value;
    if (!value || cell.diagonal != diagonal || cell.arrived > cycle)
      hazard(*what == 'm' ? 11 : 2, issue,
             std::string("nothing on stream ") + streamName(plane) +
                 " for its " + what);
    int held = value->firstPlane + cell.plane;
    if (planes > 1 ? held != plane || value->planes != planes ||
                         (plane && value->identity != taken.identity)
                   : held && !anyPlane)
      hazard(4, issue,
             std::string("byte plane ") + std::to_string(plane) + " of " +
                 std::to_string(planes) + " on stream " + streamName(plane) +
                 " is plane " + std::to_string(held) + " of " +
                 std::to_string(value->planes) + " of " + describe(*value));
    ++value->taken[cell.plane];
    taken.identity = value->identity;
    if (planes == 1 && held)
      taken.identity = moert_lpu_mix(value->identity, uint32_t(held));
    taken.value[plane] = value;
    taken.held[plane] = cell.plane;
    taken.bytes[plane] = value->bytes[cell.plane];
  }
  return taken;
}
