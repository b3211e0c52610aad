//===- ModelLowering.cpp - forward as host code over raw buffers ----------===//
#include "moe/HostCode/ModelLowering.h"
#include "moe/HostCode/AbiCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moert/abi/module.h"
#include "moert/status.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::host;

LogicalResult ModelLowering::run() {
  findGuessing();
  beginEntry();
  enterForward();
  if (failed(lowerAll(forward.getBody().front())))
    return failure();
  endEntry();
  return success();
}

LogicalResult ModelLowering::lowerAll(Block &block) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      break;
    isGuess = guessing.contains(&op);
    active = someRows(&op);
    if (failed(lower(&op)))
      return failure();
    releaseAfter(&op);
  }
  return success();
}

/// Finds what only guesses need: it is skipped when nobody wants guesses.
void ModelLowering::findGuessing() {
  for (Operation &op : llvm::reverse(forward.getBody().front())) {
    auto prefetch = dyn_cast<sched::PrefetchOp>(op);
    bool isNeeded = !isPure(&op) || op.use_empty() ||
                    llvm::any_of(op.getUsers(), [&](Operation *user) {
                      return !guessing.contains(user);
                    });
    if ((prefetch && prefetch.isGuess()) || !isNeeded)
      guessing.insert(&op);
  }
}

//===----------------------------------------------------------------------===//
// The entry function
//===----------------------------------------------------------------------===//

Type ModelLowering::pointerType() { return host::pointerType(b); }

Value ModelLowering::argument(int64_t offset, Type type) {
  return b.loadField(arguments, offset, type);
}

void ModelLowering::beginEntry() {
  auto type =
      b.getFunctionType({pointerType(), pointerType()}, {b.getI32Type()});
  hasExits = !forward.getOps<EnterOp>().empty();
  entry = func::FuncOp::create(
      b, hasExits ? "forward_with_exits" : MOERT_ABI_FORWARD_SYMBOL, type);
  if (hasExits)
    entry.setPrivate();
  b.setInsertionPointToStart(entry.addEntryBlock());
  env = entry.getArgument(0);
  arguments = entry.getArgument(1);
  Type i64 = b.getI64Type(), pointer = pointerType();
  using Args = moert_abi_forward_t;
  Value rows = b.toIndex(argument(offsetof(Args, rows), i64));
  Value wanted = b.toIndex(argument(offsetof(Args, wanted_rows), i64));
  int64_t fields[] = {offsetof(Args, tokens), offsetof(Args, sequences),
                      offsetof(Args, positions), offsetof(Args, wanted)};
  auto indices = MemRefType::get({ShapedType::kDynamic}, b.getI32Type());
  for (auto [i, field] : llvm::enumerate(fields)) {
    Value count = i < 3 ? rows : wanted;
    buffers[forward.getArgument(i)] = {
        b.bufferAt(argument(field, pointer), indices, count), count, 0, false};
  }
  parameters = argument(offsetof(Args, parameters), pointer);
  kv = argument(offsetof(Args, kv), pointer);
  capacity = b.toIndex(argument(offsetof(Args, kv_capacity), i64));
  workspace = argument(offsetof(Args, workspace), pointer);
  batchRows = rows;
  if (!forward.getOps<sched::PrefetchOp>().empty() ||
      !forward.getOps<sched::RecordOp>().empty())
    offload.begin(b, arguments);
  if (hasExits)
    exits.begin(b, arguments);
  // The fixed part comes first; its size is known at the end.
  fixedSize = arith::ConstantIndexOp::create(b, 0);
}

void ModelLowering::endEntry() {
  trace(-1);
  Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  func::ReturnOp::create(b, zero);
  uint64_t fixed = llvm::alignTo(fixedBytes, MOERT_ABI_ALIGNMENT);
  fixedSize.getDefiningOp<arith::ConstantOp>().setValueAttr(
      b.getIndexAttr(fixed));
  module->setAttr(kWorkspaceFixed, b.getI64IntegerAttr(fixed));
  module->setAttr(kWorkspacePerRow, b.getI64IntegerAttr(buffersPlan.getSize()));
  module->setAttr(kOperations,
                  b.getStrArrayAttr(llvm::to_vector_of<StringRef>(operations)));
  if (hasExits)
    guardEntry();
}

