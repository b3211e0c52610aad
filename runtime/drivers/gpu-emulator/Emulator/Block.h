//===- Block.h - runs one block of threads after another --------*- C++ -*-===//
//
// A thread of the GPU runs on a stack of its own until it must wait for others;
// then the next one that can run goes on, of the same warp if there is any.
// Which one is a matter of their numbers alone, so a kernel does the same each
// time. A thread that ends leaves its stack to the next one that starts: a
// kernel without barriers never switches.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_EMULATOR_BLOCK_H
#define MOERT_DRIVERS_EMULATOR_BLOCK_H

#include "Copies.h"
#include "Launch.h"
#include "MemoryMap.h"
#include "Products.h"
#include "Races.h"
#include "SharedMemory.h"
#include "Stacks.h"
#include <sstream>

namespace moert::emulator {

inline constexpr uint32_t allLanes = ~uint32_t(0);

/// What the lanes of a warp do together.
enum class Together : uint8_t { SyncWarp, Shuffle, Ballot, Mma, LoadMatrix };

struct Warp {
  uint32_t ready = 0;      ///< lanes that can run or begin
  uint32_t left = 0;       ///< lanes that have returned
  uint32_t collecting = 0; ///< lanes that wait for other lanes of the warp
  uint32_t atBarrier = 0; ///< lanes that wait at a barrier, all at the same one
  int32_t barrier = 0;
  moert_emulator_site_t barrierSite = 0;
  /// Whether collecting lanes want different things; if not they want firstKey.
  bool isMixed = false;
  uint64_t firstKey = 0;

  // Of each lane that collects: what it wants, what it brings, what it gets.
  uint64_t key[warpSize];
  moert_emulator_site_t site[warpSize];
  uint32_t value[warpSize], source[warpSize], clamp[warpSize];
  uint32_t result[warpSize];
  Fragments fragments[warpSize];
};

/// Lanes that wait at one of the barriers of a block.
struct Barrier {
  int64_t expected = 0; ///< threads
  uint32_t waiting = 0; ///< threads
  uint32_t warps = 0;   ///< that wait with all lanes
};

class Block {
public:
  Block(const MemoryMap &memory, bool checksRaces);

  /// Makes all that the kernel needs.
  Status prepare(const moert_gpu_kernel_t &kernel);
  /// Runs blocks until all are taken or one has failed.
  void run(Launch &launch);

private:
  struct Table; // what kernels call; Block.cpp and Access.cpp
  friend struct Table;
  using Site = moert_emulator_site_t;

  // Block.cpp
  static void live(void *block);
  bool begin();
  void leave();
  bool choose();
  void wait();
  void wake(uint32_t index, uint32_t lanes);

  // Collectives.cpp
  void barrier(int32_t id, int32_t count, Site site);
  void release(Barrier &barrier);
  /// Waits until all lanes of the mask want the same. True for the one that
  /// comes last, who has to serve all and then to call finish.
  bool collect(Together what, uint32_t mode, uint32_t mask, Site site);
  void finish(uint32_t mask);
  bool allWant(uint64_t wanted, uint32_t mask) const;
  void shuffle(int32_t mode, uint32_t mask);
  void ballot(uint32_t mask);
  void loadMatrix(int32_t count, bool isTransposed);

  // Access.cpp
  void access(const void *address, int64_t bytes, int32_t kind, Site site);
  void accessShared(uintptr_t address, int64_t bytes, int32_t kind, Site site);
  void accessGlobal(uintptr_t address, int64_t bytes, int32_t kind, Site site);
  void checkAlignment(uintptr_t address, int64_t bytes, int32_t kind,
                      Site site);
  /// Nobody may write where a copy is going to.
  void checkFree(int64_t offset, int64_t bytes, Site site);
  void checkWritten(int64_t offset, int64_t bytes, uint32_t who, Site site) {
    if (!shared.isWritten(offset, bytes)) [[unlikely]]
      failUnwritten(offset, bytes, who, site);
  }
  [[noreturn]] void failMisaligned(uintptr_t address, int64_t bytes,
                                   int32_t kind, Site site);
  [[noreturn]] void failShared(int64_t offset, int64_t bytes, int32_t kind,
                               Site site);
  [[noreturn]] void failUnwritten(int64_t offset, int64_t bytes, uint32_t who,
                                  Site site);
  void checkRaces(uintptr_t address, int64_t bytes, int32_t kind,
                  uint32_t byThread, Site site);
  void copyAsync(void *shared, const void *global, int32_t bytes, int32_t from,
                 Site site);
  void arrive(const Copy &copy);

  // Failures.cpp
  /// For parts that own nothing: nobody comes back to destroy them.
  template <typename... Parts>
  [[noreturn]] void fail(Fault fault, Site site, const Parts &...parts) {
    failAs(fault, thread, site, parts...);
  }
  template <typename... Parts>
  [[noreturn]] void failAs(Fault fault, uint32_t who, Site site,
                           const Parts &...parts) {
    record(fault, who, site, textOf(parts...));
    abandon();
  }
  template <typename... Parts>
  static std::string textOf(const Parts &...parts) {
    std::ostringstream text;
    (text << ... << parts);
    return text.str();
  }
  void record(Fault fault, uint32_t who, Site site, std::string what);
  [[noreturn]] void abandon();
  [[noreturn]] void stalled();
  [[noreturn]] void stalledTogether(uint32_t warp);
  [[noreturn]] void stalledAtBarrier(uint32_t warp);
  std::string describe(uint32_t who) const;

  // What is read all the time comes first.
  moert_emulator_t table;
  uint32_t thread = 0; ///< that runs
  uint32_t lane = 0;
  uint32_t warpIndex = 0;
  Warp *warp = nullptr;
  uint32_t readyWarps = 0;
  uint32_t threads = 0, warpCount = 0;
  uint32_t leftCount = 0;
  int64_t blockX = 0, blockY = 0, index = 0;
  bool hasCopies = false; ///< some thread of the block has made some
  Launch *launch = nullptr;
  const bool isWatched; ///< for races
  SharedMemory shared;

  /// The range that an instruction touched last.
  static constexpr uint32_t cachedSites = 256;
  Range cache[cachedSites];
  uint64_t cacheVersion = 0;
  const MemoryMap &memory;

  Stacks stacks;
  Fibre outside;             ///< who called run
  Stack *starting = nullptr; ///< that is being switched to for a new thread
  std::vector<Stack *>
      stackOf; ///< of each thread; null before and after its life
  std::vector<Warp> warps;
  Barrier barriers[16];
  std::vector<Copies> copies; ///< of each thread
  Races races;
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_BLOCK_H
