//===- StoredDecoder.cpp - bits of a stored matrix become levels ----------===//
//
// Tables of bytes have at most 128 entries (or 256, for codes that no scheme
// has now): a word of them in each bank of the shared memory, so that any 32
// look-ups take one cycle. A table whose entries are words is spread out
// instead: entry i is there 32 times, at byte 256 i + 4 lane, one in the bank
// of each lane; so are the entries of its second copy, 128 bytes later, shifted
// to where the pair of the other stream goes. An index that lies at bit 8 of a
// word is an address then: one instruction masks it and adds the lane.
//
// A quad of the trellis takes 2 shifts to the left, 2 products for the hash, 4
// masks, 4 look-ups, 2 to put levels together, 1 for the words of its streams,
// and a product for each row: 4 instructions for a weight, 1 of them a look-up.
// Without a window it is 2.2; q2 has 2.9, q5 1.2, q4 0.7, q8 0.4.
//===----------------------------------------------------------------------===//
#include "StoredDecoder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

static constexpr int64_t pairCodes = 128;
static constexpr int64_t spreadStride = 256, copyStride = 128;
static constexpr int64_t indexMask = 127, spreadMask = indexMask * spreadStride;
static constexpr int64_t allBytes = 0x01010101;

/// A constant of 32 bits, whatever its highest bit.
static Value word(ThreadBuilder &b, uint64_t value) {
  return b.i32(int32_t(uint32_t(value)));
}

SmallVector<Plane> moe::cuda::getPlanes(CodeAttr code) {
  SmallVector<Plane> planes;
  int64_t place = 0, vector = 0;
  for (int64_t bits = 8; bits >= 1; bits /= 2)
    if (code.getBits() & bits) {
      planes.push_back({bits, place, vector});
      place += bits;
      vector += 2 * bits;
    }
  return planes;
}