/// Code with exits fails, rather than crashes, under a runtime without.
void ModelLowering::guardEntry() {
  b.setInsertionPointToEnd(module.getBody());
  auto outer = func::FuncOp::create(b, MOERT_ABI_FORWARD_SYMBOL,
                                    entry.getFunctionType());
  b.setInsertionPointToStart(outer.addEntryBlock());
  Value there = ExitCalls::areThere(b, outer.getArgument(1));
  auto choice = scf::IfOp::create(b, TypeRange{b.getI32Type()}, there,
                                  /*withElseRegion=*/true);
  b.setInsertionPointToStart(choice.thenBlock());
  auto call = func::CallOp::create(b, entry, outer.getArguments());
  scf::YieldOp::create(b, call.getResults());
  b.setInsertionPointToStart(choice.elseBlock());
  Value code =
      arith::ConstantOp::create(b, b.getI32IntegerAttr(MOERT_INCOMPATIBLE));
  scf::YieldOp::create(b, code);
  b.setInsertionPointAfter(choice);
  func::ReturnOp::create(b, choice.getResults());
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Buffer ModelLowering::allocate(Value rows, int64_t columns, Type element) {
  Buffer buffer;
  buffer.rows = rows;
  buffer.offset =
      buffersPlan.allocate(columns * element.getIntOrFloatBitWidth() / 8);
  // Places are by the rows of the whole batch, also for picked rows.
  Value bytes = b.add(fixedSize, b.mul(batchRows, buffer.offset));
  buffer.memref = b.bufferAt(b.pointerAt(workspace, bytes),
                             b.rowsType(columns, element), rows);
  return buffer;
}

/// Room for a row set, or for one number per row: its address.
Value ModelLowering::allocateNumbers(uint64_t &offset) {
  offset = buffersPlan.allocate(sizeof(int32_t));
  Value bytes = b.add(fixedSize, b.mul(batchRows, offset));
  return b.pointerAt(workspace, bytes);
}

Value ModelLowering::defineNumbers(Value value, Value address, Value count,
                                   uint64_t offset) {
  auto type = MemRefType::get({ShapedType::kDynamic}, b.getI32Type());
  buffers[value] = {b.bufferAt(address, type, count), count, offset};
  return buffers[value].memref;
}

/// Scratch of an operation: freed right after it. `perRow` rows for each row
/// of the batch.
Value ModelLowering::scratch(Value rows, int64_t perRow, int64_t columns,
                             Type element) {
  Buffer buffer = allocate(rows, perRow * columns, element);
  scratchOffsets.push_back(buffer.offset);
  if (perRow == 1)
    return buffer.memref;
  Value bytes = b.add(fixedSize, b.mul(batchRows, buffer.offset));
  return b.bufferAt(b.pointerAt(workspace, bytes), b.rowsType(columns, element),
                    b.mul(rows, perRow));
}

/// Integers whose number does not depend on the rows.
Value ModelLowering::fixedScratch(int64_t count, uint64_t &offset) {
  Value pointer = b.pointerAt(workspace, b.index(offset));
  offset += llvm::alignTo(count * sizeof(int32_t), MOERT_ABI_ALIGNMENT);
  fixedBytes = std::max(fixedBytes, offset);
  return b.bufferAt(pointer, MemRefType::get({count}, b.getI32Type()), {});
}

/// The table that rows are put into after `value`, if only they are.
Value ModelLowering::getLastTable(Value value) {
  while (value.hasOneUse()) {
    auto place = dyn_cast<PlaceOp>(*value.user_begin());
    if (!place || place.getInto() != value)
      break;
    value = place.getResult();
  }
  return value;
}

Value ModelLowering::result(Value value, Value rows) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() == 1) {
    uint64_t offset;
    Value address = allocateNumbers(offset);
    return defineNumbers(value, address, rows, offset);
  }
  Operation *end = forward.getBody().front().getTerminator();
  Buffer buffer;
  if (getLastTable(value) == end->getOperand(0)) {
    Value logits =
        argument(offsetof(moert_abi_forward_t, logits), pointerType());
    buffer = {b.bufferAt(logits, b.rowsType(type.getDimSize(1), b.getF32Type()),
                         rows),
              rows, 0, false};
  } else {
    buffer = allocate(rows, type.getDimSize(1), type.getElementType());
  }
  buffers[value] = buffer;
  return buffer.memref;
}

