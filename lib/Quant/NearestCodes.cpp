//===- NearestCodes.cpp - nearest levels, by arithmetic or by a table -----===//
#include "NearestCodes.h"

#include "PairGrid.h"
#include "Wide.h"
#include "llvm/ADT/STLExtras.h"
#include <map>
#include <mutex>

using namespace moe;

NearestCodes::NearestCodes(CodeAttr code) {
  llvm::ArrayRef<int64_t> levels = code.getLevels();
  most = (int64_t(1) << code.getBits()) - 1;
  if (!levels.empty()) {
    least = *llvm::min_element(levels);
    most = *llvm::max_element(levels);
  }
}

namespace {

/// Sums in lanes, which a compiler makes vectors of any width of: what is added
/// to what, and so each bit, does not depend on it.
struct Lanes {
  static constexpr int64_t count = 16;
  float error[count] = {}, products[count] = {}, squares[count] = {};
  float weights[count] = {}, units[count] = {}, importance[count] = {};

  /// Inlined into loops for wide vectors.
  __attribute__((always_inline)) void add(int64_t lane, float weight, float q,
                                          float scale, float factor) {
    float rest = weight - scale * q;
    error[lane] += factor * (rest * rest);
    products[lane] += factor * (weight * q);
    squares[lane] += factor * (q * q);
    weights[lane] += factor * weight;
    units[lane] += factor * q;
    importance[lane] += factor;
  }

  FitSums getSums() const {
    FitSums sums;
    for (int64_t i = 0; i < count; ++i)
      sums.add({error[i], products[i], squares[i], weights[i], units[i],
                importance[i]});
    return sums;
  }
};

/// Weights whose units are found before they are summed.
static constexpr size_t chunk = 256;

/// Adds up to a chunk of weights; `importance` may be null.
MOE_WIDE static void addAll(const float *weights, const float *units,
                            const float *importance, int64_t count, float scale,
                            Lanes &lanes) {
  int64_t i = 0;
  if (importance)
    for (; i + Lanes::count <= count; i += Lanes::count)
      for (int64_t lane = 0; lane < Lanes::count; ++lane)
        lanes.add(lane, weights[i + lane], units[i + lane], scale,
                  importance[i + lane]);
  else
    for (; i + Lanes::count <= count; i += Lanes::count)
      for (int64_t lane = 0; lane < Lanes::count; ++lane)
        lanes.add(lane, weights[i + lane], units[i + lane], scale, 1);
  for (int64_t lane = 0; i < count; ++i, ++lane)
    lanes.add(lane, weights[i], units[i], scale,
              importance ? importance[i] : 1);
}

/// Sums over all weights; find(first, count, units) says what they decode to.
template <typename Find>
static FitSums sum(llvm::ArrayRef<float> weights,
                   llvm::ArrayRef<float> importance, float scale, Find find) {
  Lanes lanes;
  float units[chunk];
  for (size_t start = 0; start < weights.size(); start += chunk) {
    const size_t count = std::min(chunk, weights.size() - start);
    find(start, count, units);
    addAll(weights.data() + start, units,
           importance.empty() ? nullptr : importance.data() + start, count,
           scale, lanes);
  }
  return lanes.getSums();
}

/// Rounds to the nearest integer, ties to even, if it is below 2^22.
inline float roundToEven(float value) {
  constexpr float unit = 0x1.8p23f;
  return (value + unit) - unit;
}

/// The field of a level is the level itself.
class Uniform : public NearestCodes {
public:
  explicit Uniform(CodeAttr code) : NearestCodes(code) {}

  float getShrink() const override { return 0.96f; }

  void encode(llvm::ArrayRef<float> weights, float scale, float shift,
              llvm::MutableArrayRef<uint8_t> codes) const override {
    encodeAll(weights.data(), weights.size(), invert(scale), shift, float(most),
              codes.data());
  }

  FitSums fit(llvm::ArrayRef<float> weights, llvm::ArrayRef<float> importance,
              float scale, float shift) const override {
    const float inverse = invert(scale);
    return sum(weights, importance, scale,
               [&](size_t start, size_t count, float *units) {
                 findAll(weights.data() + start, count, inverse, shift,
                         float(most), units);
               });
  }

private:
  static float getField(float weight, float inverse, float shift, float most) {
    float unit = weight * inverse + shift;
    unit = unit > 0 ? unit : 0;
    return roundToEven(unit < most ? unit : most);
  }

  MOE_WIDE static void encodeAll(const float *weights, int64_t count,
                                 float inverse, float shift, float most,
                                 uint8_t *codes) {
    for (int64_t i = 0; i < count; ++i)
      codes[i] = uint8_t(int32_t(getField(weights[i], inverse, shift, most)));
  }

