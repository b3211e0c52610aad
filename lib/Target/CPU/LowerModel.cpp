//===- LowerModel.cpp - a model becomes a line of kernel calls ------------===//
#include "moe/HostCode/AbiCalls.h"
#include "moe/HostCode/BufferPlan.h"
#include "moe/HostCode/ExitCalls.h"
#include "Kernels.h"
#include "moe/HostCode/OffloadCalls.h"
#include "Passes.h"
#include "moe/HostCode/VerifyModel.h"
#include "moe/Analysis/AccumulatorRange.h"
#include "moe/Analysis/ParameterPlan.h"
#include "moe/Dialect/Sched/IR/Sched.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "moert/abi/module.h"
#include "moert/status.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

namespace moe::cpu {
#define GEN_PASS_DEF_LOWERMODELPASS
#include "Passes.h.inc"
} // namespace moe::cpu

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

namespace {

/// A buffer of the workspace and what it takes per row.
struct Buffer {
  Value memref;
  Value rows;
  uint64_t offset = 0;
  bool inWorkspace = true;
};

/// The buffers of a quantised value.
struct QuantizedBuffer {
  QuantizedRows parts;
  Value rows;
  SmallVector<uint64_t, 3> offsets;
};

std::string nameOf(Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text;
}

/// A piece of a kernel's name: attributes that change the code.
std::string nameOf(double value) {
  APFloat number(value);
  return llvm::utohexstr(number.bitcastToAPInt().getZExtValue(), true);
}

class ModelLowering {
public:
  ModelLowering(ModuleOp module, ModelOp model, func::FuncOp forward,
                SimdLevel level)
      : module(module), model(model), forward(forward), plan(model),
        b(forward.getLoc(), OpBuilder::atBlockEnd(module.getBody())),
        library(module, forward.getLoc(), level) {}

  LogicalResult run() {
    findGuessing();
    beginEntry();
    if (failed(lowerAll(forward.getBody().front())))
      return failure();
    endEntry();
    return success();
  }

