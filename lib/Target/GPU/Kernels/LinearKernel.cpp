//===- LinearKernel.cpp - rows, outputs and addresses of linear maps ------===//
#include "LinearKernel.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

//===----------------------------------------------------------------------===//
// On the host
//===----------------------------------------------------------------------===//

int64_t LinearShape::inputAlignment() const {
  return llvm::MinAlign(16, features * sizeof(float));
}

int64_t LinearShape::panels(int64_t size) const {
  int64_t count = 0;
  for (int64_t n : outputs)
    count += llvm::divideCeil(n, size);
  return count;
}

std::string LinearShape::name() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << element << '_' << features << "_a" << alignment;
  for (auto [i, n] : llvm::enumerate(outputs)) {
    stream << '_' << n;
    if (ofExperts)
      stream << "at" << offsets[i];
  }
  if (bias)
    stream << "_bias_" << bias;
  if (ofExperts)
    stream << (gathers ? "_gather" : "_experts");
  return text;
}

int64_t LinearCall::outputsOfRow() const {
  int64_t count = 0;
  for (int64_t n : shape.outputs)
    count += n;
  return assignments ? count * assignments->chosen : count;
}

void LinearCall::launch(Launcher &l, std::string name, int64_t panel,
                        int64_t rowTile, int64_t threads,
                        function_ref<void(LinearWork &)> emit) const {
  host::KernelBuilder &b = l.host();
  Grid grid{b.index(shape.panels(panel)), {}};
  if (assignments)
    grid.y = b.min(b.mul(assignments->rows, assignments->chosen),
                   b.index(assignments->experts));
  else
    grid.y = blocksFor(b, rows, rowTile);
  l.launch(name + "_" + shape.name(), grid, threads, arguments,
           [&](ThreadBuilder &t, ValueRange values) {
             LinearWork work(t, shape);
             work.run(values, panel, rowTile, emit);
           });
}

//===----------------------------------------------------------------------===//
// In a kernel
//===----------------------------------------------------------------------===//

void LinearWork::run(ValueRange arguments, int64_t panel, int64_t rowTile,
                     function_ref<void(LinearWork &)> emit) {
  input = arguments[0];
  if (!shape.ofExperts) {
    begin = t.mul(t.blockY(), rowTile);
    end = t.min(t.add(begin, rowTile), arguments[1]);
    chooseMap(arguments.drop_front(2), panel);
    return emit(*this);
  }
  // There may be more blocks than experts that are ready. Both loads are on
  // their way together.
  Value count = t.load(t.getI32Type(), arguments[4], 0);
  expert = t.load(t.getI32Type(), arguments[3], t.blockY());
  t.when(t.less(t.blockY(), count), [&] {
    int64_t fixed = shape.gathers ? 6 : 5;
    if (shape.gathers)
      rowOf = arguments[5];
    chooseMap(arguments.drop_front(fixed), panel);
    chooseExpert(arguments);
    emit(*this);
  });
}

/// Of each map: weights unless they are of experts, bias if there is one,
/// result.
void LinearWork::chooseMap(ValueRange maps, int64_t panel) {
  Value index = t.blockX();
  int64_t before = 0;
  auto pick = [&](Value &chosen, Value own, Value isHere) {
    chosen = chosen ? t.select(isHere, own, chosen) : own;
  };
  Value inside = index;
  for (auto [i, count] : llvm::enumerate(shape.outputs)) {
    Value isHere = i ? t.lessOrEqual(t.i32(before), index) : Value();
    auto next = [&] {
      Value value = maps.front();
      maps = maps.drop_front();
      return value;
    };
    if (shape.ofExperts)
      pick(offset, t.i64(shape.offsets[i]), isHere);
    else
      pick(weights, next(), isHere);
    if (shape.bias)
      pick(bias, next(), isHere);
    pick(result, next(), isHere);
    pick(outputs, t.i32(count), isHere);
    if (i)
      inside = t.select(isHere, t.sub(index, t.i32(before)), inside);
    before += llvm::divideCeil(count, panel);
  }
  firstOutput = t.mul(inside, panel);
}

/// input, addresses, first, ready, count: the block's expert and its
/// assignments.
void LinearWork::chooseExpert(ValueRange arguments) {
  Type i32 = t.getI32Type();
  begin = t.load(i32, arguments[2], expert);
  end = t.load(i32, arguments[2], t.add(expert, 1));
  Value address = t.load(t.getI64Type(), arguments[1], expert);
  weights = LLVM::IntToPtrOp::create(t, t.pointer(), t.add(address, offset));
}

SmallVector<Value *> LinearWork::getParked() {
  SmallVector<Value *> values = {&weights, &result, &outputs, &firstOutput,
                                 &end};
  if (bias)
    values.push_back(&bias);
  return values;
}

