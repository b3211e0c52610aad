//===- Block.cpp - which thread of a block runs when ----------------------===//
#include "Block.h"

#include <bit>

using namespace moert;
using namespace moert::emulator;

/// Lanes above this one.
static uint32_t lanesAbove(uint32_t lane) { return ~uint32_t(1) << lane; }

/// The lifetime of a fibre: it runs one thread after another for as long as
/// there are any to begin.
void Block::live(void *argument) {
  Block &b = *static_cast<Block *>(argument);
  Stack *self = b.starting;
  arrived(self->fibre);
  for (;;) {
    b.stackOf[b.thread] = self;
    b.launch->kernel->emulated(&b.table, b.launch->parameters);
    b.leave();
    Fibre *next = nullptr;
    if (b.choose()) {
      if (!b.stackOf[b.thread])
        continue; // it begins here
      next = &b.stackOf[b.thread]->fibre;
    } else if (b.leftCount < b.threads) {
      b.stalled();
    } else if (b.begin()) {
      continue;
    } else {
      next = &b.outside;
    }
    // Whoever takes this stack has chosen a thread that begins.
    b.stacks.give(self);
    switchTo(self->fibre, *next);
  }
}

/// Takes the next block of the launch and chooses its first thread.
bool Block::begin() {
  if (launch->failed.load(std::memory_order_relaxed))
    return false;
  index = launch->next.fetch_add(1, std::memory_order_relaxed);
  if (index >= launch->blocksX * launch->blocksY)
    return false;
  blockX = index % launch->blocksX;
  blockY = index / launch->blocksX;
  for (uint32_t w = 0; w < warpCount; ++w) {
    warps[w].ready = allLanes;
    warps[w].left = 0;
  }
  readyWarps = allLanes >> (maxWarps - warpCount);
  leftCount = 0;
  hasCopies = false;
  shared.forget();
  if (isWatched)
    races.beginBlock(index);
  thread = lane = warpIndex = 0;
  warp = &warps[0];
  warp->ready &= ~uint32_t(1);
  return true;
}

/// The thread that runs has returned.
void Block::leave() {
  stackOf[thread] = nullptr;
  warp->left |= uint32_t(1) << lane;
  ++leftCount;
  if (hasCopies)
    copies[thread].clear();
}

/// Chooses the thread that runs next: of the same warp, else of the next one.
/// False if none can run.
bool Block::choose() {
  uint32_t lanes = warp->ready;
  if (!lanes) {
    if (!readyWarps)
      return false;
    uint32_t above = readyWarps & lanesAbove(warpIndex);
    warpIndex = std::countr_zero(above ? above : readyWarps);
    warp = &warps[warpIndex];
    lanes = warp->ready;
    lane = warpSize - 1;
  }
  uint32_t above = lanes & lanesAbove(lane);
  lane = std::countr_zero(above ? above : lanes);
  warp->ready &= ~(uint32_t(1) << lane);
  if (!warp->ready)
    readyWarps &= ~(uint32_t(1) << warpIndex);
  thread = warpIndex * warpSize + lane;
  return true;
}

/// Lets others run until somebody wakes the thread that calls.
void Block::wait() {
  Stack *self = stackOf[thread];
  if (!choose())
    stalled();
  Stack *next = stackOf[thread];
  if (!next)
    next = starting = stacks.take();
  switchTo(self->fibre, next->fibre);
}

void Block::wake(uint32_t which, uint32_t lanes) {
  if (!lanes)
    return;
  warps[which].ready |= lanes;
  readyWarps |= uint32_t(1) << which;
}

Status Block::prepare(const moert_gpu_kernel_t &kernel) {
  threads = kernel.threads;
  warpCount = threads / warpSize;
  MOERT_RETURN_IF_ERROR(shared.allocate());
  MOERT_RETURN_IF_ERROR(stacks.reserve(threads, live, this));
  shared.resize(kernel.shared_bytes);
  if (stackOf.size() < threads) {
    stackOf.resize(threads);
    warps.resize(warpCount);
    copies.resize(threads);
  }
  if (isWatched)
    races.beginLaunch(threads);
  if (cacheVersion != memory.getVersion()) {
    for (Range &range : cache)
      range = Range();
    cacheVersion = memory.getVersion();
  }
  return Status();
}

void Block::run(Launch &newLaunch) {
  launch = &newLaunch;
  if (begin()) {
    starting = stacks.take();
    switchTo(outside, starting->fibre);
  }
  launch = nullptr;
}
