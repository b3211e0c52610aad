//===- Rows.cpp - norms, levels, sums: features lane by lane --------------===//
#include "Lowering/Rows.h"

#include "moe/Quant/Rotation.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>

using namespace mlir;
using namespace moe::lpu;

LaneMap moe::lpu::denseLanes(int64_t features, int64_t width) {
  LaneMap map;
  for (int64_t first = 0; first < features; first += width) {
    std::vector<int32_t> &vector = map.emplace_back(width, -1);
    for (int64_t l = 0; l < std::min(width, features - first); ++l)
      vector[l] = first + l;
  }
  return map;
}

LaneMap moe::lpu::headLanes(int64_t heads, int64_t size, int64_t repeat,
                            int64_t width, int64_t from) {
  LaneMap map;
  int64_t fit = width / size;
  for (int64_t first = 0; first < heads; first += fit) {
    std::vector<int32_t> &vector = map.emplace_back(width, -1);
    for (int64_t h = first; h < std::min(heads, first + fit); ++h)
      for (int64_t i = 0; i < size; ++i)
        vector[(h - first) * size + i] = (from + h) / repeat * size + i;
  }
  return map;
}

Norm moe::lpu::beginNorm(Emitter &e, StringRef name, Row x, Value scale,
                         double epsilon, int64_t group, bool isWholeRow) {
  Side side = Emitter::sideOf(x.buffer);
  Norm norm{name.str(), x, scale, epsilon, group, {}};
  auto square = [&](Tree &t, int64_t v) {
    return t.mul(t.read(x.buffer, v), t.read(x.buffer, v));
  };
  if (isWholeRow) {
    // A slice gives one vector a cycle: of many, squares are made beforehand.
    Value squares;
    if (x.vectors() > 1)
      squares = e.temporary(name, side, x.vectors());
    for (int64_t v = 0; squares && v < x.vectors(); ++v)
      e.cluster(name, [&](Tree &t) { t.write(square(t, v), squares, v); });
    Value sum = foldTerms(e, name, x.vectors(), AluKind::Add, side, e.f32,
                          [&](Tree &t, int64_t v) {
                            return squares ? t.read(squares, v) : square(t, v);
                          });
    norm.sums.push_back(sumRow(e, name, sum, std::min(group, e.width())));
    return norm;
  }
  for (int64_t v = 0; v < x.vectors(); ++v) {
    Value sum = foldTerms(e, name, 1, AluKind::Add, side, e.f32,
                          [&](Tree &t, int64_t) { return square(t, v); });
    norm.sums.push_back(reduceLanes(e, name, sum, AluKind::Add, group));
  }
  return norm;
}

/// 1 / sqrt(mean + epsilon) of the group that vector v belongs to.
static Value rootOf(Emitter &e, Tree &t, const Norm &norm, int64_t v) {
  Side side = Emitter::sideOf(norm.x.buffer);
  Value sum = norm.sums[norm.sums.size() == 1 ? 0 : v];
  Value mean = t.mul(t.read(sum), t.read(e.splat(1.0 / norm.group, side)));
  return t.alu(AluKind::Rsqrt,
               t.add(mean, t.read(e.splat(norm.epsilon, side))));
}

Row moe::lpu::finishNorm(Emitter &e, const Norm &norm) {
  const Row &x = norm.x;
  Row y{e.temporary(norm.name, Emitter::sideOf(x.buffer), x.vectors()),
        x.lanes};
  for (int64_t v = 0; v < x.vectors(); ++v)
    e.cluster(norm.name, [&](Tree &t) {
      t.write(t.mul(t.mul(t.read(x.buffer, v), rootOf(e, t, norm, v)),
                    t.read(norm.scale, v)),
              y.buffer, v);
    });
  return y;
}

Levels moe::lpu::quantize(Emitter &e, StringRef name, Row x) {
  Side side = Emitter::sideOf(x.buffer);
  Value magnitude = e.splatBits(0x7fffffff, e.i32, side);
  Value largest = foldTerms(
      e, name, x.vectors(), AluKind::Max, side, e.f32, [&](Tree &t, int64_t v) {
        return t.alu(AluKind::And, t.read(x.buffer, v), t.read(magnitude));
      });
  largest = reduceLanes(e, name, largest, AluKind::Max, e.width());
  return {x, largest, largest, {}, {}};
}

