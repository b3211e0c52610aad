//===- Emulate.cpp - kernels a second time, as code of the host -----------===//
#include "Emulator.h"
#include "Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

namespace moe::cuda {
#define GEN_PASS_DEF_EMULATEPASS
#include "Passes.h.inc"
} // namespace moe::cuda

using namespace mlir;
using namespace moe::cuda;

namespace {

constexpr unsigned kGlobal = 1, kShared = 3;

/// What goes wrong in a kernel; -1: nothing.
struct Defects {
  int64_t barrier = -1, index = -1, wait = -1;
};

/// Rewrites the copy of one kernel in place.
class Kernel {
public:
  /// Copies a kernel behind `after`.
  Kernel(LLVM::LLVMFuncOp kernel, Operation *after, Defects defects)
      : b(kernel, after), defects(defects),
        layout(DataLayout::closest(b.getFunction())) {}

  LLVM::LLVMFuncOp getFunction() const { return b.getFunction(); }

  LogicalResult run() {
    // The first block is the emulator's.
    SmallVector<Operation *> operations;
    for (Block &block : llvm::drop_begin(b.getFunction().getBody()))
      for (Operation &op : block)
        operations.push_back(&op);
    for (Operation *op : operations)
      if (failed(rewrite(op)))
        return failure();
    return success();
  }

private:
  LogicalResult rewrite(Operation *op);
  LogicalResult rewriteHost(Operation *op);

  // Operations of the host that touch memory.
  LogicalResult announce(Operation *op, OpOperand &address, Type type,
                         std::optional<uint64_t> alignment,
                         moert_emulator_access_t kind);
  bool isConstant(Value address, llvm::SmallPtrSetImpl<Value> &seen);

  // Operations of the GPU. Each is given the builder before it.
  LogicalResult special(Operation *op);
  LogicalResult barrier(NVVM::BarrierOp op);
  LogicalResult vote(NVVM::VoteSyncOp op);
  LogicalResult multiply(NVVM::MmaOp op);
  LogicalResult loadMatrix(NVVM::LdMatrixOp op);
  LogicalResult shuffle(NVVM::ShflOp op);
  LogicalResult plainBarrier(Operation *op, Value id, Value threads);
  LogicalResult copy(NVVM::CpAsyncOp op);
  LogicalResult waitForCopies(NVVM::CpAsyncWaitGroupOp op);
  LogicalResult dot(NVVM::DotAccumulate4WayOp op);

  int32_t nextSite() { return sites++; }
  /// Whether this is the one of its kind that goes wrong.
  static bool isDefect(int64_t &next, int64_t which) { return next++ == which; }
  static LogicalResult replace(Operation *op, Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    return drop(op);
  }
  static LogicalResult drop(Operation *op) {
    op->erase();
    return success();
  }

