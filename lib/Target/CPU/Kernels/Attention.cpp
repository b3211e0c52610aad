//===- Attention.cpp - rotary positions, key/value state and attention ----===//
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

//===----------------------------------------------------------------------===//
// Rotary positions
//===----------------------------------------------------------------------===//

namespace {

/// A table row holds F cosines, then F sines.
struct Rope {
  RowRef angles, from, to;
  int64_t frequencies;

  /// Turns (a, b) by the angles of pairs i .. i+lanes-1.
  std::pair<Value, Value> turn(KernelBuilder &b, Value x, Value y, Value cos,
                               Value sin) const {
    Value first = b.fsub(b.fmul(x, cos), b.fmul(y, sin));
    Value second = b.fadd(b.fmul(y, cos), b.fmul(x, sin));
    return {first, second};
  }

  void half(KernelBuilder &b, Value head) const {
    for (int64_t i = 0; i < frequencies; i += kLanes) {
      int64_t lanes = std::min(kLanes, frequencies - i);
      Value low = b.add(head, i), high = b.add(head, frequencies + i);
      auto [x, y] = turn(b, b.load(from, low, lanes), b.load(from, high, lanes),
                         b.load(angles, b.index(i), lanes),
                         b.load(angles, b.index(frequencies + i), lanes));
      b.store(x, to, low);
      b.store(y, to, high);
    }
  }

  void interleaved(KernelBuilder &b, Value head) const {
    b.loop(b.index(0), b.index(frequencies), 1, [&](Value i) {
      Value even = b.add(head, b.mul(i, 2)), odd = b.add(even, 1);
      auto [x, y] = turn(b, b.loadScalar(from, even), b.loadScalar(from, odd),
                         b.loadScalar(angles, i),
                         b.loadScalar(angles, b.add(i, frequencies)));
      b.store(x, to, even);
      b.store(y, to, odd);
    });
  }
};

} // namespace