Levels moe::lpu::quantize(Emitter &e, const Norm &norm) {
  const Row &x = norm.x;
  Side side = Emitter::sideOf(x.buffer);
  Row scaled{e.temporary(norm.name, side, x.vectors()), x.lanes};
  for (int64_t v = 0; v < x.vectors(); ++v)
    e.cluster(norm.name, [&](Tree &t) {
      t.write(t.mul(t.read(x.buffer, v), t.read(norm.scale, v)), scaled.buffer,
              v);
    });
  Levels levels = quantize(e, norm.name, scaled);
  levels.largest = e.temporary(norm.name, side);
  e.cluster(norm.name, [&](Tree &t) {
    t.write(t.mul(t.read(levels.divisor), rootOf(e, t, norm, 0)),
            levels.largest);
  });
  return levels;
}

Value moe::lpu::levelsOn(Emitter &e, Levels &levels, Side side) {
  Value &known = levels.at[int(side)];
  if (known)
    return known;
  Row x = levels.from;
  Side at = Emitter::sideOf(x.buffer);
  Value least = e.splat(std::ldexp(1.0, -100), at), top = e.splat(127, at);
  known = e.temporary("levels", side, x.vectors(), e.i8);
  for (int64_t v = 0; v < x.vectors(); ++v)
    e.cluster("levels", [&](Tree &t) {
      auto largest = [&] {
        return t.alu(AluKind::Max, t.read(levels.divisor), t.read(least));
      };
      Value factor = t.mul(t.inverse(largest(), largest()), t.read(top));
      t.write(t.convert(t.mul(t.read(x.buffer, v), factor), e.i8), known, v);
    });
  return known;
}

Row moe::lpu::clamp(Emitter &e, StringRef name, Row x, double limit) {
  Side side = Emitter::sideOf(x.buffer);
  Row y{e.temporary(name, side, x.vectors()), x.lanes};
  for (int64_t v = 0; v < x.vectors(); ++v)
    e.cluster(name, [&](Tree &t) {
      Value low = t.alu(AluKind::Min, t.read(x.buffer, v),
                        t.read(e.splat(limit, side)));
      t.write(t.alu(AluKind::Max, low, t.read(e.splat(-limit, side))), y.buffer,
              v);
    });
  return y;
}

Row moe::lpu::add(Emitter &e, StringRef name, Row a, Row b) {
  Row sum{e.temporary(name, Emitter::sideOf(a.buffer), a.vectors()), a.lanes};
  for (int64_t v = 0; v < a.vectors(); ++v)
    e.cluster(name, [&](Tree &t) {
      t.write(t.add(t.read(a.buffer, v), t.read(b.buffer, v)), sum.buffer, v);
    });
  return sum;
}

