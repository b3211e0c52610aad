//===- Races.cpp - accesses that nothing orders ---------------------------===//
#include "Races.h"

#include <algorithm>
#include <bit>

using namespace moert::emulator;

static constexpr uintptr_t pageBytes = 4096;
/// What all pages together may take between two launches.
static constexpr uint64_t maxKeptBytes = uint64_t(1) << 30;
static constexpr uint32_t clockBits = 22;

static uint64_t makeMark(uint32_t block, uint32_t thread, uint32_t clock) {
  return uint64_t(block) << 32 | thread << clockBits | clock;
}
static uint32_t blockOf(uint64_t mark) { return uint32_t(mark >> 32); }
static uint32_t threadOf(uint64_t mark) { return uint32_t(mark) >> clockBits; }
static uint32_t clockOf(uint64_t mark) {
  return uint32_t(mark) & ((uint32_t(1) << clockBits) - 1);
}

/// Of many accesses that do not race with each other: the last; the last before
/// it by another warp or block; the last before it by another lane of its warp.
/// Whoever races with one that is forgotten also races with one of these, but
/// for rare chains of warp barriers.
struct Crowd {
  uint64_t last, elsewhere, beside;

  void add(uint64_t mark) {
    if (last && blockOf(last) == blockOf(mark)) {
      if (threadOf(last) == threadOf(mark)) {
        last = mark;
        return;
      }
      if (threadOf(last) / warpSize == threadOf(mark) / warpSize) {
        beside = last;
        last = mark;
        return;
      }
    }
    if (last)
      elsewhere = last;
    beside = 0;
    last = mark;
  }
};

struct Races::Cell {
  Mark write;
  Crowd atomics, reads;
};

/// Cells of a page: one for four bytes, or, once somebody touched fewer, for
/// one.
struct Races::Page {
  uint64_t launch = 0;
  bool isFine = false;
  std::vector<Cell> cells = std::vector<Cell>(pageBytes / 4);
};

Races::Races() = default;
Races::~Races() = default;

void Races::beginLaunch(uint32_t newThreads) {
  ++launch;
  if (usedBytes > maxKeptBytes) {
    pages.clear();
    usedBytes = 0;
  }
  if (threads == newThreads)
    return;
  threads = newThreads;
  clocks.assign(threads, 1);
  common.assign(threads, 0);
  rows.assign(size_t(threads) * threads, 0);
  rowEpochs.assign(threads, 0);
  joined.assign(threads, 0);
  epoch = 1;
}

void Races::beginBlock(int64_t newBlock) {
  block = static_cast<uint32_t>(newBlock);
  std::fill(clocks.begin(), clocks.end(), 1);
  std::fill(common.begin(), common.end(), 0);
  ++epoch;
}

/// Up to which time of `thread` the other one is behind.
uint32_t Races::seen(uint32_t by, uint32_t thread) const {
  uint32_t own =
      rowEpochs[by] == epoch ? rows[size_t(by) * threads + thread] : 0;
  return std::max(common[thread], own);
}

uint32_t *Races::rowOf(uint32_t thread) {
  uint32_t *row = &rows[size_t(thread) * threads];
  if (rowEpochs[thread] != epoch) {
    std::fill(row, row + threads, 0);
    rowEpochs[thread] = epoch;
  }
  return row;
}

/// Everybody in `meeting` is behind all that any of them has done or is behind.
void Races::meet() {
  std::fill(joined.begin(), joined.end(), 0);
  for (uint32_t who : meeting) {
    if (rowEpochs[who] == epoch) {
      const uint32_t *row = rowOf(who);
      for (uint32_t i = 0; i < threads; ++i)
        joined[i] = std::max(joined[i], row[i]);
    }
    joined[who] = clocks[who];
  }
  for (uint32_t who : meeting) {
    std::copy(joined.begin(), joined.end(), rowOf(who));
    ++clocks[who];
  }
}

void Races::syncWarp(uint32_t warp, uint32_t lanes) {
  meeting.clear();
  for (; lanes; lanes &= lanes - 1)
    meeting.push_back(warp * warpSize + std::countr_zero(lanes));
  meet();
}

void Races::syncWarps(uint32_t warps) {
  if (std::popcount(warps) * warpSize == threads) {
    for (uint32_t i = 0; i < threads; ++i)
      common[i] = clocks[i]++;
    ++epoch;
    return;
  }
  meeting.clear();
  for (; warps; warps &= warps - 1)
    for (uint32_t l = 0; l < warpSize; ++l)
      meeting.push_back(std::countr_zero(warps) * warpSize + l);
  meet();
}

Races::Page &Races::pageOf(uintptr_t address) {
  uintptr_t number = address / pageBytes;
  std::unique_ptr<Page> &page = pages[number];
  if (!page) {
    page = std::make_unique<Page>();
    usedBytes += page->cells.size() * sizeof(Cell);
  }
  if (page->launch != launch) {
    std::fill(page->cells.begin(), page->cells.end(), Cell());
    page->launch = launch;
  }
  return *page;
}

void Races::refine(Page &page) {
  std::vector<Cell> fine(pageBytes);
  for (size_t i = 0; i < fine.size(); ++i)
    fine[i] = page.cells[i / 4];
  page.cells = std::move(fine);
  page.isFine = true;
}

/// Whether nothing orders the accesses. Marks of other blocks in shared memory
/// are of blocks that are over.
bool Races::races(Mark mark, Mark self, bool isShared) const {
  if (!mark)
    return false;
  if (blockOf(mark) != blockOf(self))
    return !isShared;
  uint32_t other = threadOf(mark), me = threadOf(self);
  return other != me && seen(me, other) < clockOf(mark);
}

bool Races::noteCell(Cell &cell, int32_t kind, Mark self, bool isShared,
                     Conflict *out) const {
  auto collides = [&](Mark mark, bool hasWritten) {
    if (!races(mark, self, isShared))
      return false;
    *out = {blockOf(mark), threadOf(mark), hasWritten};
    return true;
  };
  auto collidesWithAny = [&](const Crowd &crowd, bool hasWritten) {
    return collides(crowd.last, hasWritten) ||
           collides(crowd.elsewhere, hasWritten) ||
           collides(crowd.beside, hasWritten);
  };
  bool isAtomic = kind == MOERT_EMULATOR_ATOMIC;
  bool isRead = kind == MOERT_EMULATOR_READ;
  if (collides(cell.write, true) ||
      (!isAtomic && collidesWithAny(cell.atomics, true)) ||
      (!isRead && collidesWithAny(cell.reads, false)))
    return true;
  if (isRead)
    cell.reads.add(self);
  else if (isAtomic)
    cell.atomics.add(self);
  else
    cell = {self, {}, {}}; // everything else happened before
  return false;
}

bool Races::note(uintptr_t address, int64_t bytes, int32_t kind,
                 uint32_t thread, bool isShared, Conflict *out) {
  Mark self = makeMark(block, thread, clocks[thread]);
  uintptr_t end = address + static_cast<uintptr_t>(bytes);
  while (address < end) {
    Page &page = pageOf(address);
    uintptr_t pageEnd = (address / pageBytes + 1) * pageBytes;
    uintptr_t stop = std::min(end, pageEnd);
    if (!page.isFine && (address % 4 || stop % 4)) {
      refine(page);
      usedBytes += pageBytes * 3 / 4 * sizeof(Cell);
    }
    uintptr_t step = page.isFine ? 1 : 4;
    for (; address < stop; address += step)
      if (noteCell(page.cells[address % pageBytes / step], kind, self, isShared,
                   out))
        return true;
  }
  return false;
}