void ModelLowering::releaseAfter(Operation *op) {
  for (uint64_t offset : scratchOffsets)
    buffersPlan.release(offset);
  scratchOffsets.clear();
  // Users in the body of a launch count where the launch is.
  Block &block = forward.getBody().front();
  if (op->getBlock() != &block)
    return;
  auto isDead = [&](Value value) {
    return llvm::all_of(value.getUsers(), [&](Operation *user) {
      user = block.findAncestorOpInBlock(*user);
      return user == op || user->isBeforeInBlock(op);
    });
  };
  SmallVector<Value> values;
  op->walk([&](Operation *part) {
    llvm::append_range(values, part->getOperands());
    llvm::append_range(values, part->getResults());
  });
  for (Value value : values) {
    if (!isDead(value))
      continue;
    auto levels = quantized.find(value);
    if (levels != quantized.end()) {
      for (uint64_t offset : levels->second.offsets)
        buffersPlan.release(offset);
      quantized.erase(levels);
    }
    auto it = buffers.find(value);
    if (it == buffers.end() || !it->second.inWorkspace)
      continue;
    buffersPlan.release(it->second.offset);
    buffers.erase(it);
  }
}

/// Whether nobody reads a value behind an operation, which reads it once.
bool ModelLowering::isLastRead(Value value, Operation *last) {
  Block &block = forward.getBody().front();
  Operation *end = block.findAncestorOpInBlock(*last);
  return llvm::count(last->getOperands(), value) == 1 &&
         llvm::all_of(value.getUsers(), [&](Operation *user) {
           user = block.findAncestorOpInBlock(*user);
           return user == end || user->isBeforeInBlock(end);
         });
}

/// A copy of `input`, as `result`, that an operation may change: input's own
/// buffer, if nobody needs it any more.
Value ModelLowering::changeable(Value input, Value result, Operation *op) {
  // Logits must end where forward's go.
  Operation *end = forward.getBody().front().getTerminator();
  bool isElsewhere = getLastTable(result) == end->getOperand(0) &&
                     buffers.at(input).inWorkspace;
  if (isLastRead(input, op) && !isElsewhere) {
    Buffer buffer = buffers.at(input);
    buffers.erase(input);
    buffers[result] = buffer;
    return buffer.memref;
  }
  Value copy = this->result(result, rowsOf(input));
  copyRows(bufferOf(input), copy);
  return copy;
}

Value ModelLowering::bufferOf(Value value) { return buffers.at(value).memref; }

Value ModelLowering::rowsOf(Value value) {
  return isQuantized(value) ? quantized.at(value).rows : buffers.at(value).rows;
}

//===----------------------------------------------------------------------===//
// Quantised values
//===----------------------------------------------------------------------===//

bool ModelLowering::isQuantized(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<QuantizedType>(type.getElementType());
}

int64_t ModelLowering::rotationOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return cast<QuantizedType>(type.getElementType()).getRotation();
}

/// Columns and element type of each part of quantised rows.
SmallVector<std::pair<int64_t, Type>, 3>
ModelLowering::partsOf(int64_t features) {
  int64_t columns = CodeAttr::getPaddedColumns(features);
  return {{columns, b.getI8Type()},
          {1, b.getF32Type()},
          {columns / sumColumns + 1, b.getI32Type()}};
}

void ModelLowering::defineQuantized(Value value, Value rows) {
  int64_t features = cast<RankedTensorType>(value.getType()).getDimSize(1);
  QuantizedBuffer &buffer = quantized[value];
  buffer.rows = rows;
  Value *parts[] = {&buffer.parts.levels, &buffer.parts.scales,
                    &buffer.parts.sums};
  for (auto [part, shape] : llvm::zip_equal(parts, partsOf(features))) {
    Buffer memory = allocate(rows, shape.first, shape.second);
    buffer.offsets.push_back(memory.offset);
    *part = memory.memref;
  }
}

/// Appends what a kernel takes for quantised scratch rows.
void ModelLowering::addQuantizedScratch(SmallVectorImpl<Value> &args,
                                        Value rows, int64_t perRow,
                                        int64_t features) {
  for (auto [columns, element] : partsOf(features))
    args.push_back(scratch(rows, perRow, columns, element));
}

