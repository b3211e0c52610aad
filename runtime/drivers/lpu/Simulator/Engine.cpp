//===- Engine.cpp - queues, and the calendar that says who issues next ----===//
#include "Engine.h"

#include <algorithm>
#include <cstring>

using namespace moert::lpu;

static constexpr size_t wordBytes = sizeof(moert_lpu_instruction_t);
static constexpr size_t indices = 256; ///< of tracks of a kind and hemisphere

static size_t ringSize(const Machine &machine) {
  const auto &l = machine.latency;
  int64_t longest = std::max(
      {l.read, l.write, l.gather, l.vxmEntry, l.alu, l.shift, l.permute,
       l.distribute, l.rotate, l.transpose, l.select, l.mxmResult, l.install,
       machine.c2c.hopCycles});
  size_t size = 1024;
  while (size < size_t(longest) + 2)
    size *= 2;
  return size;
}

Engine::Engine(const CheckedProgram &program, const SimulatorOptions &options,
               Memory &memory)
    : program(program), machine(program.machine), options(options),
      memory(memory), data(options.data),
      paddedLanes(size_t(paddedWidth(machine.width()))),
      pool(machine.width(), options.data), buckets(ringSize(machine)),
      isBusy(buckets.size() / 64), scratch(3 * paddedLanes),
      columns(size_t(groupColumns) * paddedLanes) {
  links = std::make_unique<Links>(machine, program.chips);
  if (const auto *cables = program.table->links())
    for (const Link *cable : *cables)
      (void)links->connect({cable->chip_a(), cable->link_a()},
                           {cable->chip_b(), cable->link_b()});
  size_t ring = 1;
  while (ring < size_t(machine.latency.alu) + 1)
    ring *= 2;
  for (int c = 0; c < program.chips; ++c) {
    auto chip = std::make_unique<Chip>(machine);
    chip->alus.resize(size_t(machine.vxm.alus));
    auto newWords = [&] {
      words.emplace_back(new uint32_t[data ? paddedLanes : 1]());
      return words.back().get();
    };
    for (Alu &alu : chip->alus) {
      alu.results.resize(ring);
      for (AluResult &each : alu.results)
        each.words = newWords();
      alu.latchWords = newWords();
    }
    chip->units.resize(4 * size_t(machine.mem.slices) +
                       size_t(MOERT_LPU_TRACK_KINDS) * 2 * indices);
    for (auto &mxm : chip->mxm)
      mxm = std::make_unique<Mxm>(machine, data);
    chips.push_back(std::move(chip));
  }
}

Engine::~Engine() = default;

//===-- messages ----------------------------------------------------------===//

std::string Engine::describe(uint32_t track, uint32_t word) const {
  const TrackInfo &info = segment->tracks[track];
  const char *name = opcodeName(info.words[word].opcode & ~MOERT_LPU_FLAG);
  return std::string(name ? name : "?") + " (track " + info.name + ", word " +
         std::to_string(word) + ")";
}

std::string Engine::describe(const Value &value) const {
  return describe(value.origin.track, value.origin.word) + " of cycle " +
         std::to_string(value.origin.cycle);
}

std::string Engine::unitName(uint32_t track) const {
  const TrackInfo &info = segment->tracks[track];
  bool hasUnit = info.kind != MOERT_LPU_VXM && info.kind != MOERT_LPU_C2C &&
                 info.kind != MOERT_LPU_ICU;
  bool isSxm = info.kind >= MOERT_LPU_SXM_SHIFT &&
               info.kind <= MOERT_LPU_SXM_SELECT;
  return hasUnit && !isSxm ? info.name.substr(0, info.name.rfind('.'))
                           : info.name;
}

void Engine::conflict(int number, uint32_t track,
                      const std::string &what) const {
  throw HazardError{"H" + std::to_string(number) + ": cycle " +
                    std::to_string(now) + ", " + unitName(track) + ": " + what};
}

void Engine::hazard(int number, const Issue &issue,
                    const std::string &what) const {
  conflict(number, issue.track, describe(issue) + ": " + what);
}

void Engine::warn(Warning &warning, const Issue &issue, const char *what) {
  if (!warning.count++)
    warning.first = "cycle " + std::to_string(now) + ", " +
                    unitName(issue.track) + ": " + describe(issue) + ": " +
                    what;
}

static std::string hexOf(uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof(text), "0x%08x", number);
  return text;
}

