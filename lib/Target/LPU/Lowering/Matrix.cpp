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
/// Columns in a vector of four bytes of nibbles.
static constexpr int64_t kNibbleColumns = 8;

/// Whether each level is 8 times a nibble, and 4 more in odd columns.
static bool isNibbles(CodeAttr code) {
  if (code.getLayout() != CodeLayout::Pairs || code.isTrellis() ||
      code.getLevels().size() != 256 || !code.getColumns())
    return false;
  for (auto [i, level] : llvm::enumerate(code.getLevels())) {
    int64_t rest = i < 128 ? level : level - 4;
    if (rest % 8 || rest < 0 || rest / 8 > 15)
      return false;
  }
  return true;
}

/// A row's trellis must begin in the first lane: what is longer than a tile is
/// decoded beforehand. Where only time counts it may begin in each tile.
static TileForm formOf(const Emitter &e, CodeAttr code, const LaneMap &in) {
  if (e.getMachine().mxm.expander && code.isTrellis() &&
      (in.size() == 1 || !e.hasResults()))
    return TileForm::Packed;
  return isNibbles(code) ? TileForm::Nibbles : TileForm::Levels;
}

namespace {
/// Makes the buffers of a matrix.
struct MatrixMaker {
  Emitter &e;
  const Source &source;
  Side side;
  Matrix m;
  int64_t tiles = 0;

  /// Vectors of memory, and rows in each slice, of a tile.
  void shape() {
    int64_t width = e.width(), groups = width / e.getMachine().mxm.streams;
    tiles = m.inputs * m.outputs;
    switch (m.form) {
    case TileForm::Levels:
      m.tileVectors = width;
      m.page = tiles * groups;
      break;
    case TileForm::Packed:
      m.tileVectors = groups * kPackedStreams;
      m.page = tiles * groups;
      break;
    case TileForm::Nibbles:
      m.tileVectors = width / kNibbleColumns;
      m.page = tiles * m.tileVectors;
      break;
    }
    m.numbersPage = m.partOut ? m.outputs * m.groups : m.page;
  }

  Field field() const {
    return m.form == TileForm::Levels   ? Field::Levels
           : m.form == TileForm::Packed ? Field::Packed
                                        : Field::Nibbles;
  }

  Value makeTiles() {
    SmallVector<Attribute> loads;
    for (int64_t x = 0; x < source.experts; ++x)
      for (int64_t v = 0; v < m.outputs; ++v)
        for (int64_t w = 0; w < m.inputs; ++w)
          loads.push_back(e.load(m.name, source.parameter + x, source.matrix,
                                 field(),
                                 (x * tiles + m.tileOf(v, w)) * m.tileVectors,
                                 (*m.out)[v], (*m.in)[w]));
    Type element = e.i8;
    if (m.form == TileForm::Nibbles)
      element = VectorType::get({4}, e.i8);
    return e.parameter(m.name, side, source.experts * tiles * m.tileVectors,
                       element, loads);
  }

  /// Vector v * groups + g of an expert's page: of group g of vector v's rows.
  Value makeNumbers(StringRef what, Field field, ArrayRef<float> factors) {
    SmallVector<Attribute> loads;
    bool isBank = source.experts > 1;
    for (int64_t x = 0; x < source.experts; ++x)
      for (int64_t v = 0; v < m.outputs; ++v)
        loads.push_back(e.load(m.name, source.parameter + x, source.matrix,
                               field,
                               (isBank ? x * m.numbersPage : 0) + v * m.groups,
                               counting(0, m.groups), (*m.out)[v],
                               /*transposed=*/true, factors));
    int64_t vectors = m.outputs * m.groups;
    if (isBank)
      vectors += (source.experts - 1) * m.numbersPage;
    return e.parameter(m.name + what.str(), side, vectors, e.f32, loads);
  }

  Matrix make() {
    shape();
    m.tiles = makeTiles();
    std::vector<float> factors(e.width(), 1.0f / 127);
    m.scales = makeNumbers(".scales", Field::Scales, factors);
    if (m.form == TileForm::Nibbles)
      m.zeros = makeNumbers(".zeros", Field::Zeros, {});
    return m;
  }
};
} // namespace

static Matrix makePart(Emitter &e, const Source &source, const LaneMap &in,
                       const LaneMap &out, Side side,
                       std::shared_ptr<LaneMap> partOut);

/// Whether a matrix is worth both hemispheres, or too much for some slices.
static bool isWide(const Emitter &e, const Source &source, const LaneMap &in,
                   const LaneMap &out) {
  constexpr int64_t most = 4; // tiles
  int64_t tiles = in.size() * out.size();
  int64_t rows = e.width() / e.getMachine().mxm.streams;
  return out.size() > 1 && (tiles >= most || source.experts * tiles * rows >
                                                 e.getMachine().mem.rows);
}

