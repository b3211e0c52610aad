//===- ExitInserter.h - rewrites a model so that rows may leave -*- C++ -*-===//
#ifndef MOE_EXIT_TRANSFORMS_EXITINSERTER_H
#define MOE_EXIT_TRANSFORMS_EXITINSERTER_H

#include "ExitPlan.h"
#include "LightHead.h"
#include "moe/Analysis/DecoderStack.h"

namespace moe {

/// Rows between two exits are close together: `running` says which of the
/// batch's they are. What is known of rows by their numbers in the batch lies
/// in tables. The layers' own operations stay as they are, their operands
/// change.
class ExitInserter {
public:
  /// `light`: where the plan has no other head.
  ExitInserter(ModelOp model, DecoderStack stack, const ExitPlan &plan,
               const ExitPolicy &policy, std::optional<LightHead> light);
  void run();

private:
  /// In front of the first layer.
  void enter();
  void insertExit(size_t number);
  /// What the policy may ask for, of the entries that ask.
  ExitSite describe(const ExitPlan::Exit &exit, mlir::Value all);
  /// Of entries that leave; `now` are the features of all rows.
  void placeLogits(ExitOp exit, mlir::Value now);
  /// From `layer` on, `running` rows run, with their features in `all`.
  void letRun(DecoderLayer &layer);
  /// Rows that are gone store keys and values in the layers up to `end`.
  void storeGone(int64_t begin, int64_t end);
  /// Behind the last layer.
  void leave();

  /// Features of all rows, with `rows` those of the running ones.
  mlir::Value placeAll(mlir::Value rows);
  /// Features in `all` of the rows that entries want.
  mlir::Value pickWanted(mlir::Value all, mlir::Value entries);
  mlir::Value pick(mlir::Value table, mlir::Value rows);
  mlir::Value place(mlir::Value rows, mlir::Value places, mlir::Value table);

  ModelOp model;
  DecoderStack stack;
  const ExitPlan &plan;
  const ExitPolicy &policy;
  std::optional<LightHead> light;
  mlir::ImplicitLocOpBuilder builder;

  mlir::Value state; ///< that keeps rows that wait; null if none do
  mlir::Value running, gone, due, asking;
  /// Features of all rows in front of layer `allBefore`, of those that are gone
  /// as they left; null as long as all rows run.
  mlir::Value all;
  int64_t allBefore = -1;
  mlir::Value logits; ///< of all entries
  /// Tokens, sequences and positions of the running rows.
  std::array<mlir::Value, 3> ofRunning;
  ExitState policyState;
  /// Of entries that ask at the exit that is inserted; null unless the policy
  /// needs logits.
  LightHead::Rows lightRows;
};

} // namespace moe

#endif // MOE_EXIT_TRANSFORMS_EXITINSERTER_H