void Engine::claim(const Issue &issue, uint32_t value, const Value *taken) {
  if (issue.isRepetition) {
    Queue &queue = queues[issue.track];
    queue.claim = moert_lpu_mix(queue.claim, value);
    if (!issue.isLast)
      return;
    value = queue.claim;
  }
  if (options.record) {
    recorded->claims[issue.track][issue.claimWord] = value;
    return;
  }
  uint32_t expected = queues[issue.track].info->claims[issue.claimWord];
  if (expected == value)
    return;
  unsigned opcode = issue.instruction.opcode & ~MOERT_LPU_FLAG;
  bool ofMemory = opcode == MOERT_LPU_READ || opcode == MOERT_LPU_GATHER;
  std::string what = "the claim of word " + std::to_string(issue.claimWord) +
                     " is " + hexOf(expected) + ", it takes " + hexOf(value);
  if (taken)
    what += " of " + describe(*taken);
  hazard(ofMemory ? 9 : 3, issue, what);
}

//===-- time --------------------------------------------------------------===//

Engine::Bucket &Engine::bucketAt(uint64_t cycle) {
  size_t slot = size_t(cycle) & (buckets.size() - 1);
  isBusy[slot / 64] |= uint64_t(1) << slot % 64;
  return buckets[slot];
}

/// The next cycle in which something happens; UINT64_MAX: nothing does.
uint64_t Engine::nextCycle() {
  const size_t size = buckets.size();
  uint64_t found = UINT64_MAX;
  for (uint64_t ahead = 0; ahead < size;) {
    size_t slot = size_t(now + ahead) & (size - 1);
    uint64_t bits = isBusy[slot / 64] >> slot % 64;
    if (bits) {
      ahead += uint64_t(__builtin_ctzll(bits));
      if (ahead < size)
        found = now + ahead;
      break;
    }
    ahead += 64 - slot % 64;
  }
  if (!later.empty())
    found = std::min(found, later.begin()->first);
  return found;
}

void Engine::schedule(uint32_t track) {
  uint64_t cycle = queues[track].cycle;
  if (cycle - now < buckets.size())
    bucketAt(cycle).issues.push_back(track);
  else
    later.emplace(cycle, track);
}

/// REPEAT: its first repetition is `every` cycles after the instruction.
void Engine::repeat(Queue &queue, uint32_t track, const Instruction &word) {
  uint32_t times = word.imm & 0xffff, every = word.imm >> 16 & 0xffff;
  if (!times || !every || word.imm >> 48)
    conflict(31, track,
             describe(track, queue.next) + " is " + std::to_string(times) +
                 " times every " + std::to_string(every) + " cycles" +
                 (word.imm >> 48 ? ", with bits beyond its fields" : ""));
  queue.claimWord = queue.next++;
  queue.left = times;
  queue.every = every;
  queue.stride = uint32_t(word.imm >> 32 & 0xffff);
  queue.claim = 0;
  // The cycle behind the instruction is the next one already.
  queue.cycle += every - 1;
}

/// Finds the next instruction of a track and the cycle in which it issues.
/// Words that are not there yet are decoded when their cycle has come.
void Engine::decode(uint32_t track) {
  Queue &queue = queues[track];
  const std::vector<Instruction> &words = queue.info->words;
  for (;;) {
    if (queue.next >= words.size())
      return;
    if (queue.cycle >= queue.fetchedFrom)
      queue.words = queue.fetched;
    if (queue.next >= queue.words) {
      if (queue.cycle <= now)
        conflict(30, track,
                 describe(track, queue.next) +
                     " is not in the queue, which has " +
                     std::to_string(queue.words) + " words");
      return schedule(track);
    }
    const Instruction &word = words[queue.next];
    if (word.opcode == MOERT_LPU_NOP) {
      if (!word.imm || word.imm > 0xffff)
        conflict(31, track,
                 describe(track, queue.next) + " of " +
                     std::to_string(word.imm) + " cycles");
      queue.cycle += word.imm;
      ++queue.next;
      continue;
    }
    if (word.opcode == MOERT_LPU_REPEAT) {
      repeat(queue, track, word);
      --queue.left;
      queue.instruction.row = uint16_t(queue.instruction.row + queue.stride);
    } else {
      queue.instruction = word;
      queue.word = queue.claimWord = queue.next++;
      queue.left = 0;
    }
    queue.isReady = true;
    return schedule(track);
  }
}

