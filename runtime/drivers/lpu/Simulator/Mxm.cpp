//===- Mxm.cpp - weights loaded, installed, multiplied and drained --------===//
#include "Mxm.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

using namespace moert::lpu;

/// Something that has not happened yet.
static constexpr int64_t never = INT64_MIN / 2;
static constexpr uint32_t clearedIdentity = 9;
static constexpr unsigned nothingFed = MOERT_LPU_TYPES;

struct Mxm::Accumulator {
  bool filled = false;
  unsigned type = MOERT_LPU_I8;
  uint32_t identity = 0;
  std::vector<uint32_t> words;
};

struct Mxm::Plane {
  enum class Holds { Nothing, Zeros, Bytes, Halves };

  explicit Plane(int64_t width, int64_t accumulators, bool data)
      : loaded(size_t(width / groupColumns)),
        accumulators(size_t(accumulators)),
        activation(data ? size_t(width) : 0) {
    if (!data)
      return;
    array = std::make_unique<ByteMatrix>(width);
    buffer = std::make_unique<ByteMatrix>(width);
  }

  void reset() {
    loaded.assign(loaded.size(), false);
    anyLoaded = false;
    loadEnd = bufferFree = never;
    bufferIdentity = arrayIdentity = 0;
    holds = Holds::Nothing;
    ready = lastFed = never;
    fedType = nothingFed;
    accumulators.assign(accumulators.size(), Accumulator());
  }

  /// The buffer went to the array.
  void emptyBuffer() {
    loaded.assign(loaded.size(), false);
    anyLoaded = false;
    bufferIdentity = 0;
  }

  /// Columns that nobody loaded are 0.
  void fillBuffer() {
    for (size_t group = 0; group < loaded.size(); ++group)
      if (!loaded[group] && buffer)
        buffer->clearGroup(int64_t(group));
  }

  std::vector<bool> loaded; ///< groups of columns in the buffer
  bool anyLoaded = false;
  int64_t loadEnd = never;    ///< cycle after the last columns of a load
  int64_t bufferFree = never; ///< from which a load may begin
  uint32_t bufferIdentity = 0;

  Holds holds = Holds::Nothing; ///< the array
  uint32_t arrayIdentity = 0;
  int64_t ready = never; ///< from which activations see the array

  int64_t lastFed = never;
  unsigned fedType =
      nothingFed; ///< of what was fed in that cycle and not drained
  uint32_t fedIdentity = 0;

  std::vector<Accumulator> accumulators;
  std::vector<uint16_t> activation; ///< f16, or twice as many i8
  std::unique_ptr<ByteMatrix> array, buffer;
};

static std::string describe(int64_t plane) {
  return "plane " + std::to_string(plane);
}

Mxm::Mxm(const Machine &machine, bool data) : machine(machine), data(data) {
  for (int64_t plane = 0; plane < machine.mxm.planes; ++plane)
    planes.emplace_back(machine.width(), machine.mxm.accumulators, data);
  halves.resize(size_t(machine.mxm.planes / 2));
}

Mxm::~Mxm() = default;

