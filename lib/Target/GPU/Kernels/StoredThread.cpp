//===- StoredThread.cpp - what kernels of stored matrices share -----------===//
#include "Stored.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

std::string StoredShape::getName(Launcher &l) const {
  std::string name = l.nameOf(code) + "_" + std::to_string(columns);
  for (const StoredMap &map : maps) {
    name += "_" + std::to_string(map.outputs);
    if (map.offset)
      name += "at" + std::to_string(map.offset);
    if (map.bias)
      name += "b";
  }
  if (alignment < 16)
    name += "_aligned" + std::to_string(alignment);
  return name;
}

void moe::cuda::leaveRegisters(ThreadBuilder &b, int64_t blocks) {
  b.getInsertionBlock()->getParentOp()->setAttr(
      NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(blocks));
}

StoredArguments::StoredArguments(const StoredShape &shape, ValueRange values) {
  auto next = [&] {
    Value value = values.front();
    values = values.drop_front();
    return value;
  };
  levels = next();
  scales = next();
  sums = next();
  if (shape.ofExperts) {
    addresses = next();
    first = next();
    ready = next();
    readyCount = next();
    if (shape.hasRowOf)
      rowOf = next();
  } else {
    count = next();
  }
  for (const StoredMap &map : shape.maps) {
    Map arguments;
    if (!shape.ofExperts)
      arguments.address = next();
    if (map.bias)
      arguments.bias = next();
    arguments.result = next();
    maps.push_back(arguments);
  }
}

void StoredThread::forExpert(
    function_ref<void(Value begin, Value end)> body) {
  Type i32 = b.getI32Type();
  // Both loads at once: there are as many numbers as experts.
  Value slot = b.blockY(), count = b.load(i32, args.readyCount, 0);
  Value number = b.load(i32, args.ready, slot);
  b.when(b.less(slot, count), [&] {
    expert = b.load(b.pointer(), args.addresses, number);
    body(b.load(i32, args.first, number),
         b.load(i32, args.first, b.add(number, 1)));
  });
}

Value StoredThread::inputRow(Value row) {
  return args.rowOf ? b.load(b.getI32Type(), args.rowOf, row) : row;
}

TilePlace StoredThread::placeOf(Value tile) {
  Type byte = b.getI8Type();
  TilePlace place;
  int64_t before = 0;
  for (auto [i, map] : llvm::enumerate(shape.maps)) {
    const CodeAttr &code = shape.code;
    uint64_t codeBytes = code.getCodeBytes(map.outputs, shape.columns);
    uint64_t scaleBytes = code.getScaleBytes(map.outputs, shape.columns);
    Value matrix = shape.ofExperts ? b.at(expert, byte, map.offset)
                                   : args.maps[i].address;
    TilePlace own{matrix,
                  b.at(matrix, byte, codeBytes),
                  b.at(matrix, byte, codeBytes + scaleBytes),
                  args.maps[i].result,
                  b.i32(map.outputs),
                  b.add(tile, -before),
                  b.i32(i)};
    if (i == 0) {
      place = own;
    } else {
      Value isOwn = b.lessOrEqual(b.i32(before), tile);
      auto pick = [&](Value &value, Value other) {
        value = b.select(isOwn, other, value);
      };
      pick(place.codes, own.codes);
      pick(place.scales, own.scales);
      pick(place.zeros, own.zeros);
      pick(place.result, own.result);
      pick(place.outputs, own.outputs);
      pick(place.tile, own.tile);
      pick(place.map, own.map);
    }
    before += map.tiles();
  }
  Value number = b.wide(place.tile);
  auto advance = [&](Value &pointer, int64_t bytes) {
    pointer = b.at(pointer, byte, b.mul(number, bytes));
  };
  advance(place.codes, shape.tileBytes());
  advance(place.scales, shape.groups() * shape.scalesOfGroup() * 2);
  advance(place.zeros, shape.groups() * tileRows);
  return place;
}

Value StoredThread::loadScale(const TilePlace &place, Value group, Value row) {
  int64_t count = shape.scalesOfGroup();
  Value index = b.add(b.mul(group, count), b.div(row, tileRows / count));
  return b.widen(b.loadConstant(b.getF16Type(), place.scales, index,
                                /*streams=*/false, /*alignment=*/2));
}

Value StoredThread::loadZero(const TilePlace &place, Value group, Value row) {
  int64_t offset = shape.code.getOffset();
  if (!shape.code.getZeros())
    return offset ? b.i32(offset) : Value();
  Value zero = b.loadConstant(b.getI8Type(), place.zeros,
                              b.add(b.mul(group, tileRows), row));
  return b.add(b.extend(zero, b.getI32Type(), /*isSigned=*/false), offset);
}

Value StoredThread::loadSum(Value inputRow, Value unit, int64_t count) {
  Value row = b.mul(b.wide(inputRow), shape.sumsOfRow);
  Type i32 = b.getI32Type();
  if (!shape.isGrouped())
    return b.loadConstant(
        i32, args.sums,
        b.add(row, shape.steps() * CodeAttr::stepColumns / sumColumns));
  int64_t parts = shape.sumsOfUnit();
  Value first = b.add(row, b.wide(b.mul(unit, parts))), sum;
  for (int64_t i = 0; i < count * parts; ++i) {
    Value part = b.loadConstant(i32, args.sums, b.add(first, i));
    sum = sum ? b.add(sum, part) : part;
  }
  return sum;
}

Value StoredThread::round(Value products, Value zero, Value sumOfLevels) {
  if (zero)
    products = b.sub(products, b.mul(zero, sumOfLevels));
  return b.toFloat(products);
}

void StoredThread::storeResult(Value sum, const TilePlace &place, Value row,
                               Value rowScale, Value resultRow) {
  Type f32 = b.getF32Type();
  Value value = b.fmul(sum, rowScale);
  Value output = b.add(b.mul(place.tile, tileRows), row);
  for (size_t i = 0; i < shape.maps.size(); ++i)
    if (Type type = shape.maps[i].bias) {
      auto addBias = [&]() -> SmallVector<Value> {
        Value bias = b.loadConstant(type, args.maps[i].bias, output);
        return {b.fadd(value, b.widen(bias))};
      };
      if (shape.maps.size() == 1)
        value = addBias().front();
      else
        value = b.choose(b.equal(place.map, b.i32(i)), {f32}, addBias,
                         [&]() -> SmallVector<Value> { return {value}; })
                    .front();
    }
  Value index = b.add(b.mul(b.wide(resultRow), b.wide(place.outputs)),
                      b.wide(output));
  b.store(value, place.result, index);
}