/// After an instruction was issued: the next one.
void Engine::advance(uint32_t track) {
  Queue &queue = queues[track];
  queue.isReady = false;
  if (queue.left) {
    --queue.left;
    queue.cycle += queue.every;
    queue.instruction.row = uint16_t(queue.instruction.row + queue.stride);
    queue.isReady = true;
    return schedule(track);
  }
  ++queue.cycle;
  decode(track);
}

void Engine::issue(uint32_t track) {
  Queue &queue = queues[track];
  if (!queue.isReady) {
    // Its words were not there before.
    decode(track);
    return;
  }
  Issue issue;
  issue.track = track;
  issue.word = queue.word;
  issue.claimWord = queue.claimWord;
  issue.isRepetition = queue.claimWord != queue.word;
  issue.isLast = !queue.left;
  issue.cycle = now;
  issue.instruction = queue.instruction;
  issue.uses = options.record ? 0 : queue.info->uses[queue.claimWord];
  ++result->instructions;
  if (options.trace)
    options.trace({now, track, issue.word, issue.instruction});
  dispatch(issue);
  if (!queue.isWaiting)
    advance(track);
}

/// Takes the unit of a track for some cycles.
Engine::LastUse &Engine::use(const Issue &issue, uint64_t cycles) {
  const Queue &queue = queues[issue.track];
  LastUse &last = chips[queue.info->chip]->units[queue.unit];
  if (now < last.until) {
    int number = 29;
    moert_lpu_track_kind_t kind = queue.info->kind;
    if (last.track != issue.track && kind <= MOERT_LPU_MEM_WRITE)
      number = 7;
    else if (last.track != issue.track && kind == MOERT_LPU_VXM)
      number = 20;
    else if (kind >= MOERT_LPU_SXM_SHIFT && kind <= MOERT_LPU_SXM_SELECT)
      number = 26;
    conflict(number, issue.track,
             describe(issue) + " and " + describe(last.track, last.word) +
                 (last.cycle == now
                      ? ""
                      : ", which is at work until cycle " +
                            std::to_string(last.until - 1)));
  }
  last.cycle = now;
  last.until = now + cycles;
  last.track = issue.track;
  last.word = issue.word;
  return last;
}

void Engine::dispatch(const Issue &issue) {
  const Instruction &i = issue.instruction;
  switch (i.opcode & ~MOERT_LPU_FLAG) {
  case MOERT_LPU_IFETCH:
    return startFetch(issue);
  case MOERT_LPU_SYNC:
    use(issue, 1);
    return synchronize(issue);
  case MOERT_LPU_NOTIFY:
    use(issue, 1);
    notifications.push_back(issue);
    return;
  case MOERT_LPU_CONFIG:
    use(issue, 1);
    return;
  case MOERT_LPU_READ:
  case MOERT_LPU_GATHER:
    return read(issue);
  case MOERT_LPU_WRITE:
  case MOERT_LPU_SCATTER:
    return write(issue);
  case MOERT_LPU_LW:
  case MOERT_LPU_LWX:
  case MOERT_LPU_ABC:
  case MOERT_LPU_ACC:
  case MOERT_LPU_IW:
  case MOERT_LPU_CLEAR:
    return matrix(issue);
  case MOERT_LPU_SHIFT:
  case MOERT_LPU_PERMUTE:
  case MOERT_LPU_DISTRIBUTE:
  case MOERT_LPU_ROTATE:
  case MOERT_LPU_SELECT:
    use(issue, 1);
    return exchange(issue);
  case MOERT_LPU_TRANSPOSE:
    use(issue, 1);
    return transpose(issue);
  case MOERT_LPU_SEND:
  case MOERT_LPU_RECV:
  case MOERT_LPU_DESKEW:
    use(issue, 1);
    return link(issue);
  default:
    use(issue, 1);
    return compute(issue);
  }
}

//===-- instructions of the ICU -------------------------------------------===//

void Engine::synchronize(const Issue &issue) {
  queues[issue.track].isWaiting = true;
  chips[queues[issue.track].info->chip]->waiting.push_back(issue.track);
}

void Engine::notify(const Issue &issue) {
  Chip &chip = *chips[queues[issue.track].info->chip];
  if (chip.waiting.empty())
    hazard(32, issue, "no track waits in a SYNC");
  for (uint32_t track : chip.waiting) {
    Queue &queue = queues[track];
    queue.isWaiting = false;
    queue.cycle = now + uint64_t(machine.icu.barrier) - 1;
    advance(track);
  }
  chip.waiting.clear();
}

