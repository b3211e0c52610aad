//===- Failures.cpp - what a kernel did wrong, in one line ----------------===//
#include "Block.h"

#include <algorithm>
#include <bit>

using namespace moert;
using namespace moert::emulator;

void Block::record(Fault fault, uint32_t who, Site site, std::string what) {
  Failure failure{fault, index,
                  textOf("kernel ", launch->kernel->name, ": block ", blockX,
                         ",", blockY, ", thread ", who, ", instruction ", site,
                         ": ", what)};
  launch->fail(std::move(failure));
}

/// Ends all threads of the block where they are. Their stacks hold nothing that
/// would have to be destroyed.
void Block::abandon() {
  stacks.restart();
  std::fill(stackOf.begin(), stackOf.end(), nullptr);
  for (Warp &w : warps)
    w.collecting = w.atBarrier = 0;
  for (Barrier &barrier : barriers)
    barrier = Barrier();
  for (Copies &list : copies)
    list.clear();
  leaveFor(outside);
}

static const char *nameOf(Together what) {
  switch (what) {
  case Together::SyncWarp:
    return "a warp barrier";
  case Together::Shuffle:
    return "a shuffle";
  case Together::Ballot:
    return "a vote";
  case Together::Mma:
    return "a matrix product";
  case Together::LoadMatrix:
    return "a load of matrices";
  }
  return "";
}

static Together kindOf(uint64_t key) { return Together(key >> 40 & 15); }
static uint32_t maskOf(uint64_t key) { return static_cast<uint32_t>(key); }

static std::string hexadecimal(uint32_t mask) {
  std::ostringstream text;
  text << "0x" << std::hex << mask;
  return text.str();
}

/// What keeps this thread, as a clause.
std::string Block::describe(uint32_t who) const {
  const Warp &w = warps[who / warpSize];
  uint32_t l = who % warpSize, bit = uint32_t(1) << l;
  if (w.left & bit)
    return "which has left";
  if (w.atBarrier & bit)
    return textOf("which waits at barrier ", w.barrier, ", instruction ",
                  w.barrierSite);
  if (w.collecting & bit)
    return textOf("which waits at ", nameOf(kindOf(w.key[l])), " of lanes ",
                  hexadecimal(maskOf(w.key[l])), ", instruction ", w.site[l]);
  return "which waits for nobody";
}

/// No thread can run, and not all have left.
void Block::stalled() {
  for (uint32_t w = 0; w < warpCount; ++w)
    if (warps[w].collecting)
      stalledTogether(w);
  uint32_t w = 0;
  while (!warps[w].atBarrier)
    ++w;
  stalledAtBarrier(w);
}

void Block::stalledTogether(uint32_t which) {
  const Warp &w = warps[which];
  uint32_t l = std::countr_zero(w.collecting), came = 0;
  for (uint32_t other = 0; other < warpSize; ++other)
    if (w.collecting >> other & 1 && w.key[other] == w.key[l])
      came |= uint32_t(1) << other;
  uint32_t first = which * warpSize, mask = maskOf(w.key[l]);
  uint32_t missing = first + std::countr_zero(mask & ~came);
  record(Fault::Other, first + l, w.site[l],
         textOf(nameOf(kindOf(w.key[l])), " of lanes ", hexadecimal(mask),
                " waits for thread ", missing, ", ", describe(missing)));
  abandon();
}

void Block::stalledAtBarrier(uint32_t which) {
  const Warp &w = warps[which];
  const Barrier &barrier = barriers[w.barrier];
  uint32_t who = which * warpSize + std::countr_zero(w.atBarrier);
  uint32_t missing = which * warpSize + std::countr_one(w.atBarrier);
  if (w.atBarrier == allLanes) {
    // Somebody of another warp.
    auto isHere = [&](const Warp &other) {
      return other.atBarrier == allLanes && other.barrier == w.barrier;
    };
    auto other =
        std::find_if_not(warps.begin(), warps.begin() + warpCount, isHere);
    missing = static_cast<uint32_t>(other - warps.begin()) * warpSize;
    if (missing < threads && other->atBarrier && other->barrier == w.barrier)
      missing += std::countr_one(other->atBarrier);
  }
  std::string text = textOf("barrier ", w.barrier, " of ", barrier.expected,
                            " threads has ", barrier.waiting);
  if (missing < threads)
    text += textOf(" and waits for thread ", missing, ", ", describe(missing));
  record(Fault::Other, who, w.barrierSite, std::move(text));
  abandon();
}
