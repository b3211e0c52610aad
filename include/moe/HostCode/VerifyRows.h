//===- VerifyRows.h - every row number names a row that is there -*- C++ -*-===//
#ifndef MOE_HOSTCODE_VERIFYROWS_H
#define MOE_HOSTCODE_VERIFYROWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/DenseMap.h"

namespace moe::host {

/// The arguments of @forward.
enum Argument { Tokens, Sequences, Positions, Wanted, State };

/// Compiled code checks no index. A list of numbers has a *kind of rows*, one
/// for each of its elements, and names rows of another kind; both are known by
/// the value that first had them: the batch's tokens, the wanted entries, what
/// an exit let go on. Tables have a kind of rows, too, and only equal kinds meet.
class RowVerifier {
public:
  RowVerifier(mlir::func::FuncOp forward, llvm::StringRef backend);

  /// Checks the rows of what an operation takes, and notes those of its
  /// results.
  mlir::LogicalResult verify(mlir::Operation *op);
  /// What a launch's body yields becomes the launch's.
  void rename(mlir::Value inner, mlir::Value outer);
  /// Fails unless a table has one row for each wanted entry.
  mlir::LogicalResult verifyLogits(mlir::Operation *op, mlir::Value logits);
  /// Fails unless `numbers` are those of an argument, in whatever rows.
  mlir::LogicalResult verifyOrigin(mlir::Operation *op, mlir::Value numbers,
                                   Argument argument);

private:
  using Value = mlir::Value;

  mlir::LogicalResult verifyPick(PickOp op);
  mlir::LogicalResult verifyPlace(PlaceOp op);
  mlir::LogicalResult verifyEnter(EnterOp op);
  mlir::LogicalResult verifyExit(ExitOp op);
  bool takesLastSets(ExitOp op);
  mlir::LogicalResult noteCertain(CertainOp op);
  mlir::LogicalResult verifyResume(ResumeOp op);
  mlir::LogicalResult verifyPark(ParkOp op);
  /// All tables and lists have one kind of rows, which the results get.
  mlir::LogicalResult verifyAlike(mlir::Operation *op);
  mlir::LogicalResult verifySame(mlir::Operation *op, Value a, Value b);
  mlir::LogicalResult verifyBatch(mlir::Operation *op, mlir::ValueRange values);

  Value batch() { return forward.getArgument(Tokens); }
  Value wanted() { return forward.getArgument(Wanted); }

  mlir::func::FuncOp forward;
  llvm::StringRef backend;
  llvm::DenseMap<Value, Value> rows;   ///< kind of rows of a table or list
  llvm::DenseMap<Value, Value> named;  ///< kind of rows that a list names
  llvm::DenseMap<Value, Value> origin; ///< argument that picked numbers are of
  EnterOp entered;
  ExitOp lastExit; ///< the runtime knows the rows that it let go on
};

} // namespace moe::host

#endif // MOE_HOSTCODE_VERIFYROWS_H