/// Appends rows as a kernel takes them: a buffer, or three.
void ModelLowering::addRows(SmallVectorImpl<Value> &args, Value value) {
  if (!isQuantized(value))
    return args.push_back(bufferOf(value));
  const QuantizedRows &parts = quantized.at(value).parts;
  args.append({parts.levels, parts.scales, parts.sums});
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

Value ModelLowering::parameterSlot(int64_t index) {
  return b.pointerAt(parameters, b.index(index * sizeof(void *)));
}

WeightOp ModelLowering::weightOf(FlatSymbolRefAttr symbol) {
  return cast<WeightOp>(SymbolTable::lookupSymbolIn(model, symbol));
}

/// A weight as a matrix; a vector becomes one row. A stored weight is its
/// address.
Value ModelLowering::weight(FlatSymbolRefAttr symbol) {
  WeightOp op = weightOf(symbol);
  Value address = LLVM::LoadOp::create(
      b, pointerType(), parameterSlot(plan.getIndex(symbol.getValue())));
  if (op.getCode())
    return address;
  SmallVector<int64_t> shape(op.getTensorType().getShape());
  if (shape.size() == 1)
    shape.insert(shape.begin(), 1);
  return b.bufferAt(
      address, MemRefType::get(shape, op.getTensorType().getElementType()), {});
}

Value ModelLowering::ropeTable(FlatSymbolRefAttr symbol) {
  auto op = cast<RopeTableOp>(SymbolTable::lookupSymbolIn(model, symbol));
  Value address = LLVM::LoadOp::create(
      b, pointerType(), parameterSlot(plan.getIndex(symbol.getValue())));
  int64_t columns = 2 * op.getFrequencies().size();
  return b.bufferAt(address, b.rowsType(columns, b.getF32Type()), capacity);
}

//===----------------------------------------------------------------------===//
// What runs when
//===----------------------------------------------------------------------===//

/// Whether an operation has rows to work on, where it may have none: rows
/// leave, and of a prompt not all are wanted. Null: it always has.
Value ModelLowering::someRows(Operation *op) {
  Value rows;
  for (Value operand : op->getOperands()) {
    auto it = buffers.find(operand);
    if (it != buffers.end())
      rows = it->second.rows;
    else if (isQuantized(operand) && quantized.count(operand))
      rows = quantized.at(operand).rows;
    if (rows)
      break;
  }
  if (auto pick = dyn_cast<PickOp>(op))
    rows = rowsOf(pick.getRows());
  if (!rows || rows == batchRows ||
      isa<EnterOp, ExitOp, CertainOp, sched::CancelOp>(op))
    return {};
  return b.less(b.index(0), rows);
}

/// What only guesses need waits for somebody who wants them; what has no rows
/// is skipped.
void ModelLowering::unlessIdle(function_ref<void()> emit) {
  auto emitForRows = [&] { whenActive(emit); };
  if (isGuess)
    b.when(offload.isGuessing(), emitForRows);
  else
    emitForRows();
}

/// Tells the runtime, if it asked, that operation `index` starts.
void ModelLowering::trace(int64_t index) {
  Value hook =
      b.loadField(env, offsetof(moert_abi_env_t, trace), pointerType());
  Value null = LLVM::ZeroOp::create(b, pointerType());
  Value isSet = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, hook, null);
  b.when(isSet, [&] {
    Value number = arith::ConstantOp::create(b, b.getI64IntegerAttr(index));
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    {pointerType(), b.getI64Type()});
    LLVM::CallOp::create(b, type, ValueRange{hook, env, number});
  });
}

void ModelLowering::beginOperation(Operation *op, StringRef label) {
  unlessIdle([&] { trace(operations.size()); });
  std::string name = op->getName().stripDialect().str();
  if (!label.empty())
    name += " " + label.str();
  operations.push_back(name);
}

/// This operation and those right behind it that are linear in the same
/// input: queries, keys and values become one kernel.
SmallVector<LinearOp> ModelLowering::linearsFrom(LinearOp op) {
  SmallVector<LinearOp> group = {op};
  Operation *next = op->getNextNode();
  while (auto linear = dyn_cast_or_null<LinearOp>(next)) {
    if (linear.getInput() != op.getInput() ||
        guessing.contains(linear) != guessing.contains(op))
      break;
    group.push_back(linear);
    next = linear->getNextNode();
  }
  return group;
}

void ModelLowering::whenActive(function_ref<void()> emit) {
  active ? b.when(active, emit) : emit();
}

//===----------------------------------------------------------------------===//
// Calls of the runtime
//===----------------------------------------------------------------------===//

void ModelLowering::lowerOp(sched::RecordOp op) {
  whenActive([&] {
    offload.record(b, op.getLayer(), bufferOf(op.getLogits()),
                   bufferOf(op.getExperts()), bufferOf(op.getWeights()));
  });
}