StoredDecoder::StoredDecoder(Launcher &launcher, ThreadBuilder &thread,
                             CodeAttr code)
    : l(launcher), b(thread), code(code) {
  int64_t entries = code.getLevels().size();
  bool isPairs = code.getLayout() == CodeLayout::Pairs;
  if (code.isTrellis() || (!isPairs && entries > 4))
    bytes = b.shared(std::max<int64_t>(entries, 16), 128);
  if (isPairs) {
    spread = b.shared(pairCodes * spreadStride, spreadStride);
    lanePlace = b.shl(b.lane(), 2);
  }
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

bool StoredDecoder::fillTables() {
  if (bytes)
    fillBytes();
  if (spread)
    fillSpread();
  return bytes || spread;
}

void StoredDecoder::fillBytes() {
  SmallVector<int32_t> words;
  ArrayRef<int64_t> levels = code.getLevels();
  for (size_t i = 0; i < levels.size(); i += 4) {
    uint32_t four = 0;
    for (size_t j = 0; j < 4; ++j)
      four |= uint32_t(levels[i + j]) << (8 * j);
    words.push_back(int32_t(four));
  }
  int64_t count = words.size();
  auto type = RankedTensorType::get({count}, b.getI32Type());
  Value table =
      l.getTable(b, "levels_" + l.nameOf(code),
                 DenseIntElementsAttr::get(type, ArrayRef<int32_t>(words)));
  b.when(b.less(b.threadId(), b.i32(count)), [&] {
    b.store(b.loadConstant(b.getI32Type(), table, b.threadId()), bytes,
            b.threadId());
  });
}

void StoredDecoder::fillSpread() {
  // The words of both copies take turns, as they do in shared memory.
  ArrayRef<int64_t> levels = code.getLevels();
  SmallVector<int32_t> words;
  for (int64_t i = 0; i < pairCodes; ++i) {
    int64_t second = levels.size() == pairCodes ? i : pairCodes + i;
    uint32_t entry = uint32_t(levels[second]) << 8;
    if (!code.isTrellis())
      entry |= uint32_t(levels[i]);
    words.push_back(int32_t(entry));
    words.push_back(int32_t(entry << 16));
  }
  int64_t count = words.size();
  auto type = RankedTensorType::get({count}, b.getI32Type());
  Value table =
      l.getTable(b, "pairs_" + l.nameOf(code),
                 DenseIntElementsAttr::get(type, ArrayRef<int32_t>(words)));
  // Each thread writes 16 bytes, the words of four lanes, again and again.
  constexpr int64_t parts = copyStride / 16;
  int64_t turns = count * parts / b.threadCount();
  assert(count * parts % b.threadCount() == 0 &&
         "threads share a table evenly");
  SmallVector<Value> entries;
  auto placeOf = [&](int64_t turn) {
    return b.add(b.threadId(), turn * b.threadCount());
  };
  for (int64_t turn = 0; turn < turns; ++turn)
    entries.push_back(
        b.loadConstant(b.getI32Type(), table, b.div(placeOf(turn), parts)));
  auto four = b.vectorOf(b.getI32Type(), 4);
  for (auto [turn, entry] : llvm::enumerate(entries)) {
    Value all = LLVM::PoisonOp::create(b, four);
    for (int64_t i = 0; i < 4; ++i)
      all = b.insert(entry, all, i);
    b.store(all, spread, b.shl(placeOf(turn), 2));
  }
}

Value StoredDecoder::loadByte(Value index) {
  Value byte = b.load(b.getI8Type(), bytes, index);
  return b.extend(byte, b.getI32Type(), /*isSigned=*/false);
}

Value StoredDecoder::loadSpread(Value index, int64_t copy) {
  Value address =
      b.at(b.at(spread, b.getI8Type(), copy * copyStride), b.getI8Type(),
           index);
  return b.load(b.getI32Type(), address, 0);
}

//===----------------------------------------------------------------------===//
// Planes
//===----------------------------------------------------------------------===//

Value StoredDecoder::quadOfPlanes(ArrayRef<Value> words,
                                  ArrayRef<int64_t> from) {
  Value fields;
  for (auto [plane, bits, start] : llvm::zip(getPlanes(code), words, from)) {
    int64_t left = plane.place - start;
    Value part = left < 0 ? b.shr(bits, -left) : b.shl(bits, left);
    uint64_t mask = ((1 << plane.bits) - 1) << plane.place;
    if (plane.bits < 8)
      part = b.bitAnd(part, word(b, mask * allBytes));
    fields = fields ? b.bitOr(fields, part) : part;
  }
  if (code.getLevels().empty())
    return fields;
  return bytes ? lookUp(fields) : chooseByBits(fields);
}

Value StoredDecoder::lookUp(Value fields) {
  Value result;
  for (int64_t i = 0; i < 4; ++i) {
    Value index = b.shr(fields, 8 * i);
    if (i < 3)
      index = b.bitAnd(index, 255);
    Value level = b.shl(loadByte(index), 8 * i);
    result = result ? b.bitOr(result, level) : level;
  }
  return result;
}

/// Two or four levels need no table: each bit of the fields, spread over its
/// byte, chooses.
Value StoredDecoder::chooseByBits(Value fields) {
  auto all = [&](int64_t bit) {
    return b.mul(b.bitAnd(b.shr(fields, bit), allBytes), b.i32(255));
  };
  auto pick = [&](Value mask, Value zero, Value one) {
    return b.bitXor(zero, b.bitAnd(mask, b.bitXor(zero, one)));
  };
  auto level = [&](int64_t i) {
    return word(b, uint64_t(code.getLevels()[i]) * allBytes);
  };
  Value low = all(0);
  Value result = pick(low, level(0), level(1));
  if (code.getLevels().size() == 2)
    return result;
  return pick(all(1), result, pick(low, level(2), level(3)));
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

/// Two numbers of 16 bits become a word: the hardware has one instruction.
static Value join(ThreadBuilder &b, Value low, Value high, int64_t half) {
  auto halves = b.vectorOf(b.getI16Type(), 2);
  Value result = LLVM::PoisonOp::create(b, halves);
  result = b.insert(b.extract(b.bitcast(low, halves), half), result, 0);
  result = b.insert(b.extract(b.bitcast(high, halves), half), result, 1);
  return b.bitcast(result, b.getI32Type());
}
Value StoredDecoder::joinLow(Value low, Value high) {
  return join(b, low, high, 0);
}
Value StoredDecoder::joinHigh(Value low, Value high) {
  return join(b, low, high, 1);
}

Value StoredDecoder::spreadIndex(Value bits, int64_t from) {
  Value moved = from < 8 ? b.shl(bits, 8 - from) : b.shr(bits, from - 8);
  return b.bitOr(b.bitAnd(moved, spreadMask), lanePlace);
}

/// The hash of the state that ends before bit 16 + inside; what is above its low
/// 16 bits means nothing.
Value StoredDecoder::mix(Value stream, int64_t inside) {
  // h = (a + 1) low + (b + 256) high: both are bytes for q35, and then the state
  // may stay where a shift to the left, or none, puts it.
  int64_t low = code.getWindow()[0] + 1, high = code.getWindow()[1] + 256;
  if (low >= 0 && low <= 255 && high <= 255) {
    Value zero = b.i32(0);
    auto factors = [&](int64_t shift) {
      return word(b, uint64_t(low | high << 8) << shift);
    };
    if (inside == 8)
      return b.dot4(stream, factors(8), zero, false, false);
    Value moved = b.shl(stream, 16 - inside);
    return b.dot4(moved, factors(16), zero, false, false);
  }
  Value state = b.shr(stream, inside);
  uint64_t factors = uint8_t(code.getWindow()[0]) |
                     uint64_t(uint8_t(code.getWindow()[1])) << 8;
  return b.dot4(state, word(b, factors), state, false, true);
}

Value StoredDecoder::quadOfPairs(Value even, Value odd, int64_t inside) {
  if (!code.isTrellis()) {
    // The newest 7 bits.
    Value first = loadSpread(spreadIndex(even, inside + 9), 0);
    Value second = loadSpread(spreadIndex(odd, inside + 9), 1);
    return b.bitOr(first, second);
  }
  Value mixedEven = mix(even, inside), mixedOdd = mix(odd, inside);
  auto byteOf = [&](Value mixed) {
    return loadByte(b.bitAnd(mixed, indexMask));
  };
  Value low = byteOf(mixedEven), high = byteOf(mixedOdd);
  Value seconds = b.bitOr(loadSpread(spreadIndex(mixedEven, 8), 0),
                          loadSpread(spreadIndex(mixedOdd, 8), 1));
  return b.add(b.bitOr(seconds, low), b.mul(high, 1 << 16));
}
