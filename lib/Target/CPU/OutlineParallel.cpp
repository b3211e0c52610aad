//===- OutlineParallel.cpp - parallel loops go through the runtime --------===//
#include "moe/HostCode/KernelBuilder.h"
#include "Passes.h"

#include "mlir/Transforms/RegionUtils.h"
#include "moert/abi/module.h"

namespace moe::cpu {
#define GEN_PASS_DEF_OUTLINEPARALLELPASS
#include "Passes.h.inc"
} // namespace moe::cpu

using namespace mlir;
using namespace moe::cpu;
using namespace moe::host;

namespace {

constexpr int64_t kCell = 8;

/// Writes values into the cells of a closure, and reads them again inside the
/// body, in the same order.
class ClosureWriter {
public:
  ClosureWriter(KernelBuilder &b, Value cells) : b(b), cells(cells) {}

  void put(Value value) {
    if (auto type = dyn_cast<MemRefType>(value.getType())) {
      putCell(memref::ExtractAlignedPointerAsIndexOp::create(b, value));
      for (int64_t i = 0; i < type.getRank(); ++i)
        if (type.isDynamicDim(i))
          putCell(memref::DimOp::create(b, value, i));
      return;
    }
    putCell(value);
  }

private:
  void putCell(Value value) {
    if (value.getType().isIndex())
      value = arith::IndexCastOp::create(b, b.getI64Type(), value);
    Value at = LLVM::GEPOp::create(b, cells.getType(), b.getI8Type(), cells,
                                   ArrayRef<LLVM::GEPArg>{int32_t(next)});
    LLVM::StoreOp::create(b, value, at);
    next += kCell;
  }

  KernelBuilder &b;
  Value cells;
  int64_t next = 0;
};

class ClosureReader {
public:
  ClosureReader(KernelBuilder &b, Value cells) : b(b), cells(cells) {}

  Value get(Type type) {
    auto buffer = dyn_cast<MemRefType>(type);
    if (!buffer)
      return getCell(type);
    Value pointer = getCell(LLVM::LLVMPointerType::get(b.getContext()));
    SmallVector<Value> sizes;
    for (int64_t i = 0; i < buffer.getRank(); ++i)
      if (buffer.isDynamicDim(i))
        sizes.push_back(getCell(b.getIndexType()));
    return b.bufferAt(pointer, buffer, sizes);
  }

private:
  Value getCell(Type type) {
    Type stored = type.isIndex() ? Type(b.getI64Type()) : type;
    Value value = b.loadField(cells, next, stored);
    next += kCell;
    return type.isIndex() ? b.toIndex(value) : value;
  }

  KernelBuilder &b;
  Value cells;
  int64_t next = 0;
};

int64_t countCells(ArrayRef<Value> values) {
  int64_t cells = 0;
  for (Value value : values) {
    auto buffer = dyn_cast<MemRefType>(value.getType());
    cells += buffer ? 1 + buffer.getNumDynamicDims() : 1;
  }
  return cells;
}

bool canTravel(Type type) {
  if (auto buffer = dyn_cast<MemRefType>(type))
    return buffer.getLayout().isIdentity();
  return type.isIndex() || isa<LLVM::LLVMPointerType>(type) ||
         (type.isIntOrFloat() && type.getIntOrFloatBitWidth() <= 64);
}

/// Values from outside that the loop uses; constants are copied in instead.
SmallVector<Value> collectCaptures(scf::ParallelOp loop) {
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(loop.getRegion(), captured);
  OpBuilder builder(loop.getContext());
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> rest;
  for (Value value : captured) {
    Operation *definition = value.getDefiningOp();
    if (!definition || !definition->hasTrait<OpTrait::ConstantLike>()) {
      rest.push_back(value);
      continue;
    }
    Value copy = builder.clone(*definition)->getResult(0);
    replaceAllUsesInRegionWith(value, copy, loop.getRegion());
  }
  return rest;
}

class Outliner {
public:
  Outliner(ModuleOp module, scf::ParallelOp loop, std::string name)
      : module(module), loop(loop), name(std::move(name)) {}