Halves moe::lpu::split(Emitter &e, StringRef name, Value row, Side side) {
  int64_t count = Emitter::countOf(row);
  Value high = e.temporary(name, side, count, e.f16);
  Value low = e.temporary(name, side, count, e.f16);
  for (int64_t v = 0; v < count; ++v) {
    e.cluster(name, [&](Tree &t) {
      t.write(t.convert(t.read(row, v), e.f16), high, v);
    });
    e.cluster(name, [&](Tree &t) {
      Value rounded = t.convert(t.convert(t.read(row, v), e.f16), e.f32);
      t.write(t.convert(t.sub(t.read(row, v), rounded), e.f16), low, v);
    });
  }
  return {high, low};
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

/// One byte of f16 +-1 for each lane and column of one block of rotated
/// columns.
static std::array<Value, 2> signMatrix(Emitter &e, const LaneMap &lanes,
                                       int64_t from, int64_t to, int64_t block,
                                       Side side) {
  int64_t width = e.width();
  std::array<std::vector<int8_t>, 2> bytes;
  for (auto &half : bytes)
    half.assign(width * width, 0);
  for (int64_t n = 0; n < width; ++n)
    for (int64_t k = 0; k < width; ++k) {
      int64_t row = lanes[from][k], column = lanes[to][n];
      if (row < 0 || column < 0 || row / block != column / block)
        continue;
      bool isOdd = __builtin_popcountll(row % block & (column % block)) & 1;
      float sign = moe::getRotationSign(row % block) * (isOdd ? -1 : 1);
      bytes[1][n * width + k] = sign < 0 ? int8_t(0xbc) : int8_t(0x3c);
    }
  return {e.bytes(bytes[0], side), e.bytes(bytes[1], side)};
}

Row moe::lpu::rotate(Emitter &e, StringRef name, Row x, int64_t block) {
  Side side = Emitter::sideOf(x.buffer);
  Row y{e.temporary(name, side, x.vectors()), x.lanes};
  Halves halves = split(e, name, x.buffer, side);
  Value scale = e.splat(float(1.0 / std::sqrt(double(block))), side);
  for (int64_t to = 0; to < x.vectors(); ++to) {
    Value sum;
    for (int64_t from = 0; from < x.vectors(); ++from) {
      auto reaches = [&] {
        for (int32_t a : (*x.lanes)[from])
          for (int32_t b : (*x.lanes)[to])
            if (a >= 0 && b >= 0 && a / block == b / block)
              return true;
        return false;
      };
      if (!reaches())
        continue;
      auto [lowBytes, highBytes] =
          signMatrix(e, *x.lanes, from, to, block, side);
      Value weights = e.installHalves(name, lowBytes, highBytes, 0);
      Value next = e.temporary(name, side);
      e.cluster(name, [&](Tree &t) {
        Value product = t.add(
            t.alu(AluKind::Pass, t.multiply(t.read(halves.low, from), weights)),
            t.multiply(t.read(halves.high, from), weights));
        t.write(sum ? t.add(product, t.read(sum)) : product, next);
      });
      sum = next;
    }
    e.cluster(name, [&](Tree &t) {
      t.write(t.mul(t.read(sum), t.read(scale)), y.buffer, to);
    });
  }
  return y;
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

Map moe::lpu::makeMap(Emitter &e, StringRef name, Value number, int32_t factor,
                      int32_t offset) {
  Map map;
  Side at = Emitter::sideOf(number);
  // Lane 0 of a superlane carries the low byte, lane 1 the high one.
  SmallVector<int32_t> shifts(e.width(), 0);
  for (int64_t l = 1; l < e.width(); l += e.getMachine().lanes)
    shifts[l] = 8;
  Value shift = e.lanes(shifts, e.i32, at);
  auto number32 = [&](int32_t value) {
    return e.splatBits(uint32_t(value), e.i32, at);
  };
  Value times = number32(factor), more = number32(offset), mask = number32(255),
        flip = number32(128);
  for (Side side : {Side::West, Side::East}) {
    map[int(side)] = e.temporary(name, side, 1, e.i8);
    e.cluster(name, [&](Tree &t) {
      Value row = t.add(t.mul(t.read(number), t.read(times)), t.read(more));
      Value byte = t.alu(AluKind::And, t.alu(AluKind::Shr, row, t.read(shift)),
                         t.read(mask));
      // A conversion saturates, so it is told of a signed byte.
      Value value =
          t.sub(t.alu(AluKind::Xor, byte, t.read(flip)), t.read(flip));
      t.write(t.convert(value, e.i8), map[int(side)]);
    });
  }
  return map;
}

//===----------------------------------------------------------------------===//
// Gated units
//===----------------------------------------------------------------------===//

Row moe::lpu::activate(Emitter &e, StringRef name, Row gate, Row up,
                       StringRef activation) {
  Side side = Emitter::sideOf(gate.buffer);
  Row y{e.temporary(name, side, gate.vectors()), gate.lanes};
  Value log2e = e.splat(-1.4426950408889634, side), one = e.splat(1, side);
  for (int64_t v = 0; v < gate.vectors(); ++v) {
    if (activation == "relu" || activation == "identity") {
      e.cluster(name, [&](Tree &t) {
        Value g = t.read(gate.buffer, v);
        if (activation == "relu")
          g = t.alu(AluKind::Relu, g);
        t.write(t.mul(g, t.read(up.buffer, v)), y.buffer, v);
      });
      continue;
    }
    // silu: x / (1 + 2^(-x log2 e))
    Value below = e.temporary(name, side);
    e.cluster(name, [&](Tree &t) {
      Value power =
          t.alu(AluKind::Exp2, t.mul(t.read(gate.buffer, v), t.read(log2e)));
      t.write(t.add(power, t.read(one)), below);
    });
    e.cluster(name, [&](Tree &t) {
      Value product = t.mul(t.read(gate.buffer, v), t.read(up.buffer, v));
      t.write(t.mul(product, t.inverse(t.read(below), t.read(below))), y.buffer,
              v);
    });
  }
  return y;
}
