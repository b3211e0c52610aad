//===- Access.cpp - what kernels call, and whether they may ---------------===//
#include "Block.h"

#include <algorithm>

using namespace moert;
using namespace moert::emulator;

static bool writes(int32_t kind) { return kind & 2; }

static const char *verbOf(int32_t kind) {
  switch (kind & 0xff) {
  case MOERT_EMULATOR_READ:
    return "reads";
  case MOERT_EMULATOR_WRITE:
    return "writes";
  default:
    return "changes";
  }
}

/// What the address of an access must be a multiple of, if nothing else is
/// said.
static uint64_t naturalAlignment(int64_t bytes) {
  return std::min<uint64_t>(uint64_t(bytes) & -uint64_t(bytes), 16);
}

/// The same, or less where the kernel says so.
static uint64_t alignmentOf(int64_t bytes, int32_t kind) {
  uint64_t said = uint32_t(kind) >> 8;
  return said ? said : naturalAlignment(bytes);
}

inline void Block::checkAlignment(uintptr_t address, int64_t bytes,
                                  int32_t kind, Site site) {
  if (address & (alignmentOf(bytes, kind) - 1)) [[unlikely]]
    failMisaligned(address, bytes, kind, site);
}

inline void Block::checkFree(int64_t offset, int64_t bytes, Site site) {
  if (shared.awaitsCopy(offset, bytes)) [[unlikely]]
    fail(Fault::Other, site, "writes ", bytes, " bytes at offset ", offset,
         " of shared memory, to which a copy is on its way");
}

inline void Block::accessShared(uintptr_t address, int64_t bytes, int32_t kind,
                                Site site) {
  checkAlignment(address, bytes, kind, site);
  int64_t offset = shared.getOffset(address);
  if (!shared.holds(offset, bytes)) [[unlikely]]
    failShared(offset, bytes, kind, site);
  if ((kind & 0xff) == MOERT_EMULATOR_WRITE) {
    if (hasCopies)
      checkFree(offset, bytes, site);
    shared.setWritten(offset, bytes);
  } else {
    checkWritten(offset, bytes, thread, site);
  }
  if (isWatched) [[unlikely]]
    checkRaces(address, bytes, kind, thread, site);
}

inline void Block::access(const void *pointer, int64_t bytes, int32_t kind,
                          Site site) {
  auto address = reinterpret_cast<uintptr_t>(pointer);
  if (shared.isMeant(address))
    return accessShared(address, bytes, kind, site);
  const Range &range = cache[uint32_t(site) % cachedSites];
  if (!range.holds(address, uint64_t(bytes)) ||
      (address & (alignmentOf(bytes, kind) - 1)) ||
      (writes(kind) && !range.writable) || isWatched) [[unlikely]]
    accessGlobal(address, bytes, kind, site);
}

void Block::accessGlobal(uintptr_t address, int64_t bytes, int32_t kind,
                         Site site) {
  checkAlignment(address, bytes, kind, site);
  const Range *range = memory.find(address);
  if (!range || !range->holds(address, uint64_t(bytes))) {
    record(Fault::Bounds, thread, site,
           textOf(verbOf(kind), " ", bytes, " bytes at address ",
                  reinterpret_cast<void *>(address), ", ",
                  memory.describe(address)));
    abandon();
  }
  if (writes(kind) && !range->writable)
    fail(Fault::Bounds, site, verbOf(kind), " ", bytes, " bytes at address ",
         reinterpret_cast<void *>(address), ", which is constant memory");
  cache[uint32_t(site) % cachedSites] = *range;
  if (isWatched)
    checkRaces(address, bytes, kind, thread, site);
}

void Block::failMisaligned(uintptr_t address, int64_t bytes, int32_t kind,
                           Site site) {
  fail(Fault::Misaligned, site, verbOf(kind), " ", bytes, " bytes at address ",
       reinterpret_cast<void *>(address), ", which is not a multiple of ",
       alignmentOf(bytes, kind));
}

void Block::failShared(int64_t offset, int64_t bytes, int32_t kind, Site site) {
  fail(Fault::Bounds, site, verbOf(kind), " ", bytes, " bytes at offset ",
       offset, " of shared memory, which has ", shared.getBytes(), " bytes");
}