void Mxm::reset() {
  for (Plane &plane : planes)
    plane.reset();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Violation Mxm::load(int64_t index, uint64_t cycle, int64_t group,
                    int64_t count) {
  Plane &plane = planes[size_t(index)];
  const int64_t now = int64_t(cycle), groups = int64_t(plane.loaded.size());
  if (now < plane.bufferFree)
    return {15, "the buffer of " + describe(index) +
                    " can be loaded from cycle " +
                    std::to_string(plane.bufferFree) + ", loaded in cycle " +
                    std::to_string(cycle)};
  if (group < 0 || count < 1 || group + count > groups)
    return {15, "a load of groups " + std::to_string(group) + " to " +
                    std::to_string(group + count - 1) + " of columns, " +
                    describe(index) + " has " + std::to_string(groups)};
  for (int64_t g = group; g < group + count; ++g)
    if (plane.loaded[size_t(g)])
      return {15, "a load of group " + std::to_string(g) + " of columns of " +
                      describe(index) + ", which is loaded and not installed"};
  for (int64_t g = group; g < group + count; ++g)
    plane.loaded[size_t(g)] = true;
  plane.anyLoaded = true;
  plane.loadEnd = now + count;
  plane.bufferFree = plane.loadEnd + machine.mxm.overhead;
  return {};
}

void Mxm::takeColumns(int64_t plane, int64_t group,
                      const uint8_t *const *columns) {
  planes[size_t(plane)].buffer->setGroup(group, columns);
}

void Mxm::setLoaded(int64_t plane, uint32_t identity) {
  planes[size_t(plane)].bufferIdentity = identity;
}

uint32_t Mxm::getLoaded(int64_t plane) const {
  return planes[size_t(plane)].bufferIdentity;
}

uint32_t Mxm::getInstalled(int64_t plane) const {
  return planes[size_t(plane)].arrayIdentity;
}

/// Instructions of f16 are the even plane's and need the next one.
Violation Mxm::checkPlane(int64_t index, unsigned type,
                          const char *what) const {
  if (type == MOERT_LPU_F16 &&
      (index % 2 != 0 || index + 1 >= int64_t(planes.size())))
    return {16, std::string(what) + " of f16 at " + describe(index) +
                    ", pairs begin at even planes"};
  return {};
}

Violation Mxm::checkQuiet(const Plane &plane, uint64_t cycle) const {
  if (int64_t(cycle) < plane.lastFed + machine.mxm.depth)
    return {14, "the activation of cycle " + std::to_string(plane.lastFed) +
                    " is on its way to cycle " +
                    std::to_string(plane.lastFed + machine.mxm.depth) +
                    ", weights change in cycle " + std::to_string(cycle)};
  return {};
}

Violation Mxm::install(int64_t index, uint64_t cycle, unsigned type) {
  if (Violation violation = checkPlane(index, type, "an install"))
    return violation;
  const int64_t end = index + planesOfType(type);
  for (int64_t i = index; i < end; ++i) {
    Plane &plane = planes[size_t(i)];
    if (Violation violation = checkQuiet(plane, cycle))
      return violation;
    if (int64_t(cycle) < plane.loadEnd)
      return {15, "the buffer of " + describe(i) + " is loaded to cycle " +
                      std::to_string(plane.loadEnd - 1) +
                      ", installed in cycle " + std::to_string(cycle)};
    if (!plane.anyLoaded)
      return {15, "nothing is in the buffer of " + describe(i) +
                      " that could be installed"};
  }
  for (int64_t i = index; i < end; ++i) {
    Plane &plane = planes[size_t(i)];
    plane.fillBuffer();
    plane.ready = int64_t(cycle) + machine.latency.install;
    plane.arrayIdentity = plane.bufferIdentity;
    plane.holds =
        type == MOERT_LPU_F16 ? Plane::Holds::Halves : Plane::Holds::Bytes;
  }
  Plane &first = planes[size_t(index)];
  if (type == MOERT_LPU_F16) {
    Plane &second = planes[size_t(index + 1)];
    uint32_t identity = moert_lpu_mix(0, 8);
    identity = moert_lpu_mix(identity, first.bufferIdentity);
    identity = moert_lpu_mix(identity, second.bufferIdentity);
    first.arrayIdentity = second.arrayIdentity = identity;
    auto &pair = halves[size_t(index / 2)];
    if (data && !pair)
      pair = std::make_unique<HalfMatrix>(machine.width());
    if (data)
      pair->set(*first.buffer, *second.buffer);
  } else if (data) {
    std::swap(first.array, first.buffer);
  }
  for (int64_t i = index; i < end; ++i)
    planes[size_t(i)].emptyBuffer();
  return {};
}

Violation Mxm::clear(int64_t index, uint64_t cycle) {
  Plane &plane = planes[size_t(index)];
  if (Violation violation = checkQuiet(plane, cycle))
    return violation;
  if (int64_t(cycle) < plane.loadEnd)
    return {15, "the buffer of " + describe(index) + " is loaded to cycle " +
                    std::to_string(plane.loadEnd - 1) + ", cleared in cycle " +
                    std::to_string(cycle)};
  plane.emptyBuffer();
  plane.ready = int64_t(cycle) + machine.mxm.clear;
  plane.bufferFree = plane.ready;
  plane.arrayIdentity = moert_lpu_mix(0, clearedIdentity);
  plane.holds = Plane::Holds::Zeros;
  return {};
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

Violation Mxm::feed(int64_t index, uint64_t cycle, unsigned type,
                    uint32_t identity, const uint8_t *const *bytes) {
  if (Violation violation = checkPlane(index, type, "an activation"))
    return violation;
  const auto wanted =
      type == MOERT_LPU_F16 ? Plane::Holds::Halves : Plane::Holds::Bytes;
  const int64_t end = index + planesOfType(type);
  for (int64_t i = index; i < end; ++i) {
    const Plane &plane = planes[size_t(i)];
    if (plane.holds == Plane::Holds::Nothing)
      return {13, "no weights were ever installed in " + describe(i)};
    if (int64_t(cycle) < plane.ready)
      return {13, "weights are in " + describe(i) + " from cycle " +
                      std::to_string(plane.ready) +
                      ", an activation comes in cycle " +
                      std::to_string(cycle)};
    if (plane.holds != wanted && plane.holds != Plane::Holds::Zeros)
      return {16, describe(i) + " has weights of " +
                      (plane.holds == Plane::Holds::Halves ? "f16" : "i8") +
                      ", an activation is of " +
                      (type == MOERT_LPU_F16 ? "f16" : "i8")};
    if (plane.lastFed == int64_t(cycle))
      return {16, "two activations in cycle " + std::to_string(cycle) + " at " +
                      describe(i)};
  }
  const Plane &low = planes[size_t(index)], &high = planes[size_t(end - 1)];
  if (low.holds != high.holds || (type == MOERT_LPU_F16 &&
                                  low.arrayIdentity != high.arrayIdentity))
    return {16, describe(index) + " and " + describe(end - 1) +
                    " have halves of different weights"};
  for (int64_t i = index; i < end; ++i)
    planes[size_t(i)].lastFed = int64_t(cycle);
  Plane &plane = planes[size_t(index)];
  plane.fedType = type;
  uint32_t sum = moert_lpu_mix(0, 10);
  sum = moert_lpu_mix(sum, plane.arrayIdentity);
  sum = moert_lpu_mix(sum, identity);
  plane.fedIdentity = moert_lpu_mix(sum, type);
  if (!data)
    return {};
  const int64_t width = machine.width();
  if (type == MOERT_LPU_F16) {
    for (int64_t lane = 0; lane < width; ++lane)
      plane.activation[size_t(lane)] =
          uint16_t(bytes[0][lane] | bytes[1][lane] << 8);
  } else {
    std::memcpy(plane.activation.data(), bytes[0], size_t(width));
  }
  return {};
}

bool Mxm::isUndrained(int64_t index, uint64_t cycle) const {
  const Plane &plane = planes[size_t(index)];
  return plane.lastFed == int64_t(cycle) && plane.fedType != nothingFed;
}

/// Adds what an accumulator holds to results, of f16 activations if `half`.
static void accumulate(bool half, const uint32_t *held, int64_t width,
                       uint32_t *words, Mxm::Sum &out) {
  for (int64_t lane = 0; lane < width; ++lane) {
    if (half) {
      float sum =
          std::bit_cast<float>(held[lane]) + std::bit_cast<float>(words[lane]);
      words[lane] =
          std::isnan(sum) ? 0x7fc00000u : std::bit_cast<uint32_t>(sum);
      continue;
    }
    int32_t sum;
    out.overflow |=
        __builtin_add_overflow(int32_t(held[lane]), int32_t(words[lane]), &sum);
    words[lane] = uint32_t(sum);
  }
}

/// What is not finite times 0 is not a number.
static void multiplyZeros(const std::vector<uint16_t> &activation, bool half,
                          uint32_t *words) {
  bool finite = true;
  for (uint16_t bits : activation)
    finite &= (bits & 0x7fff) < 0x7c00;
  std::fill_n(words, activation.size(), half && !finite ? 0x7fc00000u : 0);
}

Violation Mxm::drain(int64_t index, uint64_t cycle, unsigned type, bool add,
                     int64_t accumulator, uint32_t *words, Sum &out) {
  Plane &plane = planes[size_t(index)];
  if (!isUndrained(index, cycle))
    return {17, "no activation for the drain of cycle " +
                    std::to_string(cycle) + " at " + describe(index)};
  if (type != plane.fedType)
    return {17, std::string("a drain of ") +
                    (type == MOERT_LPU_F16 ? "f16" : "i8") + " at " +
                    describe(index) + ", the activation is of " +
                    (plane.fedType == MOERT_LPU_F16 ? "f16" : "i8")};
  const int64_t accumulators = int64_t(plane.accumulators.size());
  const bool passes = accumulator < accumulators;
  if (add && !passes)
    return {17, "an addition to accumulator " + std::to_string(accumulator) +
                    ", " + describe(index) + " has " +
                    std::to_string(accumulators)};
  Accumulator *held =
      passes ? &plane.accumulators[size_t(accumulator)] : nullptr;
  if (add && !held->filled)
    return {19, "nothing is in accumulator " + std::to_string(accumulator) +
                    " of " + describe(index)};
  if (add && held->type != type)
    return {17, "accumulator " + std::to_string(accumulator) + " of " +
                    describe(index) + " holds sums of another type"};
  plane.fedType = nothingFed;

  const bool half = type == MOERT_LPU_F16;
  const int64_t width = machine.width();
  out = {plane.fedIdentity, false, false};
  if (data && plane.holds == Plane::Holds::Zeros)
    multiplyZeros(plane.activation, half, words);
  else if (data && half)
    halves[size_t(index / 2)]->multiply(plane.activation.data(), words);
  else if (data)
    plane.array->multiply(
        reinterpret_cast<const int8_t *>(plane.activation.data()),
        reinterpret_cast<int32_t *>(words));
  if (add) {
    uint32_t sum = moert_lpu_mix(0, 11);
    sum = moert_lpu_mix(sum, held->identity);
    out.identity = moert_lpu_mix(sum, out.identity);
    if (data)
      accumulate(half, held->words.data(), width, words, out);
  }
  for (int64_t lane = 0; data && half && lane < width; ++lane)
    out.notANumber |= (words[lane] & 0x7fffffff) > 0x7f800000u;
  if (held) {
    held->filled = true;
    held->type = type;
    held->identity = out.identity;
    if (data)
      held->words.assign(words, words + width);
  }
  return {};
}