Matrix moe::lpu::makeMatrix(Emitter &e, const Source &source, const LaneMap &in,
                            const LaneMap &out, Side side) {
  if (isWide(e, source, in, out)) {
    Matrix whole;
    whole.out = &out;
    whole.outputs = out.size();
    for (const std::vector<int32_t> &vector : out) {
      auto own = std::make_shared<LaneMap>(LaneMap{vector});
      whole.parts.push_back(makePart(e, source, in, *own, side, own));
      side = Emitter::other(side);
    }
    whole.name = whole.parts[0].name;
    whole.page = whole.parts[0].page;
    whole.numbersPage = whole.parts[0].numbersPage;
    return whole;
  }
  return makePart(e, source, in, out, side, nullptr);
}

static Matrix makePart(Emitter &e, const Source &source, const LaneMap &in,
                       const LaneMap &out, Side side,
                       std::shared_ptr<LaneMap> partOut) {
  WeightOp weight = source.weight;
  CodeAttr code = weight.getCodeAttr();
  Matrix m;
  m.name = weight.getSymName().str();
  m.form = formOf(e, code, in);
  m.in = &in;
  m.out = &out;
  m.inputs = in.size();
  m.outputs = out.size();
  m.partOut = std::move(partOut);
  m.groupColumns = code.getColumns();
  if (m.groupColumns)
    m.groups = llvm::divideCeil(weight.getColumns(), m.groupColumns);
  return MatrixMaker{e, source, side, m}.make();
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

/// Vector w of the levels with all lanes 0 but those that `takes` wants.
static Value maskLanes(Emitter &e, const Matrix &m, Value levels, int64_t w,
                       function_ref<bool(int32_t feature)> takes) {
  Side side = Emitter::sideOf(levels);
  SmallVector<int32_t> mask;
  for (int32_t feature : (*m.in)[w])
    mask.push_back(feature >= 0 && takes(feature) ? -1 : 0);
  Value masked = e.temporary("levels.group", side, 1, e.i8);
  e.cluster("levels.group", [&](Tree &t) {
    t.write(t.alu(AluKind::Mask, t.read(levels, w),
                  t.read(e.lanes(mask, e.i8, side))),
            masked);
  });
  return masked;
}

namespace {

/// One product of levels with a matrix.
struct Product {
  Emitter &e;
  const Matrix &m;
  Levels &levels;
  Side resultSide;
  const Pages *pages;
  Value factor;
  int64_t first = 0; ///< vector of the result that v = 0 is

  Side side() const { return Emitter::sideOf(m.tiles); }
  Value mapHere() const { return pages ? pages->tiles[int(side())] : Value(); }

  Value numberOf(Tree &t, Value numbers, int64_t v, int64_t group) const {
    int64_t index = v * m.groups + group;
    return pages ? t.gather(numbers, index, pages->numbers[int(side())])
                 : t.read(numbers, index);
  }

  bool takesGroup(int32_t feature, int64_t group) const {
    return feature / m.groupColumns == group;
  }

  Value rowsOf(int64_t w, int64_t group) {
    return maskLanes(e, m, levelsOn(e, levels, side()), w,
                     [&](int32_t f) { return takesGroup(f, group); });
  }

  /// Unpacks a tile: four bytes of nibbles are eight columns.
  Value unpack(int64_t v, int64_t w) {
    int64_t streams = e.getMachine().mxm.streams;
    Value tile = e.temporary(m.name + ".unpacked", side(), e.width(), e.i8);
    Value four = e.splatBits(0x04040404, VectorType::get({4}, e.i8), side());
    Value low = e.splatBits(0x0f0f0f0f, VectorType::get({4}, e.i8), side());
    int64_t perGroup = streams / kNibbleColumns;
    int64_t first = m.tileOf(v, w) * m.tileVectors;
    for (int64_t part = 0; part < perGroup; ++part)
      for (bool isHigh : {false, true})
        e.cluster(
            m.name + ".unpack",
            [&](Tree &t) {
              Value packed =
                  pages ? t.gather(m.tiles, first + part, mapHere(), perGroup)
                        : t.read(m.tiles, first + part, perGroup);
              Value bytes = isHigh ? t.alu(AluKind::Shr, packed, t.read(four))
                                   : t.alu(AluKind::And, packed, t.read(low));
              for (int64_t byte = 0; byte < 4; ++byte)
                t.writeByte(bytes, byte, tile,
                            part * kNibbleColumns + 4 * isHigh + byte, streams,
                            1);
            },
            e.width() / streams);
    return tile;
  }

  Value install(int64_t v, int64_t w) {
    if (m.form == TileForm::Nibbles)
      return e.install(m.name, unpack(v, w), 0);
    return e.install(m.name, m.tiles, m.tileOf(v, w) * m.tileVectors, mapHere(),
                     m.form == TileForm::Packed);
  }

  /// Sums of levels, by a product with ones.
  const Levels::Sums &sumsOf(int64_t w, int64_t group) {
    size_t all = size_t(m.inputs * m.groups);
    levels.sums.resize(std::max(levels.sums.size(), all));
    Levels::Sums &sums = levels.sums[w * m.groups + group];
    if (sums.all)
      return sums;
    SmallVector<int8_t> ones(e.width() * e.width(), 1);
    Value at = levelsOn(e, levels, side());
    Value odd = maskLanes(
        e, m, at, w, [&](int32_t f) { return takesGroup(f, group) && f % 2; });
    Value weights = e.install("ones", e.bytes(ones, side()), 0);
    sums.all = e.temporary("levels.sum", resultSide);
    sums.odd = e.temporary("levels.odd", resultSide);
    Value rows = rowsOf(w, group);
    e.cluster("levels.sum", [&](Tree &t) {
      t.write(t.convert(t.multiply(t.read(rows), weights), e.f32), sums.all);
    });
    e.cluster("levels.odd", [&](Tree &t) {
      Value sum = t.convert(t.multiply(t.read(odd), weights), e.f32);
      t.write(t.mul(sum, t.read(e.splat(4, side()))), sums.odd);
    });
    return sums;
  }

  /// The integer of a group as f32: it is exact, far below 2^24.
  Value integerOf(Tree &t, Value product, int64_t v, int64_t w, int64_t group) {
    Value number = t.convert(product, e.f32);
    if (m.form != TileForm::Nibbles)
      return number;
    const Levels::Sums &sums = levels.sums[w * m.groups + group];
    number = t.add(t.mul(number, t.read(e.splat(8, side()))), t.read(sums.odd));
    return t.sub(number,
                 t.mul(numberOf(t, m.zeros, v, group), t.read(sums.all)));
  }

  Value finish(Tree &t, Value sum) const {
    Value scaled = t.mul(sum, t.read(levels.largest));
    return factor ? t.mul(scaled, t.read(factor)) : scaled;
  }

  void makeVector(int64_t v, Value result) {
    SmallVector<std::pair<int64_t, int64_t>> terms;
    for (int64_t w = 0; w < m.inputs; ++w)
      for (int64_t group : groupsOf(m, w))
        terms.push_back({w, group});
    Value sum, weights;
    for (size_t i = 0; i < terms.size(); ++i) {
      auto [w, group] = terms[i];
      if (m.form == TileForm::Nibbles)
        sumsOf(w, group);
      if (i == 0 || terms[i - 1].first != w)
        weights = install(v, w);
      bool isWhole = groupsOf(m, w).size() == 1;
      Value rows = isWhole ? levelsOn(e, levels, side()) : rowsOf(w, group);
      bool isLast = i + 1 == terms.size();
      // Without groups the integers add up, and have one scale.
      bool isInteger = !m.groupColumns && !isLast;
      Value next =
          isLast ? result
                 : e.temporary("sum", resultSide, 1, isInteger ? e.i32 : e.f32);
      int64_t vector = isWhole ? w : 0, scale = group, input = w;
      e.cluster(m.name, [&](Tree &t) {
        Value product = t.multiply(t.read(rows, vector), weights);
        if (!m.groupColumns && sum)
          product = t.add(product, t.read(sum));
        if (!isInteger)
          product = t.mul(integerOf(t, product, v, input, scale),
                          numberOf(t, m.scales, v, scale));
        if (m.groupColumns && sum)
          product = t.add(product, t.read(sum));
        t.write(isLast ? finish(t, product) : product, next,
                isLast ? first + v : 0);
      });
      sum = next;
    }
  }
};

} // namespace

Pages moe::lpu::findPages(Emitter &e, const Matrix &m, Value expert) {
  Pages pages;
  pages.tiles = makeMap(e, "expert.map", expert, m.page, 0);
  pages.numbers = m.numbersPage == m.page
                      ? pages.tiles
                      : makeMap(e, "scales.map", expert, m.numbersPage, 0);
  return pages;
}

Row moe::lpu::multiply(Emitter &e, const Matrix &m, Levels &levels,
                       Side resultSide, const Pages *pages, Value factor) {
  Row y{e.temporary(m.name, resultSide, m.outputs), m.out};
  for (auto [v, part] : llvm::enumerate(m.parts))
    Product{e, part, levels, resultSide, pages, factor, int64_t(v)}.makeVector(
        0, y.buffer);
  if (!m.parts.empty())
    return y;
  Product product{e, m, levels, resultSide, pages, factor};
  for (int64_t v = 0; v < m.outputs; ++v)
    product.makeVector(v, y.buffer);
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