  Emulator b;
  Defects defects;
  DataLayout layout;
  int32_t sites = 0;
  int64_t barriers = 0, accesses = 0, waits = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Whether an address surely lies in a constant, of which the emulator knows
/// nothing, and which nobody can write.
bool Kernel::isConstant(Value address, llvm::SmallPtrSetImpl<Value> &seen) {
  if (!seen.insert(address).second)
    return true;
  if (auto op = address.getDefiningOp<LLVM::GEPOp>())
    return isConstant(op.getBase(), seen);
  if (auto op = address.getDefiningOp<LLVM::AddrSpaceCastOp>())
    return isConstant(op.getArg(), seen);
  if (auto op = address.getDefiningOp<LLVM::SelectOp>())
    return isConstant(op.getTrueValue(), seen) &&
           isConstant(op.getFalseValue(), seen);
  if (address.getDefiningOp<LLVM::AddressOfOp>())
    return true;
  auto argument = dyn_cast<BlockArgument>(address);
  if (!argument || argument.getOwner()->isEntryBlock())
    return false;
  Block *block = argument.getOwner();
  for (auto it = block->pred_begin(); it != block->pred_end(); ++it) {
    auto branch = dyn_cast<BranchOpInterface>((*it)->getTerminator());
    Value passed = branch ? branch.getSuccessorOperands(
                                it.getSuccessorIndex())[argument.getArgNumber()]
                          : Value();
    if (!passed || !isConstant(passed, seen))
      return false;
  }
  return true;
}

/// The kind of an access, with the alignment that it counts on where that is
/// less than the emulator takes for granted.
static int32_t kindOf(moert_emulator_access_t kind, int64_t bytes,
                      std::optional<uint64_t> alignment) {
  uint64_t granted = llvm::MinAlign(bytes, 16);
  return alignment && *alignment < granted
             ? static_cast<int32_t>(kind | *alignment << 8)
             : kind;
}

LogicalResult Kernel::announce(Operation *op, OpOperand &address, Type type,
                               std::optional<uint64_t> alignment,
                               moert_emulator_access_t kind) {
  unsigned space =
      cast<LLVM::LLVMPointerType>(address.get().getType()).getAddressSpace();
  if (space != kGlobal && space != kShared) {
    if (address.get().getDefiningOp<LLVM::AllocaOp>())
      return success();
    return op->emitOpError("goes to address space ")
           << space << ", the emulator knows " << kGlobal << " and " << kShared;
  }
  llvm::SmallPtrSet<Value, 8> seen;
  if (isConstant(address.get(), seen))
    return success();
  int64_t bytes = layout.getTypeSize(type).getFixedValue();
  if (isDefect(accesses, defects.index))
    address.set(LLVM::GEPOp::create(b, address.get().getType(), b.getI8Type(),
                                    address.get(),
                                    ArrayRef<LLVM::GEPArg>{int32_t(bytes)}));
  b.access(address.get(), bytes, kindOf(kind, bytes, alignment), nextSite());
  return success();
}

LogicalResult Kernel::rewriteHost(Operation *op) {
  if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
    // The host has no other way to memory.
    load.setNontemporal(false);
    load.setInvariant(false);
    return announce(op, load.getAddrMutable(), load.getType(),
                    load.getAlignment(), MOERT_EMULATOR_READ);
  }
  if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
    store.setNontemporal(false);
    return announce(op, store.getAddrMutable(), store.getValue().getType(),
                    store.getAlignment(), MOERT_EMULATOR_WRITE);
  }
  if (auto atomic = dyn_cast<LLVM::AtomicRMWOp>(op))
    return announce(op, atomic.getPtrMutable(), atomic.getType(),
                    atomic.getAlignment(), MOERT_EMULATOR_ATOMIC);
  // Behind a generic pointer nobody would see the access.
  if (auto cast = dyn_cast<LLVM::AddrSpaceCastOp>(op))
    return op->emitOpError("goes to another address space, which the emulator "
                           "could not follow");
  if (op->hasTrait<OpTrait::IsTerminator>() || isa<LLVM::AllocaOp>(op) ||
      isMemoryEffectFree(op))
    return success();
  return op->emitOpError("is not known to the emulator");
}

//===----------------------------------------------------------------------===//
// Instructions of the GPU
//===----------------------------------------------------------------------===//

LogicalResult Kernel::special(Operation *op) {
  Value value =
      llvm::TypeSwitch<Operation *, Value>(op)
          .Case([&](NVVM::ThreadIdXOp) {
            return b.special(MOERT_EMULATOR_THREAD);
          })
          .Case([&](NVVM::BlockDimXOp) {
            return b.special(MOERT_EMULATOR_THREADS);
          })
          .Case([&](NVVM::BlockIdXOp) {
            return b.special(MOERT_EMULATOR_BLOCK_X);
          })
          .Case([&](NVVM::BlockIdYOp) {
            return b.special(MOERT_EMULATOR_BLOCK_Y);
          })
          .Case([&](NVVM::GridDimXOp) {
            return b.special(MOERT_EMULATOR_BLOCKS_X);
          })
          .Case([&](NVVM::GridDimYOp) {
            return b.special(MOERT_EMULATOR_BLOCKS_Y);
          })
          .Case([&](NVVM::LaneIdOp) {
            Value thread = b.special(MOERT_EMULATOR_THREAD);
            return LLVM::AndOp::create(b, thread, b.i32(31)).getResult();
          })
          .Case([&](NVVM::WarpSizeOp) { return b.i32(32); })
          .Case<NVVM::ThreadIdYOp, NVVM::ThreadIdZOp, NVVM::BlockIdZOp>(
              [&](auto) { return b.i32(0); })
          .Case<NVVM::BlockDimYOp, NVVM::BlockDimZOp, NVVM::GridDimZOp>(
              [&](auto) { return b.i32(1); })
          .Default([](Operation *) { return Value(); });
  if (value)
    return replace(op, value);
  return op->emitOpError("is not known to the emulator");
}

LogicalResult Kernel::plainBarrier(Operation *op, Value id, Value threads) {
  if (!isDefect(barriers, defects.barrier))
    b.barrier(id ? id : b.i32(0), threads ? threads : b.i32(0), nextSite());
  return drop(op);
}

LogicalResult Kernel::barrier(NVVM::BarrierOp op) {
  if (op.getReductionOp())
    return op.emitOpError("reduces, which is not known to the emulator");
  return plainBarrier(op, op.getBarrierId(), op.getNumberOfThreads());
}

