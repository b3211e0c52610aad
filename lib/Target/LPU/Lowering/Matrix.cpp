//===- Matrix.cpp - weights on the chip, and products with them -----------===//
#include "Lowering/Matrix.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::lpu;

static std::vector<int32_t> counting(int64_t first, int64_t count) {
  std::vector<int32_t> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(first + i);
  return numbers;
}

/// Streams that bring 16 columns of 3.5-bit weights.
static constexpr int64_t kPackedStreams = 7;

/// Whether the machine expands this code where it is installed. A row's code
/// must begin in the first lane: what is longer than a tile is decoded
/// beforehand.
static bool canExpand(const Emitter &e, CodeAttr code, const LaneMap &in) {
  return e.getMachine().mxm.expander && code.isTrellis() && in.size() == 1;
}

Matrix moe::lpu::makeMatrix(Emitter &e, const Source &source, const LaneMap &in,
                            const LaneMap &out, Side side) {
  WeightOp weight = source.weight;
  CodeAttr code = weight.getCodeAttr();
  Matrix m;
  m.name = weight.getSymName().str();
  m.in = &in;
  m.out = &out;
  m.inputs = in.size();
  m.outputs = out.size();
  m.groupColumns = code.getColumns();
  m.groups = m.groupColumns
                 ? llvm::divideCeil(weight.getColumns(), m.groupColumns)
                 : 1;
  int64_t width = e.width(), streams = e.getMachine().mxm.streams;
  int64_t tiles = m.inputs * m.outputs;
  // A page holds the tiles of one expert; its scales lie in as many rows.
  m.page = tiles * width / streams;
  m.isPacked = canExpand(e, code, in);
  m.tileVectors = m.isPacked ? width / streams * kPackedStreams : width;
  Field field = m.isPacked ? Field::Packed : Field::Levels;
  bool isBank = source.experts > 1;

  SmallVector<Attribute> levels, scales;
  std::vector<float> factors(width, 1.0f / 127);
  for (int64_t x = 0; x < source.experts; ++x)
    for (int64_t v = 0; v < m.outputs; ++v) {
      for (int64_t w = 0; w < m.inputs; ++w)
        levels.push_back(e.load(
            m.name, source.parameter + x, source.matrix, field,
            (x * tiles + m.tileOf(v, w)) * m.tileVectors, out[v], in[w]));
      int64_t first = (isBank ? x * m.page : 0) + v * m.groups;
      scales.push_back(e.load(m.name, source.parameter + x, source.matrix,
                              Field::Scales, first, counting(0, m.groups),
                              out[v], /*transposed=*/true, factors));
    }
  m.tiles = e.parameter(m.name, side, source.experts * tiles * m.tileVectors,
                        e.i8, levels);
  int64_t scaleVectors = m.outputs * m.groups;
  if (isBank)
    scaleVectors += (source.experts - 1) * m.page;
  m.scales = e.parameter(m.name + ".scales", side, scaleVectors, e.f32, scales);
  return m;
}

/// The groups of columns that vector w of the input has lanes of.
static SmallVector<int64_t> groupsOf(const Matrix &m, int64_t w) {
  if (!m.groupColumns)
    return {0};
  SmallVector<int64_t> groups;
  for (int32_t feature : (*m.in)[w]) {
    int64_t group = feature / m.groupColumns;
    if (feature >= 0 && !llvm::is_contained(groups, group))
      groups.push_back(group);
  }
  return groups;
}

/// Vector w of the levels with all but one group's lanes 0.
static Value maskGroup(Emitter &e, const Matrix &m, Value levels, int64_t w,
                       int64_t group) {
  Side side = Emitter::sideOf(levels);
  SmallVector<int32_t> mask;
  for (int32_t feature : (*m.in)[w])
    mask.push_back(feature >= 0 && feature / m.groupColumns == group ? -1 : 0);
  Value masked = e.temporary("levels.group", side, 1, e.i8);
  e.cluster("levels.group", [&](Tree &t) {
    t.write(t.alu(AluKind::Mask, t.read(levels, w),
                  t.read(e.lanes(mask, e.i8, side))),
            masked);
  });
  return masked;
}