void moe::cpu::emitRope(KernelBuilder &b, RopeLayout layout, int64_t heads,
                        ValueRange args) {
  Value input = args[1], positions = args[2], table = args[3], result = args[4];
  int64_t features = columnsOf(input), size = features / heads;
  int64_t frequencies = columnsOf(table) / 2;
  Value rows = memref::DimOp::create(b, input, 0);
  b.parallel(args[0], rows, [&](Value begin, Value end) {
    b.loop(begin, end, 1, [&](Value row) {
      Rope rope{{table, b.loadInt(positions, row)},
                {input, row},
                {result, row},
                frequencies};
      b.loop(b.index(0), b.index(features), size, [&](Value head) {
        if (layout == RopeLayout::Half)
          rope.half(b, head);
        else
          rope.interleaved(b, head);
        // Features beyond the pairs pass unchanged.
        for (int64_t i = 2 * frequencies; i < size; i += kLanes) {
          Value at = b.add(head, i);
          b.store(b.load(rope.from, at, std::min(kLanes, size - i)), rope.to,
                  at);
        }
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Key/value state: f32 [layer][key, value][head][position][dim] per sequence
//===----------------------------------------------------------------------===//

/// All positions of one head's keys (which = 0) or values (1).
static Value headState(KernelBuilder &b, KvType kv, Value states,
                       Value capacity, Value sequence, Value layer,
                       int64_t which, Value head) {
  auto pointerType = LLVM::LLVMPointerType::get(b.getContext());
  Value slot = b.pointerAt(states, b.mul(sequence, sizeof(void *)));
  Value base = LLVM::LoadOp::create(b, pointerType, slot);
  Value block = b.add(b.mul(layer, 2), which);
  block = b.add(b.mul(block, kv.getHeads()), head);
  Value bytes =
      b.mul(b.mul(block, capacity), kv.getHeadDim() * int64_t(sizeof(float)));
  return b.bufferAt(b.pointerAt(base, bytes),
                    b.rowsType(kv.getHeadDim(), b.getF32Type()), capacity);
}

void moe::cpu::emitKvAppend(KernelBuilder &b, KvType kv, ValueRange args) {
  Value states = args[3], capacity = args[4], layer = args[5];
  Value sequences = args[6], positions = args[7];
  int64_t dim = kv.getHeadDim();
  Value rows = memref::DimOp::create(b, args[1], 0);
  b.parallel(args[0], rows, [&](Value begin, Value end) {
    b.loop(begin, end, 1, [&](Value row) {
      Value sequence = b.loadInt(sequences, row);
      Value position = b.loadInt(positions, row);
      b.loop(b.index(0), b.index(kv.getHeads()), 1, [&](Value head) {
        for (int64_t which : {0, 1}) {
          Value state =
              headState(b, kv, states, capacity, sequence, layer, which, head);
          for (int64_t i = 0; i < dim; i += kLanes) {
            Value x = b.load({args[1 + which], row}, b.add(b.mul(head, dim), i),
                             std::min(kLanes, dim - i));
            b.store(x, {state, position}, b.index(i));
          }
        }
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {

/// One query head over one sequence, in blocks of 16 positions counted from
/// position 0, so that a row's result does not depend on its batch. Keeps the
/// running maximum, the sum of exponentials and the weighted values.
struct HeadAttention {
  KernelBuilder &b;
  Value keys, values;
  SmallVector<Value> query; ///< scaled, chunks of up to 16 lanes
  int64_t dim;
  Value first, last; ///< visible positions [first, last)

  int64_t lanesOf(int64_t chunk) const {
    return std::min(kLanes, dim - chunk * kLanes);
  }
  Value chunkOf(Value buffer, Value position, int64_t chunk) const {
    return b.load({buffer, position}, b.index(chunk * kLanes), lanesOf(chunk));
  }

  Value scores(Value base) const {
    Value all = b.zeros(kLanes);
    for (int64_t group = 0; group < kLanes; group += 4) {
      SmallVector<Value> sums;
      for (int64_t j = group; j < group + 4; ++j) {
        Value sum;
        for (size_t c = 0; c < query.size(); ++c) {
          Value key = b.padded(chunkOf(keys, b.add(base, j), c));
          Value q = b.padded(query[c]);
          sum = sum ? b.fma(q, key, sum) : b.fmul(q, key);
        }
        sums.push_back(sum);
      }
      all = vector::InsertStridedSliceOp::create(b, b.sumLanesOfFour(sums), all,
                                                 ArrayRef<int64_t>{group},
                                                 ArrayRef<int64_t>{1});
    }
    return all;
  }

  /// Which of the 16 positions from `base` on are visible.
  Value visible(Value base) const {
    VectorType type = VectorType::get({kLanes}, b.getIndexType());
    Value offsets = vector::StepOp::create(b, type);
    Value at = arith::AddIOp::create(
        b, offsets, vector::BroadcastOp::create(b, type, base));
    auto compare = [&](arith::CmpIPredicate predicate, Value bound) -> Value {
      return arith::CmpIOp::create(b, predicate, at,
                                   vector::BroadcastOp::create(b, type, bound));
    };
    return arith::AndIOp::create(b, compare(arith::CmpIPredicate::slt, last),
                                 compare(arith::CmpIPredicate::sge, first));
  }

  /// state: maximum, sum, then the chunks of the weighted values.
  SmallVector<Value> block(Value base, ValueRange state, bool masked) const {
    Value s = scores(base), mask;
    if (masked) {
      mask = visible(base);
      s = arith::SelectOp::create(b, mask, s, b.like(s, -3.0e38));
    }
    Value maximum = b.fmax(state[0], b.maxLane(s));
    Value keep = b.exp(b.fsub(state[0], maximum));
    Value p = b.exp(b.fsub(s, b.broadcast(maximum, kLanes)));
    if (masked)
      p = arith::SelectOp::create(b, mask, p, b.zeros(kLanes));
    SmallVector<Value> next = {maximum, b.fma(state[1], keep, b.sumLanes(p))};
    for (size_t c = 0; c < query.size(); ++c)
      next.push_back(b.fmul(state[2 + c], b.broadcast(keep, lanesOf(c))));
    for (int64_t j = 0; j < kLanes; ++j) {
      Value weight = vector::ExtractOp::create(b, p, j);
      Value seen =
          masked ? Value(vector::ExtractOp::create(b, mask, j)) : Value();
      for (size_t c = 0; c < query.size(); ++c) {
        Value v = chunkOf(values, b.add(base, j), c);
        // What lies at a hidden position may be anything, even not a number.
        if (masked)
          v = arith::SelectOp::create(b, seen, v, b.zeros(lanesOf(c)));
        next[2 + c] = b.fma(b.broadcast(weight, lanesOf(c)), v, next[2 + c]);
      }
    }
    return next;
  }
};

/// The kernel's arguments and what one head of one row does with them.
struct AttentionKernel {
  KernelBuilder &b;
  KvType kv;
  int64_t heads;
  double scale;
  std::optional<int64_t> window;
  Value queries, states, capacity, layer, sequences, positions, result;

  HeadAttention headOf(Value head, Value row) const {
    Value sequence = b.loadInt(sequences, row);
    Value end = b.add(b.loadInt(positions, row), 1);
    Value shared = b.div(head, heads / kv.getHeads());
    auto state = [&](int64_t which) {
      return headState(b, kv, states, capacity, sequence, layer, which, shared);
    };
    HeadAttention attention{
        b, state(0), state(1), {}, kv.getHeadDim(), b.index(0), end};
    if (window)
      attention.first = b.max(b.index(0), b.sub(end, b.index(*window)));
    Value column = b.mul(head, attention.dim);
    for (int64_t i = 0; i < attention.dim; i += kLanes) {
      Value q = b.load({queries, row}, b.add(column, i),
                       std::min(kLanes, attention.dim - i));
      attention.query.push_back(b.fmul(q, b.like(q, scale)));
    }
    return attention;
  }

  void attend(Value head, Value row) const {
    HeadAttention attention = headOf(head, row);
    int64_t chunks = attention.query.size();
    SmallVector<Value> running = {b.f32(-3.0e38), b.f32(0)};
    for (int64_t c = 0; c < chunks; ++c)
      running.push_back(b.zeros(attention.lanesOf(c)));
    auto blocks = [&](Value begin, Value end, bool masked) {
      running = b.loop(begin, end, kLanes, running,
                       [&](Value base, ValueRange carried) {
                         return attention.block(base, carried, masked);
                       });
    };
    Value begin = b.mul(b.div(attention.first, kLanes), kLanes);
    if (!window) {
      Value whole = b.mul(b.div(attention.last, kLanes), kLanes);
      blocks(begin, whole, /*masked=*/false);
      begin = whole;
    }
    blocks(begin, attention.last, /*masked=*/true);
    Value column = b.mul(head, attention.dim);
    for (int64_t c = 0; c < chunks; ++c) {
      Value total = b.broadcast(running[1], attention.lanesOf(c));
      b.store(b.fdiv(running[2 + c], total), {result, row},
              b.add(column, c * kLanes));
    }
  }
};

} // namespace

void moe::cpu::emitAttention(KernelBuilder &b, KvType kv, int64_t heads,
                             double scale, std::optional<int64_t> window,
                             ValueRange args) {
  static_assert(MOERT_ABI_KV_BLOCK % kLanes == 0);
  AttentionKernel kernel{b,       kv,      heads,   scale,   window,  args[1],
                         args[2], args[3], args[4], args[5], args[6], args[7]};
  Value rows = memref::DimOp::create(b, kernel.queries, 0);
  // Heads outermost: later rows cost more, so slices of rows would be uneven.
  Value items = b.mul(rows, heads);
  b.parallel(args[0], items, [&](Value begin, Value end) {
    b.loop(begin, end, 1, [&](Value item) {
      kernel.attend(arith::DivUIOp::create(b, item, rows),
                    arith::RemUIOp::create(b, item, rows));
    });
  });
}
