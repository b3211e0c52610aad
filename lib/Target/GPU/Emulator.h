//===- Emulator.h - short words for calls of the emulator -------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_GPU_EMULATOR_H
#define MOE_LIB_TARGET_GPU_EMULATOR_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moert/abi/gpu.h"
#include "llvm/ADT/DenseMap.h"

namespace moe::cuda {

/// Writes code into a moert_emulated_kernel_t. What does not change while a
/// thread runs is asked for once, in a block before all others.
class Emulator : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;

  /// Makes a function of a kernel, which stays, and puts it behind `after`.
  Emulator(mlir::LLVM::LLVMFuncOp kernel, mlir::Operation *after);
  mlir::LLVM::LLVMFuncOp getFunction() const { return function; }

  Value i32(int64_t value);
  /// A register of its own that a number of 32 bits lies in as an i32.
  Value toBits(Value value);
  Value fromBits(Value bits, mlir::Type type);

  /// The shared memory, or the host's copy of a constant.
  mlir::LogicalResult rewriteAddress(mlir::LLVM::AddressOfOp op);

  // The functions of moert_emulator_t.
  Value special(moert_emulator_special_t which);
  void access(Value address, int64_t bytes, int32_t kind, int32_t site);
  void barrier(Value id, Value threads, int32_t site);
  void syncWarp(Value mask, int32_t site);
  Value shuffle(moert_emulator_shuffle_t mode, Value mask, Value bits,
                Value lane, Value clamp, int32_t site);
  Value ballot(Value mask, Value predicate, int32_t site);
  void multiply(int32_t shape, Value a, Value b, Value c, Value d,
                int32_t site);
  void loadMatrix(int32_t count, bool isTransposed, Value row, Value result,
                  int32_t site);
  void copyAsync(Value shared, Value global, Value bytes, Value from,
                 int32_t site);
  void commitCopies();
  void waitCopies(Value groups);

  /// Arrays of 4 registers on the stack, used again and again.
  static constexpr unsigned kRooms = 4;
  Value room(unsigned number);
  /// Writes registers into a room.
  Value spill(unsigned number, mlir::ValueRange registers);
  /// Reads registers from a room: one, or a struct of them.
  Value reload(Value room, mlir::Type type);

private:
  /// Writes once into the block before all others.
  Value once(Value &known, llvm::function_ref<Value()> make);
  Value call(size_t field, mlir::ValueRange arguments, mlir::Type result = {});
  Value plain(Value pointer); ///< in the host's only address space
  Value at(Value room, int64_t index);

  mlir::LLVM::LLVMFuncOp function;
  Value self; ///< moert_emulator_t
  mlir::Operation *prologueEnd = nullptr;
  llvm::DenseMap<size_t, Value> fields;
  Value specials[6], rooms[kRooms], shared;
};

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_EMULATOR_H