Row moe::lpu::multiply(Emitter &e, const Matrix &m, Levels &levels,
                       Side resultSide, const Map *map, Value factor) {
  Side side = Emitter::sideOf(m.tiles);
  Value at = levelsOn(e, levels, side);
  Row y{e.temporary(m.name, resultSide, m.outputs), m.out};
  Value mapHere = map ? (*map)[int(side)] : Value();
  auto scaleOf = [&](Tree &t, int64_t v, int64_t group) {
    int64_t index = v * m.groups + group;
    return map ? t.gather(m.scales, index, mapHere) : t.read(m.scales, index);
  };
  auto finish = [&](Tree &t, Value sum) {
    Value scaled = t.mul(sum, t.read(levels.largest));
    return factor ? t.mul(scaled, t.read(factor)) : scaled;
  };
  for (int64_t v = 0; v < m.outputs; ++v) {
    struct Term {
      int64_t w, group;
    };
    SmallVector<Term> terms;
    for (int64_t w = 0; w < m.inputs; ++w)
      for (int64_t group : groupsOf(m, w))
        terms.push_back({w, group});
    Value sum, weights;
    int64_t installed = -1;
    for (size_t i = 0; i < terms.size(); ++i) {
      Term term = terms[i];
      if (installed != term.w)
        weights =
            e.install(m.name, m.tiles, m.tileOf(v, term.w) * m.tileVectors,
                      mapHere, m.isPacked);
      installed = term.w;
      bool isWhole = groupsOf(m, term.w).size() == 1;
      Value rows = isWhole ? at : maskGroup(e, m, at, term.w, term.group);
      int64_t vector = isWhole ? term.w : 0;
      bool isLast = i + 1 == terms.size();
      // Groups have scales of their own; without any the integers add up.
      bool isInteger = !m.groupColumns && !isLast;
      Value next =
          isLast ? y.buffer
                 : e.temporary("sum", resultSide, 1, isInteger ? e.i32 : e.f32);
      e.cluster(m.name, [&](Tree &t) {
        Value product = t.multiply(t.read(rows, vector), weights);
        if (!m.groupColumns) {
          if (sum)
            product = t.add(product, t.read(sum));
          if (isLast)
            product =
                finish(t, t.mul(t.convert(product, e.f32), scaleOf(t, v, 0)));
        } else {
          product = t.mul(t.convert(product, e.f32), scaleOf(t, v, term.group));
          if (sum)
            product = t.add(product, t.read(sum));
          if (isLast)
            product = finish(t, product);
        }
        t.write(product, next, isLast ? v : 0);
      });
      sum = next;
    }
  }
  return y;
}

Row moe::lpu::multiplyHalves(Emitter &e, const Source &source, Row x,
                             const LaneMap &out, Side resultSide) {
  // Weights of a router are small: 2^8 keeps them normal in f16.
  constexpr float kScale = 256;
  WeightOp weight = source.weight;
  std::string name = weight.getSymName().str();
  Side side = Emitter::sideOf(x.buffer);
  Halves parts = split(e, name, x.buffer, side);
  std::vector<float> factors(e.width(), kScale);
  int64_t width = e.width(), inputs = x.vectors();
  std::array<Value, 2> halves;
  for (int64_t half : {0, 1}) {
    SmallVector<Attribute> loads;
    for (size_t v = 0; v < out.size(); ++v)
      for (int64_t w = 0; w < inputs; ++w)
        loads.push_back(e.load(name, source.parameter, source.matrix,
                               half ? Field::HalfHigh : Field::HalfLow,
                               (v * inputs + w) * width, out[v], (*x.lanes)[w],
                               false, factors));
    halves[half] = e.parameter(name + (half ? ".high" : ".low"), side,
                               out.size() * inputs * width, e.i8, loads);
  }
  Row y{e.temporary(name, resultSide, out.size()), &out};
  Value undo = e.splat(1.0 / kScale, resultSide);
  for (size_t v = 0; v < out.size(); ++v) {
    Value sum;
    for (int64_t w = 0; w < inputs; ++w) {
      Value weights =
          e.installHalves(name, halves[0], halves[1], (v * inputs + w) * width);
      bool isLast = w + 1 == inputs;
      Value next = isLast ? y.buffer : e.temporary("sum", resultSide);
      e.cluster(name, [&](Tree &t) {
        Value product = t.add(
            t.alu(AluKind::Pass, t.multiply(t.read(parts.low, w), weights)),
            t.multiply(t.read(parts.high, w), weights));
        if (sum)
          product = t.add(product, t.read(sum));
        if (isLast)
          product = t.mul(product, t.read(undo));
        t.write(product, next, isLast ? v : 0);
      });
      sum = next;
    }
  }
  return y;
}
