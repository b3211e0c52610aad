//===- HoistPrefetch.cpp - fetch as early as it is known what -------------===//
#include "moe/Dialect/Sched/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace moe::sched {
#define GEN_PASS_DEF_HOISTPREFETCHPASS
#include "moe/Dialect/Sched/Transforms/Passes.h.inc"
} // namespace moe::sched

using namespace mlir;
using namespace moe;
using namespace moe::sched;

namespace {

using OpSet = llvm::SmallPtrSet<Operation *, 32>;

bool isGuess(Operation *op) {
  auto fetch = dyn_cast<PrefetchOp>(op);
  return fetch && fetch.isGuess();
}

/// Guesses, and what only they need.
OpSet findGuessing(Block &block) {
  OpSet guessing;
  for (Operation &op : llvm::reverse(block)) {
    auto isGuessing = [&](Operation *user) { return guessing.contains(user); };
    if (isGuess(&op) || (isPure(&op) && !op.use_empty() &&
                         llvm::all_of(op.getUsers(), isGuessing)))
      guessing.insert(&op);
  }
  return guessing;
}

/// The last operation of the block that defines an operand; null if all
/// operands are arguments.
Operation *getLastDefinition(Operation *op) {
  Operation *last = nullptr;
  for (Value operand : op->getOperands()) {
    Operation *definition = operand.getDefiningOp();
    if (definition && definition->getBlock() == op->getBlock() &&
        (!last || last->isBeforeInBlock(definition)))
      last = definition;
  }
  return last;
}

bool isWantedFetch(Operation *op) {
  return isa<PrefetchOp>(op) && !isGuess(op);
}

/// The last wanted fetch in front; null if there is none.
Operation *getPreviousFetch(Operation *op) {
  while ((op = op->getPrevNode()))
    if (isWantedFetch(op))
      break;
  return op;
}

/// The exit that the operation stands behind; null if there is none. Who put a
/// guess there knows that it would mostly be made in vain in front of it.
Operation *getPreviousExit(Operation *op) {
  while ((op = op->getPrevNode()))
    if (isa<ExitOp>(op))
      break;
  return op;
}

/// Null lies in front of everything.
Operation *findLater(Operation *a, Operation *b) {
  if (!a || !b)
    return a ? a : b;
  return a->isBeforeInBlock(b) ? b : a;
}

struct HoistPrefetch : moe::sched::impl::HoistPrefetchPassBase<HoistPrefetch> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        hoist(block);
  }

  void hoist(Block &block) {
    OpSet guessing = findGuessing(block);
    OpSet placed;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      bool isWanted = isWantedFetch(&op);
      if (!isWanted && !guessing.contains(&op))
        continue;
      Operation *place = getLastDefinition(&op);
      if (!isWanted) {
        place = place ? findPlace(place, &op) : getPreviousFetch(&op);
        place = findLater(place, getPreviousExit(&op));
      }
      if (!place)
        continue;
      // What was placed there before stays in front.
      while (placed.contains(place->getNextNode()) &&
             place->getNextNode()->isBeforeInBlock(&op))
        place = place->getNextNode();
      placed.insert(&op);
      if (place->getNextNode() == &op)
        continue;
      op.moveAfter(place);
      ++hoisted;
    }
  }

  /// The first wanted fetch behind a definition, up to the operation itself;
  /// the definition if there is none.
  static Operation *findPlace(Operation *definition, Operation *op) {
    for (Operation *at = definition; at != op; at = at->getNextNode())
      if (isWantedFetch(at))
        return at;
    return definition;
  }
};

} // namespace