LogicalResult Kernel::shuffle(NVVM::ShflOp op) {
  if (op.getReturnValueAndIsValid())
    return op.emitOpError("says whether it is valid, which is not known to the "
                          "emulator");
  auto mode = [&] {
    switch (op.getKind()) {
    case NVVM::ShflKind::bfly:
      return MOERT_EMULATOR_SHUFFLE_XOR;
    case NVVM::ShflKind::up:
      return MOERT_EMULATOR_SHUFFLE_UP;
    case NVVM::ShflKind::down:
      return MOERT_EMULATOR_SHUFFLE_DOWN;
    case NVVM::ShflKind::idx:
      return MOERT_EMULATOR_SHUFFLE_INDEX;
    }
  }();
  Value result = b.shuffle(mode, op.getThreadMask(), b.toBits(op.getVal()),
                           op.getOffset(), op.getMaskAndClamp(), nextSite());
  return replace(op, b.fromBits(result, op.getType()));
}

LogicalResult Kernel::vote(NVVM::VoteSyncOp op) {
  Value mask = op.getMask();
  Value votes = b.ballot(
      mask, LLVM::ZExtOp::create(b, b.getI32Type(), op.getPred()), nextSite());
  auto is = [&](LLVM::ICmpPredicate predicate, Value other) -> Value {
    return LLVM::ICmpOp::create(b, predicate, votes, other);
  };
  switch (op.getKind()) {
  case NVVM::VoteSyncKind::ballot:
    return replace(op, votes);
  case NVVM::VoteSyncKind::any:
    return replace(op, is(LLVM::ICmpPredicate::ne, b.i32(0)));
  case NVVM::VoteSyncKind::all:
    return replace(op, is(LLVM::ICmpPredicate::eq, mask));
  case NVVM::VoteSyncKind::uni:
    return replace(op,
                   LLVM::OrOp::create(b, is(LLVM::ICmpPredicate::eq, mask),
                                      is(LLVM::ICmpPredicate::eq, b.i32(0))));
  }
  llvm_unreachable("all kinds are handled");
}

/// The shapes of moert_emulator_mma_t; -1: another.
static int32_t findShape(NVVM::MmaOp op) {
  using NVVM::MMATypes;
  auto shape = op.getShape();
  auto a = op.getMultiplicandAPtxType(), second = op.getMultiplicandBPtxType();
  if (op.getLayoutA() != NVVM::MMALayout::row ||
      op.getLayoutB() != NVVM::MMALayout::col || shape.getM() != 16 ||
      shape.getN() != 8 ||
      op.getIntOverflowBehavior() == NVVM::MMAIntOverflow::satfinite)
    return -1;
  if (shape.getK() == 16 && a == MMATypes::bf16 && second == MMATypes::bf16)
    return MOERT_EMULATOR_MMA_M16N8K16_BF16;
  if (shape.getK() == 32 && a == MMATypes::s8 && second == MMATypes::s8)
    return MOERT_EMULATOR_MMA_M16N8K32_S8S8;
  if (shape.getK() == 32 && a == MMATypes::s8 && second == MMATypes::u8)
    return MOERT_EMULATOR_MMA_M16N8K32_S8U8;
  return -1;
}

LogicalResult Kernel::multiply(NVVM::MmaOp op) {
  int32_t shape = findShape(op);
  if (shape < 0)
    return op.emitOpError("has a shape, types or layouts that the emulator "
                          "does not know");
  Value result = b.room(3);
  b.multiply(shape, b.spill(0, op.getOperandA()), b.spill(1, op.getOperandB()),
             b.spill(2, op.getOperandC()), result, nextSite());
  return replace(op, b.reload(result, op.getType()));
}

LogicalResult Kernel::loadMatrix(NVVM::LdMatrixOp op) {
  if (op.getEltType() != NVVM::LdStMatrixEltType::B16 ||
      op.getShape().getM() != 8 || op.getShape().getN() != 8)
    return op.emitOpError(
        "has a shape or type that the emulator does not know");
  Value result = b.room(3);
  b.loadMatrix(op.getNum(), op.getLayout() == NVVM::MMALayout::col, op.getPtr(),
               result, nextSite());
  return replace(op, b.reload(result, op.getType()));
}

LogicalResult Kernel::copy(NVVM::CpAsyncOp op) {
  Value bytes = b.i32(op.getSize());
  b.copyAsync(op.getDst(), op.getSrc(), bytes,
              op.getCpSize() ? op.getCpSize() : bytes, nextSite());
  return drop(op);
}

