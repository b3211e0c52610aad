//===- ModelLowering.h - forward as host code over raw buffers --*- C++ -*-===//
//
// What the backends share whose code runs under a host that says what happens: the
// entry of the ABI, the workspace, row sets, experts that come, rows that leave.
// A backend adds what computes.
//===----------------------------------------------------------------------===//
#ifndef MOE_HOSTCODE_MODELLOWERING_H
#define MOE_HOSTCODE_MODELLOWERING_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "moe/HostCode/BufferPlan.h"
#include "moe/HostCode/ExitCalls.h"
#include "moe/HostCode/OffloadCalls.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace moe::host {

/// Module attributes that a lowering leaves for the container.
inline constexpr llvm::StringLiteral kOperations = "moe.operations";
inline constexpr llvm::StringLiteral kWorkspaceFixed = "moe.workspace_fixed";
inline constexpr llvm::StringLiteral kWorkspacePerRow = "moe.workspace_per_row";

/// Columns of each of the sums that quantised rows come with.
inline constexpr int64_t sumColumns = 32;

/// A quantised tensor in memory.
struct QuantizedRows {
  mlir::Value levels; ///< <?xKxi8>, K whole steps of 64; zeros fill up
  mlir::Value scales; ///< <?x1xf32>
  mlir::Value sums;   ///< <?xSxi32>: of each 32 levels, then of all
};

/// A buffer of the workspace and what it takes per row.
struct Buffer {
  mlir::Value memref;
  mlir::Value rows;
  uint64_t offset = 0;
  bool inWorkspace = true;
};

/// The buffers of a quantised value.
struct QuantizedBuffer {
  QuantizedRows parts;
  mlir::Value rows;
  mlir::SmallVector<uint64_t, 3> offsets;
};

class ModelLowering {
public:
  using Value = mlir::Value;

  /// `backend` is named in diagnostics.
  ModelLowering(mlir::ModuleOp module, ModelOp model,
                mlir::func::FuncOp forward, llvm::StringRef backend)
      : module(module), model(model), forward(forward), backend(backend),
        plan(model),
        b(forward.getLoc(), mlir::OpBuilder::atBlockEnd(module.getBody())) {}
  virtual ~ModelLowering() = default;

  mlir::LogicalResult run();

protected:
  /// Lowers an operation that computes.
  virtual mlir::LogicalResult lowerOperation(mlir::Operation *op) = 0;
  /// Copies a table of rows.
  virtual void copyRows(Value from, Value to) = 0;
  /// Called at the entry of forward, where arguments are known.
  virtual void enterForward() {}