void ModelLowering::lowerOp(sched::PrefetchOp op) {
  Value experts = bufferOf(op.getExperts());
  if (op.isGuess())
    return whenActive([&] {
      offload.prefetch(b, op.getLayer(), experts, bufferOf(op.getConfidence()),
                       op.getThreshold()->convertToDouble());
    });
  // Also a demand of nothing ends guesses.
  if (op.getGuess())
    return offload.demand(b, op.getLayer(), experts);
  whenActive([&] { offload.demand(b, op.getLayer(), experts); });
}

void ModelLowering::lowerOp(sched::CancelOp op) {
  int64_t layer = sched::getFetchOf(op.getToken()).getLayer();
  if (!op.getRows())
    return offload.cancel(b, layer);
  Value rows = rowsOf(op.getRows());
  Value none = b.less(rows, b.index(1));
  b.when(none, [&] { offload.cancel(b, layer); });
}

/// Calls the runtime with room for the row sets that an operation gives.
void ModelLowering::defineSets(
    Operation *op, function_ref<SmallVector<Value>(ValueRange)> call) {
  SmallVector<Value> addresses;
  SmallVector<uint64_t> offsets(op->getNumResults());
  for (uint64_t &offset : offsets)
    addresses.push_back(allocateNumbers(offset));
  SmallVector<Value> counts = call(addresses);
  for (auto [i, set] : llvm::enumerate(op->getResults()))
    defineNumbers(set, addresses[i], counts[i], offsets[i]);
}

void ModelLowering::lowerOp(EnterOp op) {
  beginOperation(op, "");
  defineSets(op, [&](ValueRange sets) { return exits.enter(b, sets); });
}

void ModelLowering::lowerOp(ExitOp op) {
  beginOperation(op, std::to_string(op.getLayers()));
  SmallVector<Value> watched;
  for (Value numbers : op.getWatched())
    watched.push_back(bufferOf(numbers));
  Value scores = bufferOf(op.getScores());
  defineSets(op, [&](ValueRange sets) {
    return exits.leave(b, exitCount++, scores, watched, sets);
  });
}

void ModelLowering::lowerOp(ResumeOp op) {
  beginOperation(op, "");
  exits.resume(b, changeable(op.getInput(), op.getResult(), op));
}

void ModelLowering::lowerOp(ParkOp op) {
  beginOperation(op, "");
  exits.park(b, bufferOf(op.getInput()));
}

void ModelLowering::lowerOp(CertainOp op) {
  beginOperation(op, "");
  Value surplus = bufferOf(op.getSurplus());
  defineSets(op,
             [&](ValueRange sets) { return exits.settle(b, surplus, sets); });
}

/// The runtime knows experts by the layers of the plan: another number would
/// bring other experts.
LogicalResult ModelLowering::verifyLayer(sched::LaunchOp op) {
  auto fetch = op.getToken().getDefiningOp<sched::PrefetchOp>();
  int64_t fetched = fetch.getLayer();
  for (auto experts : op.getBody().getOps<ExpertsOp>()) {
    int64_t layer = plan.getParameters()[plan.getFirstExpert(experts)].layer;
    if (layer != fetched)
      return fetch.emitOpError("is of layer ")
             << fetched << ", its experts are in layer " << layer;
  }
  return success();
}

LogicalResult ModelLowering::lowerLaunch(sched::LaunchOp op) {
  if (failed(verifyLayer(op)))
    return failure();
  Block &body = op.getBody().front();
  if (failed(lowerAll(body)))
    return failure();
  // The body's values live on as the launch's.
  for (auto [inner, outer] :
       llvm::zip_equal(body.getTerminator()->getOperands(), op.getResults())) {
    // A backend may leave it to what takes the result.
    if (!buffers.contains(inner))
      continue;
    // A copy: a new entry moves the others.
    Buffer buffer = buffers.at(inner);
    buffers.erase(inner);
    buffers[outer] = buffer;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

LogicalResult ModelLowering::lower(Operation *op) {
  if (auto launch = dyn_cast<sched::LaunchOp>(op))
    return lowerLaunch(launch);
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<sched::RecordOp, sched::PrefetchOp, sched::CancelOp, EnterOp,
            ExitOp, ResumeOp, ParkOp, CertainOp>([&](auto o) {
        lowerOp(o);
        return success();
      })
      .Case([&](sched::AwaitOp await) {
        return await.emitOpError("waits for all experts, the ")
               << backend
               << " backend runs them as they come: run sched-launch-early "
                  "before";
      })
      .Default([&](Operation *other) { return lowerOperation(other); });
}