void Block::failUnwritten(int64_t offset, int64_t bytes, uint32_t who,
                          Site site) {
  int64_t byte = shared.findUnwritten(offset, bytes);
  failAs(Fault::Other, who, site, "reads byte ", byte, " of shared memory, ",
         shared.isCopiedTo(byte)
             ? "to which a copy is on its way that nobody has waited for"
             : "which nobody has written");
}

void Block::checkRaces(uintptr_t address, int64_t bytes, int32_t kind,
                       uint32_t byThread, Site site) {
  bool isShared = shared.isMeant(address);
  Races::Conflict conflict;
  if (!races.note(address, bytes, kind & 0xff, byThread, isShared, &conflict))
    return;
  record(Fault::Other, byThread, site,
         textOf(verbOf(kind), " ", bytes, " bytes at ",
                isShared
                    ? textOf("offset ", shared.getOffset(address),
                             " of shared memory")
                    : textOf("address ", reinterpret_cast<void *>(address)),
                " that thread ", conflict.thread, " of block ",
                conflict.block % launch->blocksX, ",",
                conflict.block / launch->blocksX,
                conflict.hasWritten ? " wrote" : " read",
                ", with nothing between that orders the two"));
  abandon();
}

void Block::copyAsync(void *to, const void *from, int32_t bytes, int32_t count,
                      Site site) {
  if (bytes != 4 && bytes != 8 && bytes != 16)
    fail(Fault::Other, site, "copies ", bytes,
         " bytes: must be 4, 8 or 16 bytes");
  if (count < 0 || count > bytes)
    fail(Fault::Other, site, "copies ", count, " of ", bytes, " bytes");
  auto address = reinterpret_cast<uintptr_t>(to);
  int64_t offset = shared.getOffset(address);
  checkAlignment(address, bytes, MOERT_EMULATOR_WRITE, site);
  if (!shared.isMeant(address) || !shared.holds(offset, bytes))
    fail(Fault::Bounds, site, "copies ", bytes, " bytes to offset ", offset,
         " of shared memory, which has ", shared.getBytes(), " bytes");
  checkFree(offset, bytes, site);
  auto source = reinterpret_cast<uintptr_t>(from);
  if (count) {
    checkAlignment(source, bytes, MOERT_EMULATOR_READ, site);
    const Range &range = cache[uint32_t(site) % cachedSites];
    if (!range.holds(source, uint64_t(count)) || isWatched)
      accessGlobal(source, count, MOERT_EMULATOR_READ | 1 << 8, site);
  }
  shared.setCopiedTo(offset, bytes);
  if (isWatched)
    checkRaces(address, bytes, MOERT_EMULATOR_WRITE, thread, site);
  hasCopies = true;
  bool isNoted = true;
  try {
    copies[thread].add({to, from, bytes, count, site});
  } catch (const std::bad_alloc &) {
    isNoted = false; // no exception gets through a kernel
  }
  if (!isNoted)
    fail(Fault::Other, site, "out of memory for copies on their way");
}

void Block::arrive(const Copy &copy) {
  auto *to = static_cast<char *>(copy.shared);
  if (isWatched) {
    if (copy.from)
      checkRaces(reinterpret_cast<uintptr_t>(copy.global), copy.from,
                 MOERT_EMULATOR_READ, thread, copy.site);
    checkRaces(reinterpret_cast<uintptr_t>(to), copy.bytes,
               MOERT_EMULATOR_WRITE, thread, copy.site);
  }
  std::memcpy(to, copy.global, static_cast<size_t>(copy.from));
  std::memset(to + copy.from, 0, static_cast<size_t>(copy.bytes - copy.from));
  shared.setWritten(to - shared.getBegin(), copy.bytes);
}

//===----------------------------------------------------------------------===//
// What kernels call
//===----------------------------------------------------------------------===//

struct Block::Table {
  using E = const moert_emulator_t *;

  static Block &of(E e) { return *static_cast<Block *>(e->host); }