  int64_t getKernelCount() const { return library.size(); }

private:
  LogicalResult lowerAll(Block &block) {
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
  void findGuessing() {
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

  //===--- The entry function ---------------------------------------------===//

  Type pointerType() { return host::pointerType(b); }

  Value argument(int64_t offset, Type type) {
    return b.loadField(arguments, offset, type);
  }

  void beginEntry() {
    auto type = b.getFunctionType({pointerType(), pointerType()},
                                  {b.getI32Type()});
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

  void endEntry() {
    trace(-1);
    Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    func::ReturnOp::create(b, zero);
    uint64_t fixed = llvm::alignTo(fixedBytes, MOERT_ABI_ALIGNMENT);
    fixedSize.getDefiningOp<arith::ConstantOp>().setValueAttr(
        b.getIndexAttr(fixed));
    module->setAttr(kWorkspaceFixed, b.getI64IntegerAttr(fixed));
    module->setAttr(kWorkspacePerRow, b.getI64IntegerAttr(buffersPlan.getSize()));
    module->setAttr(kOperations, b.getStrArrayAttr(llvm::to_vector_of<StringRef>(
                                     operations)));
    if (hasExits)
      guardEntry();
  }

  /// Code with exits fails, rather than crashes, under a runtime without.
  void guardEntry() {
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
    Value code = arith::ConstantOp::create(
        b, b.getI32IntegerAttr(MOERT_INCOMPATIBLE));
    scf::YieldOp::create(b, code);
    b.setInsertionPointAfter(choice);
    func::ReturnOp::create(b, choice.getResults());
  }

  //===--- Buffers --------------------------------------------------------===//

  Buffer allocate(Value rows, int64_t columns, Type element) {
    Buffer buffer;
    buffer.rows = rows;
    buffer.offset = buffersPlan.allocate(
        columns * element.getIntOrFloatBitWidth() / 8);
    // Places are by the rows of the whole batch, also for picked rows.
    Value bytes = b.add(fixedSize, b.mul(batchRows, buffer.offset));
    buffer.memref = b.bufferAt(b.pointerAt(workspace, bytes),
                               b.rowsType(columns, element), rows);
    return buffer;
  }

  /// Room for a row set, or for one number per row: its address.
  Value allocateNumbers(uint64_t &offset) {
    offset = buffersPlan.allocate(sizeof(int32_t));
    Value bytes = b.add(fixedSize, b.mul(batchRows, offset));
    return b.pointerAt(workspace, bytes);
  }

  Value defineNumbers(Value value, Value address, Value count,
                      uint64_t offset) {
    auto type = MemRefType::get({ShapedType::kDynamic}, b.getI32Type());
    buffers[value] = {b.bufferAt(address, type, count), count, offset};
    return buffers[value].memref;
  }

  /// Scratch of an operation: freed right after it. `perRow` rows for each row
  /// of the batch.
  Value scratch(Value rows, int64_t perRow, int64_t columns, Type element) {
    Buffer buffer = allocate(rows, perRow * columns, element);
    scratchOffsets.push_back(buffer.offset);
    if (perRow == 1)
      return buffer.memref;
    Value bytes = b.add(fixedSize, b.mul(batchRows, buffer.offset));
    return b.bufferAt(b.pointerAt(workspace, bytes),
                      b.rowsType(columns, element), b.mul(rows, perRow));
  }

  /// Integers whose number does not depend on the rows.
  Value fixedScratch(int64_t count, uint64_t &offset) {
    Value pointer = b.pointerAt(workspace, b.index(offset));
    offset += llvm::alignTo(count * sizeof(int32_t), MOERT_ABI_ALIGNMENT);
    fixedBytes = std::max(fixedBytes, offset);
    return b.bufferAt(pointer, MemRefType::get({count}, b.getI32Type()), {});
  }

  /// The table that rows are put into after `value`, if only they are.
  static Value getLastTable(Value value) {
    while (value.hasOneUse()) {
      auto place = dyn_cast<PlaceOp>(*value.user_begin());
      if (!place || place.getInto() != value)
        break;
      value = place.getResult();
    }
    return value;
  }

  Value result(Value value, Value rows) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() == 1) {
      uint64_t offset;
      Value address = allocateNumbers(offset);
      return defineNumbers(value, address, rows, offset);
    }
    Operation *end = forward.getBody().front().getTerminator();
    Buffer buffer;
    if (getLastTable(value) == end->getOperand(0)) {
      Value logits = argument(offsetof(moert_abi_forward_t, logits),
                              pointerType());
      buffer = {b.bufferAt(logits, b.rowsType(type.getDimSize(1), b.getF32Type()),
                           rows),
                rows, 0, false};
    } else {
      buffer = allocate(rows, type.getDimSize(1), type.getElementType());
    }
    buffers[value] = buffer;
    return buffer.memref;
  }

  void releaseAfter(Operation *op) {
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
  bool isLastRead(Value value, Operation *last) {
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
  Value changeable(Value input, Value result, Operation *op) {
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
    call("copy_rows", {env, bufferOf(input), copy}, emitCopyRows);
    return copy;
  }

  Value bufferOf(Value value) { return buffers.at(value).memref; }
  Value rowsOf(Value value) {
    return isQuantized(value) ? quantized.at(value).rows
                              : buffers.at(value).rows;
  }

  //===--- Quantised values -----------------------------------------------===//

  static bool isQuantized(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && isa<QuantizedType>(type.getElementType());
  }

  static int64_t rotationOf(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return cast<QuantizedType>(type.getElementType()).getRotation();
  }

  /// Columns and element type of each part of quantised rows.
  SmallVector<std::pair<int64_t, Type>, 3> partsOf(int64_t features) {
    int64_t columns = CodeAttr::getPaddedColumns(features);
    return {{columns, b.getI8Type()},
            {1, b.getF32Type()},
            {columns / sumColumns + 1, b.getI32Type()}};
  }

  void defineQuantized(Value value, Value rows) {
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
  void addQuantizedScratch(SmallVectorImpl<Value> &args, Value rows,
                           int64_t perRow, int64_t features) {
    for (auto [columns, element] : partsOf(features))
      args.push_back(scratch(rows, perRow, columns, element));
  }

  /// Appends rows as a kernel takes them: a buffer, or three.
  void addRows(SmallVectorImpl<Value> &args, Value value) {
    if (!isQuantized(value))
      return args.push_back(bufferOf(value));
    const QuantizedRows &parts = quantized.at(value).parts;
    args.append({parts.levels, parts.scales, parts.sums});
  }

  //===--- Parameters -----------------------------------------------------===//

  Value parameterSlot(int64_t index) {
    return b.pointerAt(parameters, b.index(index * sizeof(void *)));
  }

  WeightOp weightOf(FlatSymbolRefAttr symbol) {
    return cast<WeightOp>(SymbolTable::lookupSymbolIn(model, symbol));
  }

  /// A weight as a matrix; a vector becomes one row. A stored weight is its
  /// address.
  Value weight(FlatSymbolRefAttr symbol) {
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

  StoredWeight storedWeight(WeightOp op) {
    return {op.getCodeAttr(), op.getRows(), op.getColumns(), {}};
  }

  /// A piece of a kernel's name: how a matrix is stored.
  std::string storageName(WeightOp op) {
    std::string name = "_";
    if (CodeAttr code = op.getCodeAttr())
      name += library.nameOf(code);
    else
      name += nameOf(op.getTensorType().getElementType());
    return name + "_" + std::to_string(op.getRows()) + "x" +
           std::to_string(op.getColumns());
  }

  Value ropeTable(FlatSymbolRefAttr symbol) {
    auto op = cast<RopeTableOp>(SymbolTable::lookupSymbolIn(model, symbol));
    Value address = LLVM::LoadOp::create(
        b, pointerType(), parameterSlot(plan.getIndex(symbol.getValue())));
    int64_t columns = 2 * op.getFrequencies().size();
    return b.bufferAt(address, b.rowsType(columns, b.getF32Type()), capacity);
  }

  //===--- Kernels --------------------------------------------------------===//

  /// Calls the kernel of this name, written on first use by `emit`. Shapes and
  /// element types of the arguments become part of the name.
  void call(std::string name, ArrayRef<Value> args,
            function_ref<void(KernelBuilder &, ValueRange)> emit) {
    for (Value arg : args)
      if (auto type = dyn_cast<MemRefType>(arg.getType())) {
        name += '_';
        for (int64_t size : type.getShape())
          if (!ShapedType::isDynamic(size))
            name += std::to_string(size) + 'x';
        name += nameOf(type.getElementType());
      }
    SmallVector<Type> types;
    for (Value arg : args)
      types.push_back(arg.getType());
    func::FuncOp kernel = library.get(name, types, emit);
    unlessIdle([&] { func::CallOp::create(b, kernel, args); });
  }

  /// Whether an operation has rows to work on, where it may have none: rows
  /// leave, and of a prompt not all are wanted. Null: it always has.
  Value someRows(Operation *op) {
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
    if (!rows || rows == batchRows || isa<EnterOp, ExitOp, CertainOp, sched::CancelOp>(op))
      return {};
    return b.less(b.index(0), rows);
  }

  /// What only guesses need waits for somebody who wants them; what has no rows
  /// is skipped.
  void unlessIdle(function_ref<void()> emit) {
    auto emitForRows = [&] { whenActive(emit); };
    if (isGuess)
      b.when(offload.isGuessing(), emitForRows);
    else
      emitForRows();
  }

  /// Tells the runtime, if it asked, that operation `index` starts.
  void trace(int64_t index) {
    Value hook = b.loadField(env, offsetof(moert_abi_env_t, trace), pointerType());
    Value null = LLVM::ZeroOp::create(b, pointerType());
    Value isSet =
        LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, hook, null);
    b.when(isSet, [&] {
      Value number = arith::ConstantOp::create(b, b.getI64IntegerAttr(index));
      auto type = LLVM::LLVMFunctionType::get(
          LLVM::LLVMVoidType::get(b.getContext()),
          {pointerType(), b.getI64Type()});
      LLVM::CallOp::create(b, type, ValueRange{hook, env, number});
    });
  }

  void beginOperation(Operation *op, StringRef label) {
    unlessIdle([&] { trace(operations.size()); });
    std::string name = op->getName().stripDialect().str();
    if (!label.empty())
      name += " " + label.str();
    operations.push_back(name);
  }

  //===--- Operations -----------------------------------------------------===//

  LogicalResult lower(Operation *op) {
    if (auto launch = dyn_cast<sched::LaunchOp>(op))
      return lowerLaunch(launch);
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<sched::DistributionOp, sched::BlendOp, sched::PredictOp,
              sched::RecordOp, sched::PrefetchOp, sched::CancelOp>([&](auto o) {
          lowerOp(o);
          return success();
        })
        .Case([](sched::AwaitOp await) {
          return await.emitOpError(
              "waits for all experts, the cpu backend runs them as they come: "
              "run sched-launch-early before");
        })
        .Case<PickOp, PlaceOp, ZerosOp, EnterOp, ExitOp, ResumeOp,
              ParkOp, ConfidenceOp, SimilarityOp, BestOp, StreakOp, LogisticOp,
              SurplusOp, CertainOp, SpreadOp>(
            [&](auto o) {
              lowerOp(o);
              return success();
            })
        .Case<EmbedOp, NormOp, LinearOp, AddOp, ClampOp, QuantizeOp,
              DequantizeOp, RopeOp, KvAppendOp, AttentionOp, MlpOp, RouteOp,
              ExpertsOp>([&](auto o) {
          lowerOp(o);
          return success();
        })
        .Default([](Operation *other) {
          return other->emitOpError("has no lowering to cpu code");
        });
  }

  void lowerOp(EmbedOp op) {
    beginOperation(op, op.getTable());
    Value rows = rowsOf(op.getTokens());
    call("embed",
         {env, bufferOf(op.getTokens()), weight(op.getTableAttr()),
          result(op.getResult(), rows)},
         emitEmbed);
  }

  void lowerOp(PickOp op) {
    Value input = bufferOf(op.getInput()), rows = bufferOf(op.getRows());
    if (op.getType().getRank() == 1)
      return call("pick_numbers",
                  {input, rows, result(op.getResult(), rowsOf(op.getRows()))},
                  emitPickNumbers);
    beginOperation(op, "");
    call("pick",
         {env, input, rows, result(op.getResult(), rowsOf(op.getRows()))},
         emitPick);
  }

  void lowerOp(AddOp op) {
    beginOperation(op, "");
    call("add",
         {env, bufferOf(op.getLhs()), bufferOf(op.getRhs()),
          result(op.getResult(), rowsOf(op.getLhs()))},
         emitAdd);
  }

  void lowerOp(ClampOp op) {
    beginOperation(op, "");
    double limit = op.getLimit().convertToDouble();
    call("clamp_" + nameOf(limit),
         {env, bufferOf(op.getInput()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) { emitClamp(k, limit, args); });
  }

  void lowerOp(NormOp op) {
    beginOperation(op, op.getScale());
    double epsilon = op.getEpsilon().convertToDouble();
    call(("norm_" + stringifyNormKind(op.getKind()) + "_" + nameOf(epsilon)).str(),
         {env, bufferOf(op.getInput()), weight(op.getScaleAttr()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitNorm(k, op.getKind(), epsilon, op.getGroups(), args);
         });
  }

  /// This operation and those right behind it that are linear in the same
  /// input: queries, keys and values become one kernel.
  SmallVector<LinearOp> linearsFrom(LinearOp op) {
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

  void lowerOp(LinearOp op) {
    if (!fused.insert(op).second)
      return;
    SmallVector<LinearOp> group = linearsFrom(op);
    std::string label;
    for (LinearOp linear : group)
      label += (label.empty() ? "" : " ") + linear.getWeight().str();
    beginOperation(op, label);
    Value rows = rowsOf(op.getInput());
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    SmallVector<bool> hasBias;
    SmallVector<StoredLinear> stored;
    std::string name = "linear", storage;
    for (LinearOp linear : group) {
      fused.insert(linear);
      WeightOp weightOp = weightOf(linear.getWeightAttr());
      args.push_back(weight(linear.getWeightAttr()));
      hasBias.push_back(bool(linear.getBiasAttr()));
      if (hasBias.back()) {
        args.push_back(weight(linear.getBiasAttr()));
        name += "_bias" + std::to_string(hasBias.size() - 1);
      }
      args.push_back(result(linear.getResult(), rows));
      stored.push_back({storedWeight(weightOp), hasBias.back()});
      storage += storageName(weightOp);
    }
    if (!isQuantized(op.getInput()))
      return call(name, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
        emitLinears(k, hasBias, kernelArgs);
      });
    call(name + storage, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
      emitStoredLinears(k, library, stored, kernelArgs);
    });
  }

  void lowerOp(QuantizeOp op) {
    beginOperation(op, "");
    Value input = bufferOf(op.getInput()), rows = rowsOf(op.getInput());
    int64_t rotation = op.getArrivedRotated() ? 0 : rotationOf(op.getResult());
    defineQuantized(op.getResult(), rows);
    Value work = input;
    if (rotation)
      work = scratch(rows, 1, columnsOf(input), b.getF32Type());
    SmallVector<Value> args = {env, input, work};
    addRows(args, op.getResult());
    call("quantize_" + std::to_string(rotation), args,
         [&](KernelBuilder &k, ValueRange kernelArgs) {
           emitQuantize(k, library, rotation, kernelArgs);
         });
  }

  void lowerOp(DequantizeOp op) {
    beginOperation(op, "");
    int64_t rotation = rotationOf(op.getInput());
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    args.push_back(result(op.getResult(), rowsOf(op.getInput())));
    call("dequantize_" + std::to_string(rotation), args,
         [&](KernelBuilder &k, ValueRange kernelArgs) {
           emitDequantize(k, library, rotation, kernelArgs);
         });
  }

  void lowerOp(RopeOp op) {
    beginOperation(op, op.getTable());
    auto table = cast<RopeTableOp>(
        SymbolTable::lookupSymbolIn(model, op.getTableAttr()));
    std::string name = "rope_" + stringifyRopeLayout(table.getLayout()).str() +
                       "_" + std::to_string(op.getHeads());
    call(name,
         {env, bufferOf(op.getInput()), bufferOf(op.getPositions()),
          ropeTable(op.getTableAttr()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitRope(k, table.getLayout(), op.getHeads(), args);
         });
  }

  std::string kvName(KvType type) {
    return std::to_string(type.getHeads()) + "x" +
           std::to_string(type.getHeadDim());
  }

  void lowerOp(KvAppendOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    KvType type = op.getKv().getType();
    call("kv_append_" + kvName(type),
         {env, bufferOf(op.getKeys()), bufferOf(op.getValues()), kv, capacity,
          b.index(op.getLayer()), bufferOf(op.getSequences()),
          bufferOf(op.getPositions())},
         [&](KernelBuilder &k, ValueRange args) { emitKvAppend(k, type, args); });
  }

  void lowerOp(AttentionOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    KvType type = op.getKv().getType();
    double scale = op.getScale().convertToDouble();
    std::optional<int64_t> window;
    if (op.getWindow())
      window = *op.getWindow();
    std::string name = "attention_" + kvName(type) + "_" + nameOf(scale);
    if (window)
      name += "_window" + std::to_string(*window);
    call(name,
         {env, bufferOf(op.getQueries()), kv, capacity, b.index(op.getLayer()),
          bufferOf(op.getSequences()), bufferOf(op.getPositions()),
          result(op.getResult(), rowsOf(op.getQueries()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitAttention(k, type, op.getHeads(), scale, window, args);
         });
  }

  /// The network that an operation runs, and a piece of its kernel's name.
  template <typename OpT>
  std::pair<NetworkShape, std::string> networkOf(OpT op) {
    WeightOp gate = weightOf(op.getGateAttr()), up = weightOf(op.getUpAttr());
    WeightOp down = weightOf(op.getDownAttr());
    NetworkShape shape;
    shape.activation = op.getActivation();
    shape.width = gate.getRows();
    shape.features = gate.getColumns();
    shape.element = (gate.getCode() ? down : gate)
                        .getTensorType().getElementType();
    shape.gate = gate.getCodeAttr();
    shape.up = up.getCodeAttr();
    shape.down = down.getCodeAttr();
    shape.downRotation = down.getColumnRotation().value_or(0);
    std::string name = "_" + stringifyActivation(op.getActivation()).str() +
                       storageName(gate) + storageName(up) + storageName(down);
    if (shape.downRotation)
      name += "_rotated" + std::to_string(shape.downRotation);
    return {shape, name};
  }

  void lowerOp(MlpOp op) {
    beginOperation(op, op.getGate());
    Value rows = rowsOf(op.getInput());
    Type f32 = b.getF32Type();
    auto [shape, name] = networkOf(op);
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    for (FlatSymbolRefAttr symbol :
         {op.getGateAttr(), op.getUpAttr(), op.getDownAttr()})
      args.push_back(weight(symbol));
    bool isShared = bool(op.getSharedGateAttr());
    if (isShared) {
      args.push_back(
          bufferOf(op.getGateInput() ? op.getGateInput() : op.getInput()));
      args.push_back(weight(op.getSharedGateAttr()));
      args.push_back(scratch(rows, 1, 1, f32));
    }
    args.push_back(scratch(rows, 1, shape.width, f32));
    args.push_back(scratch(rows, 1, shape.width, f32));
    if (shape.down)
      addQuantizedScratch(args, rows, 1, shape.width);
    args.push_back(result(op.getResult(), rows));
    call("mlp" + name + (isShared ? "_shared" : ""), args,
         [&, shape = shape](KernelBuilder &k, ValueRange kernelArgs) {
           emitMlp(k, library, shape, isShared, kernelArgs);
         });
  }

  void lowerOp(RouteOp op) {
    beginOperation(op, "");
    Value rows = rowsOf(op.getLogits());
    int64_t experts = cast<ShapedType>(op.getLogits().getType()).getDimSize(1);
    double scale = op.getScale().convertToDouble();
    std::string name = "route_" + stringifyRouteScore(op.getScore()).str() + "_" +
                       nameOf(scale);
    if (op.getRenormalize())
      name += "_renormalize";
    Value ids = result(op.getExperts(), rows);
    Value weights = result(op.getWeights(), rows);
    call(name,
         {env, bufferOf(op.getLogits()), scratch(rows, 1, experts, b.getF32Type()),
          ids, weights},
         [&](KernelBuilder &k, ValueRange args) {
           emitRoute(k, op.getScore(), op.getRenormalize(), scale, args);
         });
  }

  void lowerOp(ExpertsOp op) {
    beginOperation(op, op.getGate());
    auto [shape, name] = networkOf(op);
    BankShape bank{weightOf(op.getGateAttr()).getMatrices(),
                   cast<ShapedType>(op.getExperts().getType()).getDimSize(1),
                   shape};
    Value rows = rowsOf(op.getInput());
    Type f32 = b.getF32Type(), i32 = b.getI32Type();
    uint64_t fixed = 0;
    Value first = fixedScratch(bank.experts + 1, fixed);
    Value cursor = fixedScratch(bank.experts, fixed);
    Value rowOf = scratch(rows, bank.chosen, 1, i32);
    Value ofRow = scratch(rows, 1, bank.chosen, i32);
    Value sorted = scratch(rows, 1, bank.chosen, f32);
    call("sort_assignments",
         {bufferOf(op.getExperts()), bufferOf(op.getWeights()), first, cursor,
          rowOf, ofRow, sorted},
         [&](KernelBuilder &k, ValueRange args) {
           emitSortAssignments(k, bank, args);
         });
    SmallVector<Value> args = {env};
    addRows(args, op.getInput());
    args.append({parameterSlot(plan.getFirstExpert(op)), first, rowOf, ofRow,
                 sorted});
    args.push_back(scratch(rows, bank.chosen, shape.width, f32));
    args.push_back(scratch(rows, bank.chosen, shape.width, f32));
    if (shape.down)
      addQuantizedScratch(args, rows, bank.chosen, shape.width);
    args.push_back(scratch(rows, bank.chosen, shape.features, f32));
    args.push_back(fixedScratch(bank.experts, fixed));
    args.push_back(fixedScratch(bank.experts + 1, fixed));
    if (auto launch = dyn_cast<sched::LaunchOp>(op->getParentOp())) {
      auto fetch = launch.getToken().getDefiningOp<sched::PrefetchOp>();
      bank.comes = true;
      args.append({offload.getTaker(), b.index(fetch.getLayer())});
      name += "_coming";
    }
    args.push_back(result(op.getResult(), rows));
    call("experts" + name, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
      emitExperts(k, library, bank, kernelArgs);
    });
  }

  //===--- Fetches --------------------------------------------------------===//

  void lowerOp(sched::DistributionOp op) {
    beginOperation(op, "");
    Value rows = rowsOf(op.getLogits());
    call("distribution",
         {env, bufferOf(op.getLogits()), result(op.getResult(), rows)},
         emitDistribution);
  }

  void lowerOp(sched::BlendOp op) {
    beginOperation(op, "");
    SmallVector<Value> args = {env};
    for (Value scores : op.getScores())
      args.push_back(bufferOf(scores));
    args.push_back(result(op.getResult(), rowsOf(op.getScores().front())));
    SmallVector<double> weights(op.getWeights().value_or(ArrayRef<double>()));
    std::string name = "blend" + std::to_string(op.getScores().size());
    for (double weight : weights)
      name += "_" + nameOf(weight);
    call(name, args, [&](KernelBuilder &k, ValueRange kernelArgs) {
      emitBlend(k, weights, kernelArgs);
    });
  }

  void lowerOp(sched::PredictOp op) {
    beginOperation(op, std::to_string(op.getLayer()));
    Value scores = bufferOf(op.getScores()), rows = rowsOf(op.getScores());
    GuessShape shape{int64_t(op.getCount()), int64_t(op.getChosen()),
                     op.getCalibration()[0], op.getCalibration()[1]};
    int64_t experts = columnsOf(scores);
    int64_t sorted = std::min(experts, std::max(shape.count, shape.chosen + 1));
    Type f32 = b.getF32Type();
    std::string name = "predict_" + std::to_string(shape.chosen) + "_" +
                       nameOf(shape.slope) + "_" + nameOf(shape.bias);
    Value ids = result(op.getExperts(), rows);
    Value confidence = result(op.getConfidence(), rows);
    call(name,
         {env, scores, scratch(rows, 1, experts, f32),
          scratch(rows, 1, sorted, f32), ids, confidence},
         [&](KernelBuilder &k, ValueRange args) { emitPredict(k, shape, args); });
  }

  void whenActive(function_ref<void()> emit) {
    active ? b.when(active, emit) : emit();
  }

  void lowerOp(sched::RecordOp op) {
    whenActive([&] {
      offload.record(b, op.getLayer(), bufferOf(op.getLogits()),
                     bufferOf(op.getExperts()), bufferOf(op.getWeights()));
    });
  }

  void lowerOp(sched::PrefetchOp op) {
    Value experts = bufferOf(op.getExperts());
    if (op.isGuess())
      return whenActive([&] {
        offload.prefetch(b, op.getLayer(), experts,
                         bufferOf(op.getConfidence()),
                         op.getThreshold()->convertToDouble());
      });
    // Also a demand of nothing ends guesses.
    if (op.getGuess())
      return offload.demand(b, op.getLayer(), experts);
    whenActive([&] { offload.demand(b, op.getLayer(), experts); });
  }

  void lowerOp(sched::CancelOp op) {
    int64_t layer = sched::getFetchOf(op.getToken()).getLayer();
    if (!op.getRows())
      return offload.cancel(b, layer);
    Value rows = rowsOf(op.getRows());
    Value none = b.less(rows, b.index(1));
    b.when(none, [&] { offload.cancel(b, layer); });
  }

  //===--- Leaving early --------------------------------------------------===//

  void lowerOp(PlaceOp op) {
    beginOperation(op, "");
    Value rows = active;
    active = {}; // the rows that stay stay also where none is put in
    Value table = changeable(op.getInto(), op.getResult(), op);
    active = rows;
    call("place",
         {env, bufferOf(op.getInput()), bufferOf(op.getRows()), table},
         emitPlace);
  }

  void lowerOp(ZerosOp op) {
    beginOperation(op, "");
    call("zeros", {env, result(op.getResult(), rowsOf(op.getLike()))},
         emitZeros);
  }

  /// Calls the runtime with room for the row sets that an operation gives.
  void defineSets(Operation *op,
                  function_ref<SmallVector<Value>(ValueRange)> call) {
    SmallVector<Value> addresses;
    SmallVector<uint64_t> offsets(op->getNumResults());
    for (uint64_t &offset : offsets)
      addresses.push_back(allocateNumbers(offset));
    SmallVector<Value> counts = call(addresses);
    for (auto [i, set] : llvm::enumerate(op->getResults()))
      defineNumbers(set, addresses[i], counts[i], offsets[i]);
  }

  void lowerOp(EnterOp op) {
    beginOperation(op, "");
    defineSets(op, [&](ValueRange sets) { return exits.enter(b, sets); });
  }

  void lowerOp(ExitOp op) {
    beginOperation(op, std::to_string(op.getLayers()));
    SmallVector<Value> watched;
    for (Value numbers : op.getWatched())
      watched.push_back(bufferOf(numbers));
    Value scores = bufferOf(op.getScores());
    defineSets(op, [&](ValueRange sets) {
      return exits.leave(b, exitCount++, scores, watched, sets);
    });
  }

  void lowerOp(ResumeOp op) {
    beginOperation(op, "");
    exits.resume(b, changeable(op.getInput(), op.getResult(), op));
  }

  void lowerOp(ParkOp op) {
    beginOperation(op, "");
    exits.park(b, bufferOf(op.getInput()));
  }

  void lowerOp(SurplusOp op) {
    beginOperation(op, "");
    call("surplus",
         {env, bufferOf(op.getInside()), bufferOf(op.getOutside()),
          weight(op.getSlackAttr()), bufferOf(op.getFeatures()),
          bufferOf(op.getNear()),
          result(op.getResult(), rowsOf(op.getInside()))},
         emitSurplus);
  }

  void lowerOp(CertainOp op) {
    beginOperation(op, "");
    Value surplus = bufferOf(op.getSurplus());
    defineSets(op, [&](ValueRange sets) {
      return exits.settle(b, surplus, sets);
    });
  }

  void lowerOp(SpreadOp op) {
    beginOperation(op, "");
    SmallVector<int32_t> columns(op.getColumns());
    StringRef bytes(reinterpret_cast<const char *>(columns.data()),
                    columns.size() * sizeof(int32_t));
    std::string name = "spread_" + llvm::utohexstr(llvm::xxh3_64bits(bytes));
    call(name,
         {env, bufferOf(op.getInput()),
          result(op.getResult(), rowsOf(op.getInput()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitSpread(k, library, name + "_columns", columns, args);
         });
  }

  void lowerOp(ConfidenceOp op) {
    beginOperation(op, stringifyConfidence(op.getKind()));
    Confidence kind = op.getKind();
    call(("confidence_" + stringifyConfidence(kind)).str(),
         {env, bufferOf(op.getLogits()),
          result(op.getResult(), rowsOf(op.getLogits()))},
         [&](KernelBuilder &k, ValueRange args) {
           emitConfidence(k, kind, args);
         });
  }

  void lowerOp(SimilarityOp op) {
    beginOperation(op, "");
    call("similarity",
         {env, bufferOf(op.getLhs()), bufferOf(op.getRhs()),
          result(op.getResult(), rowsOf(op.getLhs()))},
         emitSimilarity);
  }

  void lowerOp(BestOp op) {
    beginOperation(op, "");
    call("best",
         {env, bufferOf(op.getInput()),
          result(op.getResult(), rowsOf(op.getInput()))},
         emitBest);
  }

  void lowerOp(StreakOp op) {
    SmallVector<Value> args = {bufferOf(op.getBest())};
    if (op.getBefore())
      args.append({bufferOf(op.getBefore()), bufferOf(op.getStreak())});
    args.push_back(result(op.getResult(), rowsOf(op.getBest())));
    call(op.getBefore() ? "streak" : "streak_begin", args, emitStreak);
  }

  void lowerOp(LogisticOp op) {
    SmallVector<Value> args;
    for (Value feature : op.getFeatures())
      args.push_back(bufferOf(feature));
    args.push_back(result(op.getResult(), rowsOf(op.getFeatures().front())));
    std::string name = "logistic";
    SmallVector<double> weights;
    for (APFloat weight : op.getWeights().getAsValueRange<FloatAttr>()) {
      weights.push_back(weight.convertToDouble());
      name += "_" + nameOf(weights.back());
    }
    double bias = op.getBias().convertToDouble();
    call(name + "_bias" + nameOf(bias), args,
         [&](KernelBuilder &k, ValueRange kernelArgs) {
           emitLogistic(k, weights, bias, kernelArgs);
         });
  }

  /// The runtime knows experts by the layers of the plan: another number would
  /// bring other experts.
  LogicalResult verifyLayer(sched::LaunchOp op) {
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

  LogicalResult lowerLaunch(sched::LaunchOp op) {
    if (failed(verifyLayer(op)))
      return failure();
    Block &body = op.getBody().front();
    if (failed(lowerAll(body)))
      return failure();
    // The body's values live on as the launch's.
    for (auto [inner, outer] : llvm::zip_equal(
             body.getTerminator()->getOperands(), op.getResults())) {
      // A copy: a new entry moves the others.
      Buffer buffer = buffers.at(inner);
      buffers.erase(inner);
      buffers[outer] = buffer;
    }
    return success();
  }

  ModuleOp module;
  ModelOp model;
  func::FuncOp forward;
  ParameterPlan plan;
  KernelBuilder b;
  BufferPlan buffersPlan;
  KernelLibrary library;
  llvm::DenseMap<Value, Buffer> buffers;
  llvm::DenseMap<Value, QuantizedBuffer> quantized;
  SmallVector<uint64_t> scratchOffsets;
  llvm::SmallPtrSet<Operation *, 8> fused; ///< linears that are lowered already
  OffloadCalls offload;
  ExitCalls exits;
  bool hasExits = false;
  int64_t exitCount = 0; ///< lowered so far
  func::FuncOp entry;
  llvm::SmallPtrSet<Operation *, 32> guessing; ///< what only guesses need
  bool isGuess = false; ///< whether the operation being lowered is one of them
  Value active; ///< whether it has rows; null: always
  std::vector<std::string> operations;
  uint64_t fixedBytes = 0;
  Value env, arguments, parameters, kv, capacity, workspace, batchRows, fixedSize;
};

struct LowerModel : moe::cpu::impl::LowerModelPassBase<LowerModel> {
  using LowerModelPassBase::LowerModelPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto models = llvm::to_vector(module.getOps<ModelOp>());
    if (models.size() != 1) {
      module.emitError("the cpu backend takes 1 model, the module has ")
          << models.size();
      return signalPassFailure();
    }
    ModelOp model = models.front();
    auto forward = dyn_cast_or_null<func::FuncOp>(
        SymbolTable::lookupSymbolIn(model, "forward"));
    if (!forward) {
      model.emitOpError("has no function @forward to lower");
      return signalPassFailure();
    }
    // Kernels of stored weights sum in int32, which neither saturates nor wraps.
    if (failed(verifyModel(forward, "cpu")) || failed(verifyAccumulators(model)))
      return signalPassFailure();
    ModelLowering lowering(module, model, forward, SimdLevel::get(features));
    if (failed(lowering.run()))
      return signalPassFailure();
    numKernels = lowering.getKernelCount();
    model.erase();
  }
};

} // namespace