  MOE_WIDE static void findAll(const float *weights, int64_t count,
                               float inverse, float shift, float most,
                               float *units) {
    for (int64_t i = 0; i < count; ++i)
      units[i] = getField(weights[i], inverse, shift, most) - shift;
  }
};

/// Fields have levels of their own. Levels are integers, so between two steps
/// of a half one and the same level is the nearest.
class Listed : public NearestCodes {
public:
  explicit Listed(CodeAttr code) : NearestCodes(code) {
    llvm::ArrayRef<int64_t> levels = code.getLevels();
    for (int cell = 0; cell < cells; ++cell) {
      double middle = (cell + 0.5) / 2;
      auto distance = [&](int64_t level) { return std::abs(level - middle); };
      size_t best = 0;
      for (size_t i = 1; i < levels.size(); ++i)
        if (distance(levels[i]) < distance(levels[best]))
          best = i;
      fields[cell] = uint8_t(best);
      nearest[cell] = float(levels[best]);
    }
  }

  float getShrink() const override { return 0.96f; }

  void encode(llvm::ArrayRef<float> weights, float scale, float shift,
              llvm::MutableArrayRef<uint8_t> codes) const override {
    const float inverse = invert(scale);
    for (size_t i = 0; i < weights.size(); ++i)
      codes[i] = fields[getCell(weights[i] * inverse + shift)];
  }

  FitSums fit(llvm::ArrayRef<float> weights, llvm::ArrayRef<float> importance,
              float scale, float shift) const override {
    const float inverse = invert(scale);
    return sum(weights, importance, scale,
               [&](size_t start, size_t count, float *units) {
                 for (size_t i = 0; i < count; ++i)
                   units[i] =
                       nearest[getCell(weights[start + i] * inverse + shift)] -
                       shift;
               });
  }

private:
  static constexpr int cells = 512;

  static int getCell(float unit) {
    float cell = 2 * unit;
    cell = cell > 0 ? cell : 0;
    return int(cell < cells - 1 ? cell : cells - 1);
  }

  uint8_t fields[cells];
  float nearest[cells];
};

/// Two weights have one code.
class Pairs : public NearestCodes {
public:
  explicit Pairs(CodeAttr code) : NearestCodes(code), grid(code) {}

  float getShrink() const override { return 0.9f; }

  void encode(llvm::ArrayRef<float> weights, float scale, float shift,
              llvm::MutableArrayRef<uint8_t> codes) const override {
    const float inverse = invert(scale);
    for (size_t i = 0; i < weights.size(); i += 2)
      codes[i / 2] = grid.find(weights[i] * inverse + shift,
                               getSecond(weights, i) * inverse + shift);
  }

  FitSums fit(llvm::ArrayRef<float> weights, llvm::ArrayRef<float> importance,
              float scale, float shift) const override {
    const float inverse = invert(scale);
    return sum(weights, importance, scale,
               [&](size_t start, size_t count, float *units) {
                 for (size_t i = 0; i < count; i += 2) {
                   uint8_t code = grid.find(
                       weights[start + i] * inverse + shift,
                       getSecond(weights, start + i) * inverse + shift);
                   units[i] = grid.getLevel(code, 0) - shift;
                   // Room for an odd one: a chunk is even.
                   units[i + 1] = grid.getLevel(code, 1) - shift;
                 }
               });
  }

private:
  /// What fills up an odd row is 0.
  static float getSecond(llvm::ArrayRef<float> weights, size_t i) {
    return i + 1 < weights.size() ? weights[i + 1] : 0;
  }

  PairGrid grid;
};

} // namespace

static std::shared_ptr<const NearestCodes> create(CodeAttr code) {
  assert(!code.isTrellis() && "a trellis has no nearest code of one pair");
  if (code.getLayout() == CodeLayout::Pairs)
    return std::make_shared<Pairs>(code);
  if (code.getLevels().empty())
    return std::make_shared<Uniform>(code);
  return std::make_shared<Listed>(code);
}

std::shared_ptr<const NearestCodes> NearestCodes::get(CodeAttr code) {
  // Tables take longer to make than a row to encode. Attributes die with their
  // context, so what they say is the key.
  using Key = std::tuple<CodeLayout, int64_t, std::vector<int64_t>>;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const NearestCodes>> known;
  std::lock_guard<std::mutex> lock(mutex);
  auto &entry = known[{code.getLayout(), code.getBits(),
                       std::vector<int64_t>(code.getLevels())}];
  if (!entry)
    entry = create(code);
  return entry;
}
