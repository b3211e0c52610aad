//===- Engine.h - the state of a machine, cycle after cycle -----*- C++ -*-===//
//
// In each cycle: results come onto streams, rows are written, and then who is
// at work or issues takes what it takes; drains after feeds, else in no order
// that matters. A hazard is thrown, and leaves the engine to be reset.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_ENGINE_H
#define MOERT_DRIVERS_LPU_SIMULATOR_ENGINE_H

#include "Layout.h"
#include "Links.h"
#include "Memory.h"
#include "Mxm.h"
#include "Simulator.h"
#include "Streams.h"
#include <map>

namespace moert::lpu {

struct HazardError {
  std::string message;
};

class Engine {
public:
  Engine(const CheckedProgram &program, const SimulatorOptions &options,
         Memory &memory);
  ~Engine();

  /// Throws HazardError.
  void run(size_t segment, Result &result, Recorded &recorded);

private:
  using Instruction = moert_lpu_instruction_t;

  /// A queue and where it is.
  struct Queue {
    const TrackInfo *info = nullptr;
    int64_t column = 0; ///< of the unit; negative in the west
    size_t unit = 0;    ///< index into the chip's
    size_t slice = 0;   ///< of memory, of all chips
    bool isReady = false; ///< `instruction` is what comes next
    uint32_t next = 0;  ///< word to decode
    uint64_t cycle = 0; ///< that it would issue in
    Instruction instruction = {}; ///< that it issues then
    uint32_t word = 0;            ///< of the instruction
    uint32_t claimWord = 0;       ///< of it, or of the REPEAT
    uint32_t left = 0, every = 0, stride = 0; ///< repetitions after this one
    uint32_t claim = 0;                       ///< folded, of a REPEAT
    uint64_t words = 0;     ///< that are in the queue
    uint64_t fetched = 0, fetchedFrom = 0; ///< that will be, from a cycle on
    bool isWaiting = false; ///< in a SYNC
  };
  /// What an issued instruction needs to know about itself.
  struct Issue {
    uint32_t track = 0;
    uint32_t word = 0, claimWord = 0;
    bool isRepetition = false, isLast = false;
    uint64_t cycle = 0;
    Instruction instruction = {};
    uint16_t uses = 0;
  };
  /// An instruction that takes or gives something in each of n cycles.
  struct Work {
    Issue issue;
    uint64_t done = 0, cycles = 0;
    uint32_t fold = 0;
    size_t slot = 0;              ///< ACC: of `drained`
    std::vector<uint32_t> parts;  ///< LW: identities, in order
    std::vector<uint8_t> text;    ///< IFETCH
  };
  /// What an array gives in a cycle.
  struct Drained {
    explicit Drained(size_t lanes) : words(lanes) {}
    AlignedArray<uint32_t> words;
    Violation violation;
    Mxm::Sum sum;
  };
  struct Arrival {
    Value *value;
    uint8_t plane, way, stream;
    int16_t chip;
    int64_t diagonal;
  };
  struct Commit {
    Issue issue;
    size_t slice;
    Value *data, *map;
    uint8_t plane; ///< of the data
    uint32_t dataIdentity, mapIdentity;
  };
  struct Bucket {
    std::vector<Arrival> arrivals;
    std::vector<Commit> commits;
    std::vector<uint32_t> works, issues;
    bool empty() const {
      return arrivals.empty() && commits.empty() && works.empty() &&
             issues.empty();
    }
  };
  struct AluResult {
    Value *value = nullptr;
    uint64_t cycle = UINT64_MAX; ///< dispatched
    uint32_t takes = 0;     ///< by ALUs
    bool hasStream = false; ///< it goes onto one, too
    uint32_t *words = nullptr;
  };
  struct Alu {
    std::vector<AluResult> results; ///< ring
    Value *latch = nullptr;
    uint32_t *latchWords = nullptr;
  };
  /// Who used a port or unit last.
  struct LastUse {
    uint64_t cycle = UINT64_MAX;
    uint64_t until = 0; ///< first cycle in which it is free
    uint64_t banks = 0;
    uint32_t track = 0, word = 0;
    uint16_t row = 0;
  };
  struct Chip {
    explicit Chip(const Machine &machine) : streams(machine) {}
    Streams streams;
    std::vector<Alu> alus;
    std::vector<LastUse> units; ///< by kind and unit
    std::unique_ptr<Mxm> mxm[2];
    std::vector<uint32_t> waiting; ///< tracks in a SYNC
  };
  /// What an instruction takes: the value of each plane.
  struct Taken {
    uint32_t identity = 0;
    int planes = 0;
    Value *value[4] = {};
    uint8_t held[4] = {}; ///< index into the value's planes
    const uint8_t *bytes[4] = {};
  };