LogicalResult Kernel::waitForCopies(NVVM::CpAsyncWaitGroupOp op) {
  if (!isDefect(waits, defects.wait))
    b.waitCopies(b.i32(op.getN()));
  return drop(op);
}

LogicalResult Kernel::dot(NVVM::DotAccumulate4WayOp op) {
  auto widen = [&](Value bytes, NVVM::DotAccumulateType type) -> Value {
    Type wide = VectorType::get({4}, b.getI32Type());
    if (type == NVVM::DotAccumulateType::SIGNED)
      return LLVM::SExtOp::create(b, wide, bytes);
    return LLVM::ZExtOp::create(b, wide, bytes);
  };
  Value products = LLVM::MulOp::create(b, widen(op.getA(), op.getAType()),
                                       widen(op.getB(), op.getBType()));
  Value sum = LLVM::vector_reduce_add::create(b, b.getI32Type(), products);
  return replace(op, LLVM::AddOp::create(b, sum, op.getC()));
}

LogicalResult Kernel::rewrite(Operation *op) {
  b.setInsertionPoint(op);
  b.setLoc(op->getLoc());
  if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
    return b.rewriteAddress(address);
  if (!isa<NVVM::NVVMDialect>(op->getDialect()))
    return rewriteHost(op);
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](NVVM::Barrier0Op o) { return plainBarrier(o, {}, {}); })
      .Case([&](NVVM::BarrierOp o) { return barrier(o); })
      .Case([&](NVVM::SyncWarpOp o) {
        b.syncWarp(o.getMask(), nextSite());
        return drop(o);
      })
      .Case([&](NVVM::ShflOp o) { return shuffle(o); })
      .Case([&](NVVM::VoteSyncOp o) { return vote(o); })
      .Case([&](NVVM::MmaOp o) { return multiply(o); })
      .Case([&](NVVM::LdMatrixOp o) { return loadMatrix(o); })
      .Case([&](NVVM::CpAsyncOp o) { return copy(o); })
      .Case([&](NVVM::CpAsyncCommitGroupOp o) {
        b.commitCopies();
        return drop(o);
      })
      .Case([&](NVVM::CpAsyncWaitGroupOp o) { return waitForCopies(o); })
      .Case([&](NVVM::DotAccumulate4WayOp o) { return dot(o); })
      // Hints, and orders that a single processor keeps anyway.
      .Case<NVVM::PrefetchOp, NVVM::MembarOp>([&](auto o) { return drop(o); })
      .Default([&](Operation *o) { return special(o); });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct Emulate : moe::cuda::impl::EmulatePassBase<Emulate> {
  using EmulatePassBase::EmulatePassBase;

  void runOnOperation() override {
    for (auto kernels : getOperation().getOps<gpu::GPUModuleOp>())
      if (failed(emulate(kernels)))
        return signalPassFailure();
  }

private:
  LogicalResult emulate(gpu::GPUModuleOp kernels) {
    Operation *last = kernels;
    for (Operation &op : *kernels.getBody()) {
      if (auto global = dyn_cast<LLVM::GlobalOp>(op)) {
        if (failed(copyConstant(global, last)))
          return failure();
        continue;
      }
      auto kernel = dyn_cast<LLVM::LLVMFuncOp>(op);
      if (!kernel || kernel.isExternal())
        return op.emitOpError("is not known to the emulator");
      Kernel copy(kernel, last, getDefects(kernel.getName()));
      if (failed(copy.run()))
        return failure();
      last = copy.getFunction();
    }
    return success();
  }

  /// Puts the host's copy of a constant behind `last`.
  LogicalResult copyConstant(LLVM::GlobalOp global, Operation *&last) {
    // The emulator itself has the shared memory.
    if (global.getAddrSpace() == kShared &&
        global.getLinkage() == LLVM::Linkage::External)
      return success();
    if (!global.getConstant() || !global.getValueOrNull())
      return global.emitOpError("is neither a constant nor the shared memory");
    OpBuilder b(global.getContext());
    b.setInsertionPointAfter(last);
    last = LLVM::GlobalOp::create(
        b, global.getLoc(), global.getType(), /*isConstant=*/true,
        LLVM::Linkage::Internal, (kEmulatedPrefix + global.getSymName()).str(),
        global.getValueOrNull(), global.getAlignment().value_or(0));
    return success();
  }

  Defects getDefects(StringRef name) const {
    if (!kernel.empty() && kernel != name)
      return {};
    return {dropBarrier, shiftIndex, dropWait};
  }
};

} // namespace
