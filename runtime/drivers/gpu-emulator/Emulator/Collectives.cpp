//===- Collectives.cpp - what threads do together -------------------------===//
//
// As the PTX ISA says of shfl.sync, vote.sync and bar.warp.sync: a lane waits
// until all lanes of its mask have come to an instruction of the same kind with
// the same mask. mma.sync, ldmatrix and barriers are `aligned`: all lanes of
// the warp must come to the very same instruction. A lane that has left never
// comes.
//===----------------------------------------------------------------------===//
#include "Block.h"

#include <bit>

using namespace moert;
using namespace moert::emulator;

/// What lanes must agree on: mask, mode, kind and, if aligned, instruction.
static uint64_t makeKey(Together what, uint32_t mode, uint32_t mask,
                        moert_emulator_site_t site) {
  bool isAligned = what == Together::Mma || what == Together::LoadMatrix;
  return uint64_t(mask) | uint64_t(mode & 0xff) << 32 | uint64_t(what) << 40 |
         (isAligned ? uint64_t(uint32_t(site)) << 44 : 0);
}

bool Block::allWant(uint64_t wanted, uint32_t mask) const {
  for (uint32_t l = 0; l < warpSize; ++l)
    if (mask >> l & 1 && warp->key[l] != wanted)
      return false;
  return true;
}

bool Block::collect(Together what, uint32_t mode, uint32_t mask, Site site) {
  uint32_t bit = uint32_t(1) << lane;
  if (!(mask & bit))
    fail(Fault::Other, site, "lane ", lane, " is not one of the lanes 0x",
         std::hex, mask, " that it wants to meet");
  uint64_t key = makeKey(what, mode, mask, site);
  if (!warp->collecting) {
    warp->firstKey = key;
    warp->isMixed = false;
  } else if (key != warp->firstKey) {
    warp->isMixed = true;
  }
  warp->key[lane] = key;
  warp->site[lane] = site;
  warp->collecting |= bit;
  if ((warp->collecting & mask) == mask &&
      (!warp->isMixed || allWant(key, mask)))
    return true;
  wait();
  return false;
}

void Block::finish(uint32_t mask) {
  warp->collecting &= ~mask;
  wake(warpIndex, mask & ~(uint32_t(1) << lane));
}

/// Whether all lanes exchange their values with the lane whose number differs
/// in the same bits: what sums over a warp do.
static bool isExchange(const Warp &w, int32_t mode, uint32_t mask) {
  if (mode != MOERT_EMULATOR_SHUFFLE_XOR || mask != allLanes)
    return false;
  uint32_t differs = 0;
  for (uint32_t l = 0; l < warpSize; ++l)
    differs |= (w.source[l] ^ w.source[0]) | (w.clamp[l] ^ 31);
  return !differs;
}

/// shfl.sync, word by word as in the PTX ISA.
void Block::shuffle(int32_t mode, uint32_t mask) {
  Warp &w = *warp;
  if (isExchange(w, mode, mask)) {
    for (uint32_t l = 0, other = w.source[0] & 31; l < warpSize; ++l)
      w.result[l] = w.value[l ^ other];
    return;
  }
  for (uint32_t l = 0; l < warpSize; ++l) {
    if (!(mask >> l & 1))
      continue;
    uint32_t b = w.source[l] & 31, c = w.clamp[l] & 31;
    uint32_t segment = w.clamp[l] >> 8 & 31;
    uint32_t last = (l & segment) | (c & ~segment), first = l & segment;
    uint32_t from = l;
    switch (mode) {
    case MOERT_EMULATOR_SHUFFLE_UP:
      if (int32_t(l) - int32_t(b) >= int32_t(last))
        from = l - b;
      break;
    case MOERT_EMULATOR_SHUFFLE_DOWN:
      if (l + b <= last)
        from = l + b;
      break;
    case MOERT_EMULATOR_SHUFFLE_XOR:
      if ((l ^ b) <= last)
        from = l ^ b;
      break;
    default:
      if ((first | (b & ~segment)) <= last)
        from = first | (b & ~segment);
    }
    if (!(mask >> from & 1))
      failAs(Fault::Other, warpIndex * warpSize + l, w.site[l],
             "a shuffle reads lane ", from,
             ", which is not one of the lanes 0x", std::hex, mask,
             " that take part");
    w.result[l] = w.value[from];
  }
}