void Engine::startFetch(const Issue &issue) {
  Queue &queue = queues[issue.track];
  use(issue, 1);
  if (now < queue.fetchedFrom)
    conflict(29, issue.track,
             describe(issue) +
                 " while the fetch before it goes on until cycle " +
                 std::to_string(queue.fetchedFrom - 1));
  queue.words = queue.fetched;
  queue.fetched += 2 * uint64_t(machine.width()) / wordBytes;
  queue.fetchedFrom = now + 2;
  startWork(issue, 2);
}

/// IFETCH: two vectors of text are compared with the words that they are to be.
void Engine::fetch(Work &work) {
  Queue &queue = queues[work.issue.track];
  Taken taken = take(work.issue, work.issue.instruction.src0, 1, queue.column,
                     now, "text");
  if (data) {
    const auto &words = queue.info->words;
    size_t width = size_t(machine.width());
    size_t first = queue.fetched - (2 - work.done) * (width / wordBytes);
    for (size_t w = 0; w < width / wordBytes && first + w < words.size(); ++w)
      if (std::memcmp(taken.bytes[0] + w * wordBytes, &words[first + w],
                      wordBytes))
        hazard(30, work.issue,
               "word " + std::to_string(w) + " of vector " +
                   std::to_string(work.done) + " is not word " +
                   std::to_string(first + w) + " of the track");
  }
  work.fold = moert_lpu_mix(work.fold, taken.identity);
  if (work.done + 1 < work.cycles)
    return;
  claim(work.issue, work.fold);
}

//===-- works: instructions of n cycles -----------------------------------===//

void Engine::startWork(const Issue &issue, uint64_t cycles) {
  uint32_t index;
  if (freeWorks.empty()) {
    index = uint32_t(works.size());
    works.emplace_back();
  } else {
    index = freeWorks.back();
    freeWorks.pop_back();
  }
  Work &work = works[index];
  work.issue = issue;
  work.done = 0;
  work.cycles = cycles;
  work.fold = 0;
  work.parts.clear();
  if (issue.instruction.opcode == MOERT_LPU_ACC ||
      issue.instruction.opcode == (MOERT_LPU_ACC | MOERT_LPU_FLAG))
    drains.push_back(index);
  else
    continueWork(index);
}

void Engine::continueWork(uint32_t index) {
  Work &work = works[index];
  switch (work.issue.instruction.opcode & ~MOERT_LPU_FLAG) {
  case MOERT_LPU_IFETCH:
    fetch(work);
    break;
  case MOERT_LPU_ABC:
    feed(work);
    break;
  case MOERT_LPU_ACC:
    drain(work, drained[work.slot]);
    break;
  default:
    load(work);
  }
  if (++work.done == work.cycles)
    freeWorks.push_back(index);
  else
    bucketAt(now + 1).works.push_back(index);
}

//===-- a run -------------------------------------------------------------===//

void Engine::start(size_t index) {
  segment = &program.segments[index];
  now = last = 0;
  unusedCycle = 0;
  nextUpset = options.upsetEvery;
  queues.assign(segment->tracks.size(), {});
  for (uint32_t t = 0; t < queues.size(); ++t) {
    Queue &queue = queues[t];
    const TrackInfo &info = segment->tracks[t];
    queue.info = &info;
    queue.words = info.resident ? info.resident : info.words.size();
    queue.fetched = queue.words;
    int64_t column = 0;
    if (info.kind <= MOERT_LPU_MEM_WRITE)
      column = machine.columnOf(info.index);
    else if (info.kind >= MOERT_LPU_SXM_SHIFT &&
             info.kind <= MOERT_LPU_SXM_SELECT)
      column = machine.position.sxm;
    else if (info.kind != MOERT_LPU_VXM && info.kind != MOERT_LPU_ICU)
      column = machine.position.mxm;
    // A chip's links are numbered through: the first half is in the west.
    int hemisphere = info.hemisphere;
    queue.column = hemisphere ? column : -column;
    size_t slices = size_t(machine.mem.slices);
    if (info.kind <= MOERT_LPU_MEM_WRITE) {
      size_t local = size_t(hemisphere) * slices + size_t(info.index);
      queue.unit = 2 * local + (info.kind == MOERT_LPU_MEM_WRITE);
      queue.slice = program.sliceIndex(info.chip, hemisphere, info.index);
    } else {
      queue.unit = 4 * slices +
                   (size_t(info.kind) * 2 + size_t(hemisphere)) * indices +
                   size_t(info.index);
    }
    decode(t);
  }
}