  mlir::LogicalResult lower(mlir::Operation *op);
  mlir::LogicalResult lowerAll(mlir::Block &block);
  /// Finds what only guesses need: it is skipped when nobody wants guesses.
  void findGuessing();
  mlir::Type pointerType();
  Value argument(int64_t offset, mlir::Type type);
  void beginEntry();
  void endEntry();
  /// Code with exits fails, rather than crashes, under a runtime without.
  void guardEntry();
  Buffer allocate(Value rows, int64_t columns, mlir::Type element);
  /// Room for a row set, or for one number per row: its address.
  Value allocateNumbers(uint64_t &offset);
  Value defineNumbers(Value value, Value address, Value count,
                      uint64_t offset);
  /// Scratch of an operation: freed right after it. `perRow` rows for each row
  /// of the batch.
  Value scratch(Value rows, int64_t perRow, int64_t columns, mlir::Type element);
  /// Integers whose number does not depend on the rows.
  Value fixedScratch(int64_t count, uint64_t &offset);
  /// The table that rows are put into after `value`, if only they are.
  static Value getLastTable(Value value);
  Value result(Value value, Value rows);
  void releaseAfter(mlir::Operation *op);
  /// Whether nobody reads a value behind an operation, which reads it once.
  bool isLastRead(Value value, mlir::Operation *last);
  /// A copy of `input`, as `result`, that an operation may change: input's own
  /// buffer, if nobody needs it any more.
  Value changeable(Value input, Value result, mlir::Operation *op);
  Value bufferOf(Value value);
  Value rowsOf(Value value);
  static bool isQuantized(Value value);
  static int64_t rotationOf(Value value);
  /// Columns and element type of each part of quantised rows.
  mlir::SmallVector<std::pair<int64_t, mlir::Type>, 3> partsOf(int64_t features);
  void defineQuantized(Value value, Value rows);
  /// Appends what a kernel takes for quantised scratch rows.
  void addQuantizedScratch(mlir::SmallVectorImpl<Value> &args, Value rows,
                           int64_t perRow, int64_t features);
  /// Appends rows as a kernel takes them: a buffer, or three.
  void addRows(mlir::SmallVectorImpl<Value> &args, Value value);
  Value parameterSlot(int64_t index);
  WeightOp weightOf(mlir::FlatSymbolRefAttr symbol);
  /// A weight as a matrix; a vector becomes one row. A stored weight is its
  /// address.
  Value weight(mlir::FlatSymbolRefAttr symbol);
  Value ropeTable(mlir::FlatSymbolRefAttr symbol);
  /// Whether an operation has rows to work on, where it may have none: rows
  /// leave, and of a prompt not all are wanted. Null: it always has.
  Value someRows(mlir::Operation *op);
  /// What only guesses need waits for somebody who wants them; what has no rows
  /// is skipped.
  void unlessIdle(llvm::function_ref<void()> emit);
  /// Tells the runtime, if it asked, that operation `index` starts.
  void trace(int64_t index);
  void beginOperation(mlir::Operation *op, llvm::StringRef label);
  /// This operation and those right behind it that are linear in the same
  /// input: queries, keys and values become one kernel.
  mlir::SmallVector<LinearOp> linearsFrom(LinearOp op);
  void whenActive(llvm::function_ref<void()> emit);
  void lowerOp(sched::RecordOp op);
  void lowerOp(sched::PrefetchOp op);
  void lowerOp(sched::CancelOp op);
  /// Calls the runtime with room for the row sets that an operation gives.
  void defineSets(mlir::Operation *op,
                  llvm::function_ref<mlir::SmallVector<Value>(mlir::ValueRange)> call);
  void lowerOp(EnterOp op);
  void lowerOp(ExitOp op);
  void lowerOp(ResumeOp op);
  void lowerOp(ParkOp op);
  void lowerOp(CertainOp op);
  /// The runtime knows experts by the layers of the plan: another number would
  /// bring other experts.
  mlir::LogicalResult verifyLayer(sched::LaunchOp op);
  mlir::LogicalResult lowerLaunch(sched::LaunchOp op);

  mlir::ModuleOp module;
  ModelOp model;
  mlir::func::FuncOp forward;
  llvm::StringRef backend;
  ParameterPlan plan;
  KernelBuilder b;
  BufferPlan buffersPlan;
  llvm::DenseMap<Value, Buffer> buffers;
  llvm::DenseMap<Value, QuantizedBuffer> quantized;
  mlir::SmallVector<uint64_t> scratchOffsets;
  OffloadCalls offload;
  ExitCalls exits;
  bool hasExits = false;
  int64_t exitCount = 0; ///< lowered so far
  mlir::func::FuncOp entry;
  llvm::SmallPtrSet<mlir::Operation *, 32> guessing; ///< what only guesses need
  bool isGuess = false; ///< whether the operation being lowered is one of them
  Value active; ///< whether it has rows; null: always
  std::vector<std::string> operations;
  uint64_t fixedBytes = 0;
  Value env, arguments, parameters, kv, capacity, workspace, batchRows, fixedSize;
};

} // namespace moe::host

#endif // MOE_HOSTCODE_MODELLOWERING_H