void Block::ballot(uint32_t mask) {
  uint32_t votes = 0;
  for (uint32_t l = 0; l < warpSize; ++l)
    votes |= (warp->value[l] & 1) << l;
  // Others may not have taken theirs yet.
  for (uint32_t l = 0; l < warpSize; ++l)
    if (mask >> l & 1)
      warp->result[l] = votes & mask;
}

/// Lanes 8i to 8i + 7 point to the rows of matrix i.
void Block::loadMatrix(int32_t count, bool isTransposed) {
  Warp &w = *warp;
  for (uint32_t l = 0; l < uint32_t(count) * 8; ++l) {
    auto address = reinterpret_cast<uintptr_t>(w.fragments[l].row);
    uint32_t who = warpIndex * warpSize + l;
    if (address % 16)
      failAs(Fault::Misaligned, who, w.site[l],
             "a row of a matrix begins at address ", w.fragments[l].row,
             ", which is not a multiple of 16");
    int64_t offset = shared.getOffset(address);
    if (!shared.isMeant(address) || !shared.holds(offset, 16))
      failAs(Fault::Bounds, who, w.site[l],
             "reads a row of a matrix, 16 bytes, at offset ", offset,
             " of shared memory, which has ", shared.getBytes(), " bytes");
    checkWritten(offset, 16, who, w.site[l]);
    if (isWatched)
      // Other lanes get what is in the row, too.
      for (uint32_t reader : {l, (l + 1) % warpSize})
        checkRaces(address, 16, MOERT_EMULATOR_READ,
                   warpIndex * warpSize + reader, w.site[l]);
  }
  for (int32_t i = 0; i < count; ++i) {
    const void *rows[8];
    for (uint32_t row = 0; row < 8; ++row)
      rows[row] = w.fragments[i * 8 + row].row;
    for (uint32_t l = 0; l < warpSize; ++l)
      w.fragments[l].d[i] = pickFromRows(rows, l, isTransposed);
  }
}

void Block::barrier(int32_t id, int32_t count, Site site) {
  int64_t expected = count ? count : int64_t(threads);
  if (id < 0 || id > 15)
    fail(Fault::Other, site, "barrier ", id, " requested, a block has 16");
  if (expected < 0 || expected > threads || expected % warpSize)
    fail(Fault::Other, site, "barrier ", id, " of ", expected,
         " threads: must be a multiple of 32 up to the ", threads,
         " threads of the block");
  if (!warp->atBarrier) {
    warp->barrier = id;
    warp->barrierSite = site;
  } else if (warp->barrier != id || warp->barrierSite != site) {
    uint32_t other = std::countr_zero(warp->atBarrier);
    other += warpIndex * warpSize;
    record(Fault::Other, thread, site,
           textOf("comes to barrier ", id, " without all of its warp: thread ",
                  other, ", ", describe(other)));
    abandon();
  }
  Barrier &barrier = barriers[id];
  if (barrier.waiting && barrier.expected != expected)
    fail(Fault::Other, site, "barrier ", id, " of ", expected,
         " threads, others wait there for ", barrier.expected);
  barrier.expected = expected;
  ++barrier.waiting;
  warp->atBarrier |= uint32_t(1) << lane;
  if (warp->atBarrier == allLanes) {
    barrier.warps |= uint32_t(1) << warpIndex;
    if (std::popcount(barrier.warps) * int64_t(warpSize) == expected) {
      release(barrier);
      return;
    }
  }
  wait();
}

/// All have come; the last one goes on at once.
void Block::release(Barrier &barrier) {
  uint32_t self = uint32_t(1) << lane;
  for (uint32_t left = barrier.warps; left; left &= left - 1) {
    uint32_t w = std::countr_zero(left);
    warps[w].atBarrier = 0;
    wake(w, w == warpIndex ? allLanes & ~self : allLanes);
  }
  barrier.waiting -= static_cast<uint32_t>(barrier.expected);
  if (isWatched)
    races.syncWarps(barrier.warps);
  barrier.warps = 0;
}