/// Forgets all of the run before; what is in memory stays.
void Engine::clear() {
  for (auto &chip : chips) {
    chip->streams.forEach([&](Cell &cell) {
      if (cell.value && result)
        release(cell.value);
      cell = {};
    });
    for (Alu &alu : chip->alus) {
      for (AluResult &each : alu.results) {
        if (each.value && result)
          release(each.value);
        each.value = nullptr;
        each.cycle = UINT64_MAX;
        each.takes = 0;
      }
      if (alu.latch && result)
        release(alu.latch);
      alu.latch = nullptr;
    }
  }
}

void Engine::flipBits() {
  for (; nextUpset && nextUpset <= now; nextUpset += options.upsetEvery)
    if (memory.rows())
      memory.upset(uint32_t(memory.random() % memory.rows()),
                   memory.random() % uint64_t(machine.width() * 8));
}

void Engine::step() {
  size_t slot = size_t(now) & (buckets.size() - 1);
  Bucket &bucket = buckets[slot];
  for (; !later.empty() && later.begin()->first == now;
       later.erase(later.begin()))
    bucket.issues.push_back(later.begin()->second);
  if (nextUpset)
    flipBits();
  for (const Arrival &arrival : bucket.arrivals)
    arrive(arrival);
  for (const Commit &each : bucket.commits)
    commit(each);
  for (uint32_t index : bucket.works)
    if ((works[index].issue.instruction.opcode & ~MOERT_LPU_FLAG) ==
        MOERT_LPU_ACC)
      drains.push_back(index);
    else
      continueWork(index);
  // Those that find no words decode now, and may issue in this very cycle.
  for (size_t i = 0; i < bucket.issues.size(); ++i)
    issue(bucket.issues[i]);
  multiply();
  for (uint32_t index : drains)
    continueWork(index);
  for (const Issue &each : feeds)
    checkDrained(each);
  for (const Issue &each : notifications)
    notify(each);
  drains.clear();
  feeds.clear();
  notifications.clear();
  bucket.arrivals.clear();
  bucket.commits.clear();
  bucket.works.clear();
  bucket.issues.clear();
  isBusy[slot / 64] &= ~(uint64_t(1) << slot % 64);
}

void Engine::finish() {
  for (auto &chip : chips)
    if (!chip->waiting.empty()) {
      uint32_t track = chip->waiting.front();
      conflict(32, track,
               describe(track, queues[track].word) + " waits for a NOTIFY");
    }
  if (Violation violation = links->finish())
    throw HazardError{"H" + std::to_string(violation.hazard) + ": cycle " +
                      std::to_string(now) + ", c2c: " + violation.what};
  recorded->outputs = memory.outputsIdentity();
  if (!options.record && segment->outputs &&
      segment->outputs != recorded->outputs)
    throw HazardError{"H9: cycle " + std::to_string(now) +
                      ", mem: outputs and states end as " +
                      hexOf(recorded->outputs) + ", the segment's are " +
                      hexOf(segment->outputs)};
  clear();
}

void Engine::run(size_t index, Result &out, Recorded &record) {
  out = {};
  // What a run that failed left behind.
  result = nullptr;
  clear();
  pool.recycleAll();
  for (Bucket &bucket : buckets)
    bucket = {};
  std::fill(isBusy.begin(), isBusy.end(), 0);
  later.clear();
  works.clear();
  freeWorks.clear();
  drains.clear();
  feeds.clear();
  notifications.clear();
  links->reset();
  for (auto &chip : chips) {
    chip->waiting.clear();
    std::fill(chip->units.begin(), chip->units.end(), LastUse());
    for (auto &mxm : chip->mxm)
      mxm->reset();
  }
  result = &out;
  recorded = &record;
  record = {};
  if (options.record)
    for (const TrackInfo &track : program.segments[index].tracks) {
      record.claims.emplace_back(track.words.size());
      record.uses.emplace_back(track.words.size(), uint16_t(0xffff));
    }
  start(index);
  for (uint64_t cycle; (cycle = nextCycle()) != UINT64_MAX;) {
    now = cycle;
    step();
    out.cycles = now;
  }
  finish();
  out.cycles = last + 1 + uint64_t(machine.superlanes);
  for (auto &uses : record.uses)
    for (uint16_t &each : uses)
      each = each == 0xffff ? 0 : each;
}