  // Engine.cpp: time
  void start(size_t segment);
  void clear();
  void advance(uint32_t track);
  void decode(uint32_t track);
  void repeat(Queue &queue, uint32_t track, const Instruction &word);
  void schedule(uint32_t track);
  void issue(uint32_t track);
  void dispatch(const Issue &issue);
  void synchronize(const Issue &issue);
  void notify(const Issue &issue);
  void step();
  uint64_t nextCycle();
  Bucket &bucketAt(uint64_t cycle);
  void startWork(const Issue &issue, uint64_t cycles);
  void continueWork(uint32_t index);
  void startFetch(const Issue &issue);
  void fetch(Work &work);
  void flipBits();
  void claim(const Issue &issue, uint32_t value, const Value *taken = nullptr);
  LastUse &use(const Issue &issue, uint64_t cycles);
  void finish();

  // EngineStreams.cpp
  Value *makeValue(const Issue &issue, uint32_t identity, int planes, int held,
                   int firstPlane = 0);
  void release(Value *value);
  void arrive(const Arrival &arrival);
  void put(const Issue &issue, Value *value, uint8_t place, int64_t column,
           uint64_t cycle);
  Taken take(const Issue &issue, uint8_t place, int planes, int64_t column,
             uint64_t cycle, const char *what, bool anyPlane = false);

  // EngineMemory.cpp
  void read(const Issue &issue);
  void gather(const Issue &issue, const BufferInfo &buffer, const uint8_t *map,
              uint8_t *out);
  void checkRow(const Issue &issue, uint32_t row, uint64_t superlanes);
  void write(const Issue &issue);
  void commit(const Commit &commit);
  uint64_t banksOf(size_t slice, const Issue &issue, bool indirect) const;
  uint32_t rowOf(const Issue &issue, size_t slice);

  // EngineVxm.cpp
  void compute(const Issue &issue);
  struct Operand {
    uint32_t identity = 0;
    const uint32_t *words = nullptr;
    const Value *value = nullptr;
  };
  void checkReach(const Issue &issue);
  Operand operand(const Issue &issue, uint8_t place, int planes,
                  uint32_t *buffer);

  // EngineUnits.cpp: MXM, SXM, links
  void matrix(const Issue &issue);
  void load(Work &work);
  void feed(Work &work);
  void multiply();
  void drain(Work &work, Drained &drained);
  void checkDrained(const Issue &feed) const;
  void exchange(const Issue &issue);
  void transpose(const Issue &issue);
  void takeMap(const Issue &issue, Taken &map);
  void link(const Issue &issue);
  void check(const Issue &issue, const Violation &violation) const;

  // Messages
  /// `what` names the instructions.
  [[noreturn]] void conflict(int number, uint32_t track,
                             const std::string &what) const;
  /// `what` an instruction does wrong.
  [[noreturn]] void hazard(int number, const Issue &issue,
                           const std::string &what) const;
  std::string unitName(uint32_t track) const;
  /// "MUL (track vxm.3, word 5)".
  std::string describe(uint32_t track, uint32_t word) const;
  std::string describe(const Issue &issue) const {
    return describe(issue.track, issue.word);
  }
  std::string describe(const Value &value) const;
  void warn(Warning &warning, const Issue &issue, const char *what);
  void noteUnused(const Value &value);

  const CheckedProgram &program;
  const Machine &machine;
  const SimulatorOptions &options;
  Memory &memory;
  const bool data;
  const size_t paddedLanes;

  const SegmentInfo *segment = nullptr;
  std::vector<Queue> queues;
  std::vector<std::unique_ptr<Chip>> chips;
  std::unique_ptr<Links> links;
  ValuePool pool;
  std::vector<Bucket> buckets; ///< ring of cycles
  std::vector<uint64_t> isBusy; ///< a bit for each bucket
  std::multimap<uint64_t, uint32_t> later; ///< issues beyond the ring
  std::vector<Work> works;
  std::vector<uint32_t> freeWorks;
  std::vector<uint32_t> drains; ///< works of this cycle that come last
  std::vector<Drained> drained; ///< of each of them
  std::vector<Issue> feeds, notifications; ///< of this cycle
  std::vector<std::unique_ptr<uint32_t[]>> words;
  std::vector<uint32_t> scratch; ///< words of operands
  AlignedArray<uint8_t> columns; ///< that LWX expands
  uint64_t now = 0, last = 0, nextUpset = 0;
  uint64_t unusedCycle = 0; ///< of the first value that nobody took
  Result *result = nullptr;
  Recorded *recorded = nullptr;
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_ENGINE_H