  static uint32_t special(E e, int32_t which) {
    const Block &b = of(e);
    switch (which) {
    case MOERT_EMULATOR_THREAD:
      return b.thread;
    case MOERT_EMULATOR_THREADS:
      return b.threads;
    case MOERT_EMULATOR_BLOCK_X:
      return static_cast<uint32_t>(b.blockX);
    case MOERT_EMULATOR_BLOCK_Y:
      return static_cast<uint32_t>(b.blockY);
    case MOERT_EMULATOR_BLOCKS_X:
      return static_cast<uint32_t>(b.launch->blocksX);
    default:
      return static_cast<uint32_t>(b.launch->blocksY);
    }
  }
  static void *shared(E e) { return of(e).shared.getBegin(); }
  static void access(E e, const void *address, int64_t bytes, int32_t kind,
                     Site site) {
    of(e).access(address, bytes, kind, site);
  }
  static void barrier(E e, int32_t id, int32_t threads, Site site) {
    of(e).barrier(id, threads, site);
  }
  static void syncWarp(E e, uint32_t mask, Site site) {
    Block &b = of(e);
    if (!b.collect(Together::SyncWarp, 0, mask, site))
      return;
    if (b.isWatched)
      b.races.syncWarp(b.warpIndex, mask);
    b.finish(mask);
  }
  static uint32_t shuffle(E e, int32_t mode, uint32_t mask, uint32_t value,
                          uint32_t lane, uint32_t clamp, Site site) {
    Block &b = of(e);
    Warp &w = *b.warp;
    uint32_t self = b.lane;
    w.value[self] = value;
    w.source[self] = lane;
    w.clamp[self] = clamp;
    if (b.collect(Together::Shuffle, uint32_t(mode), mask, site)) {
      b.shuffle(mode, mask);
      b.finish(mask);
    }
    return w.result[self];
  }
  static uint32_t ballot(E e, uint32_t mask, int32_t predicate, Site site) {
    Block &b = of(e);
    Warp &w = *b.warp;
    uint32_t self = b.lane;
    w.value[self] = predicate != 0;
    if (b.collect(Together::Ballot, 0, mask, site)) {
      b.ballot(mask);
      b.finish(mask);
    }
    return w.result[self];
  }
  static void mma(E e, int32_t shape, const uint32_t *a, const uint32_t *b,
                  const uint32_t *c, uint32_t *d, Site site) {
    Block &block = of(e);
    block.warp->fragments[block.lane] = {a, b, c, d, nullptr};
    if (!block.collect(Together::Mma, uint32_t(shape), allLanes, site))
      return;
    const Fragments *fragments = block.warp->fragments;
    if (shape == MOERT_EMULATOR_MMA_M16N8K16_BF16)
      multiplyBf16(fragments);
    else
      multiplyInt8(fragments, shape == MOERT_EMULATOR_MMA_M16N8K32_S8S8);
    block.finish(allLanes);
  }
  static void loadMatrix(E e, int32_t count, int32_t transposed,
                         const void *row, uint32_t *result, Site site) {
    Block &b = of(e);
    b.warp->fragments[b.lane] = {nullptr, nullptr, nullptr, result, row};
    uint32_t mode = uint32_t(count) | (transposed ? 16 : 0);
    if (!b.collect(Together::LoadMatrix, mode, allLanes, site))
      return;
    b.loadMatrix(count, transposed);
    b.finish(allLanes);
  }
  static void copyAsync(E e, void *shared, const void *global, int32_t bytes,
                        int32_t from, Site site) {
    of(e).copyAsync(shared, global, bytes, from, site);
  }
  static void commitCopies(E e) {
    Block &b = of(e);
    b.hasCopies = true;
    b.copies[b.thread].commit();
  }
  static void waitCopies(E e, int32_t groups) {
    Block &b = of(e);
    while (const Copy *copy = b.copies[b.thread].takeArrival(groups))
      b.arrive(*copy);
  }
};

Block::Block(const MemoryMap &memory, bool checksRaces)
    : table{sizeof(moert_emulator_t),
            MOERT_GPU_VERSION,
            this,
            Table::special,
            Table::shared,
            Table::access,
            Table::barrier,
            Table::syncWarp,
            Table::shuffle,
            Table::ballot,
            Table::mma,
            Table::loadMatrix,
            Table::copyAsync,
            Table::commitCopies,
            Table::waitCopies},
      isWatched(checksRaces), memory(memory) {}