void LinearWork::park() {
  SmallVector<Value *> values = getParked();
  parked = t.shared(values.size() * sizeof(int64_t));
  t.when(t.equal(t.threadId(), t.i32(0)), [&] {
    for (auto [i, value] : llvm::enumerate(values)) {
      Value number = *value;
      if (isa<LLVM::LLVMPointerType>(number.getType()))
        number = LLVM::PtrToIntOp::create(t, t.getI64Type(), number);
      t.store(t.wide(number), parked, i);
    }
  });
  t.barrier();
}

LinearWork LinearWork::unpark() const {
  LinearWork work = *this;
  if (!parked)
    return work;
  for (auto [i, value] : llvm::enumerate(work.getParked())) {
    Value number = t.load(t.getI64Type(), parked, i);
    *value = isa<LLVM::LLVMPointerType>(value->getType())
                 ? LLVM::IntToPtrOp::create(t, t.pointer(), number).getResult()
                 : t.narrow(number);
  }
  return work;
}

void LinearWork::forRowTiles(int64_t count, function_ref<void(Value)> body) {
  t.loop(begin, end, t.i32(count), body);
}

Value LinearWork::inputOf(Value row) {
  row = t.min(row, t.sub(end, t.i32(1)));
  if (rowOf)
    row = t.load(t.getI32Type(), rowOf, row);
  return t.at(input, t.getF32Type(), t.mul(t.wide(row), shape.features));
}

Value LinearWork::weightsOf(Value output) {
  Value row = t.min(output, t.sub(outputs, t.i32(1)));
  return t.at(weights, t.getI8Type(), t.mul(t.wide(row), shape.rowBytes()));
}

Value LinearWork::withBias(Value sum, Value output) {
  if (!bias)
    return sum;
  return t.fadd(sum, t.widen(t.loadConstant(shape.bias, bias, output)));
}

Value LinearWork::resultAt(Value row, Value output) {
  Value first = t.mul(t.wide(row), t.wide(outputs));
  return t.at(result, t.getF32Type(), t.add(first, t.wide(output)));
}

Value LinearWork::isThere(Value row, Value output) {
  return t.both(t.less(row, end), t.less(output, outputs));
}

void LinearWork::store(Value sum, Value row, Value output) {
  t.when(isThere(row, output),
         [&] { t.store(withBias(sum, output), resultAt(row, output), 0); });
}

void LinearWork::storePair(Value first, Value second, Value row, Value output) {
  if (llvm::any_of(shape.outputs, [](int64_t n) { return n % 2; })) {
    store(first, row, output);
    store(second, row, t.add(output, 1));
    return;
  }
  t.when(isThere(row, output), [&] {
    Value pair = LLVM::PoisonOp::create(t, t.vectorOf(t.getF32Type(), 2));
    pair = t.insert(withBias(first, output), pair, 0);
    pair = t.insert(withBias(second, t.add(output, 1)), pair, 1);
    t.store(pair, resultAt(row, output), 0);
  });
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

SmallVector<Value> moe::cuda::loadRaw(ThreadBuilder &t, Type element,
                                      Value address, int64_t count,
                                      int64_t alignment, bool streams) {
  int64_t bytes = count * element.getIntOrFloatBitWidth() / 8;
  int64_t width = llvm::MinAlign(llvm::MinAlign(16, alignment), bytes);
  bool isShared =
      cast<LLVM::LLVMPointerType>(address.getType()).getAddressSpace() ==
      kShared;
  auto loadOne = [&](Type type, int64_t index) {
    return isShared ? t.load(type, address, index)
                    : t.loadConstant(type, address, t.i64(index), streams);
  };
  SmallVector<Value> raw;
  if (width < 4) {
    for (int64_t i = 0; i < count; ++i)
      raw.push_back(loadOne(element, i));
    return raw;
  }
  Type word = t.getI32Type();
  for (int64_t at = 0; at < bytes; at += width) {
    Type type = width == 4 ? word : Type(t.vectorOf(word, width / 4));
    Value loaded = loadOne(type, at / 4);
    for (int64_t i = 0; i < width / 4; ++i)
      raw.push_back(width == 4 ? loaded : t.extract(loaded, i));
  }
  return raw;
}

SmallVector<Value> moe::cuda::widenRaw(ThreadBuilder &t, Type element,
                                       ArrayRef<Value> raw) {
  SmallVector<Value> numbers;
  Type f32 = t.getF32Type();
  for (Value value : raw) {
    if (!value.getType().isInteger(32)) {
      numbers.push_back(t.widen(value));
    } else if (element.isF32()) {
      numbers.push_back(t.bitcast(value, f32));
    } else if (element.isBF16()) {
      numbers.push_back(t.bitcast(t.shl(value, 16), f32));
      numbers.push_back(t.bitcast(t.bitAnd(value, -65536), f32));
    } else {
      Value pair = t.bitcast(value, t.vectorOf(element, 2));
      numbers.push_back(t.widen(t.extract(pair, 0)));
      numbers.push_back(t.widen(t.extract(pair, 1)));
    }
  }
  return numbers;
}