  LogicalResult run() {
    auto function = loop->getParentOfType<func::FuncOp>();
    if (loop.getNumLoops() != 1 || !loop.getInitVals().empty())
      return loop.emitOpError("has ")
             << loop.getNumLoops() << " dimensions and "
             << loop.getInitVals().size() << " reductions, can outline 1 and 0";
    if (getConstantIntValue(loop.getLowerBound().front()) != 0 ||
        getConstantIntValue(loop.getStep().front()) != 1)
      return loop.emitOpError("must start at 0 with step 1");
    if (function.getNumArguments() == 0 ||
        !isa<LLVM::LLVMPointerType>(function.getArgumentTypes().front()))
      return loop.emitOpError(
          "is in a function without the environment as first argument");
    captures = collectCaptures(loop);
    for (Value value : captures)
      if (!canTravel(value.getType()))
        return loop.emitOpError("uses a value of type ")
               << value.getType() << " that cannot travel to another thread";
    buildBody();
    buildCall(function.getArgument(0));
    loop.erase();
    return success();
  }

private:
  /// func @name(cells, begin, end, worker): the loop from begin to end.
  void buildBody() {
    KernelBuilder b(loop.getLoc(), OpBuilder::atBlockEnd(module.getBody()));
    auto pointer = LLVM::LLVMPointerType::get(b.getContext());
    Type i64 = b.getI64Type();
    auto body = func::FuncOp::create(
        b, name, b.getFunctionType({pointer, i64, i64, i64}, {}));
    body.setPrivate();
    b.setInsertionPointToStart(body.addEntryBlock());
    ClosureReader reader(b, body.getArgument(0));
    IRMapping mapping;
    for (Value value : captures)
      mapping.map(value, reader.get(value.getType()));
    b.loop(b.toIndex(body.getArgument(1)), b.toIndex(body.getArgument(2)), 1,
           [&](Value i) {
             mapping.map(loop.getInductionVars().front(), i);
             for (Operation &op : loop.getBody()->without_terminator())
               b.clone(op, mapping);
           });
    func::ReturnOp::create(b);
  }

  void buildCall(Value env) {
    KernelBuilder b(loop.getLoc(), OpBuilder(loop));
    auto pointer = LLVM::LLVMPointerType::get(b.getContext());
    Type i64 = b.getI64Type();
    Value cells = allocateCells(b, std::max<int64_t>(1, countCells(captures)));
    ClosureWriter writer(b, cells);
    for (Value value : captures)
      writer.put(value);
    auto bodyType = b.getFunctionType({pointer, i64, i64, i64}, {});
    Value body = func::ConstantOp::create(b, bodyType, name);
    Value bodyPointer =
        UnrealizedConversionCastOp::create(b, pointer, body).getResult(0);
    Value count =
        arith::IndexCastOp::create(b, i64, loop.getUpperBound().front());
    Value parallelFor =
        b.loadField(env, offsetof(moert_abi_env_t, parallel_for), pointer);
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    {pointer, pointer, pointer, i64});
    LLVM::CallOp::create(
        b, type, ValueRange{parallelFor, env, bodyPointer, cells, count});
  }

  /// On the stack of the function, once, also when the loop is in a loop.
  Value allocateCells(KernelBuilder &b, int64_t count) {
    OpBuilder::InsertionGuard guard(b);
    auto function = loop->getParentOfType<func::FuncOp>();
    b.setInsertionPointToStart(&function.front());
    Value size =
        LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(count));
    return LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  b.getI64Type(), size);
  }

  ModuleOp module;
  scf::ParallelOp loop;
  std::string name;
  SmallVector<Value> captures;
};

struct OutlineParallel
    : moe::cpu::impl::OutlineParallelPassBase<OutlineParallel> {
  using OutlineParallelPassBase::OutlineParallelPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : llvm::to_vector(module.getOps<func::FuncOp>())) {
      SmallVector<scf::ParallelOp> loops;
      function.walk([&](scf::ParallelOp loop) { loops.push_back(loop); });
      for (auto [i, loop] : llvm::enumerate(loops)) {
        std::string name =
            function.getSymName().str() + ".slice" + std::to_string(i);
        if (failed(Outliner(module, loop, name).run()))
          return signalPassFailure();
      }
    }
  }
};

} // namespace
