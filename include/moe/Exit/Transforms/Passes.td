//===- Passes.td - passes that let tokens leave early ---------------------===//
#ifndef MOE_EXIT_TRANSFORMS_PASSES_TD
#define MOE_EXIT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def InsertExitsPass : Pass<"moe-insert-exits", "::moe::ModelOp"> {
  let summary = "let rows leave behind some of the layers";
  let description = [{
    Puts an exit behind each of the named numbers of layers: the final norm and
    the head, run for the rows that ask; the policy's score; a `moe.exit`. The
    layers behind it get the rows that go on, close together. Logits come from
    where each row left.

    What later rows see of a row that left is its keys and values in the layers
    behind its exit. `propagate` makes them of the features with which it left,
    by the same norms and projections. `recompute` leaves them out: the row waits,
    its features are kept with the state (`moe.park`), and it runs on, exactly as
    without exits, when a row of its sequence goes deeper (`moe.resume`).

    Declined is a model that has exits already, one whose layers, final norm or head
    are not found, and an exit that does not lie between two layers.
  }];
  let constructor = "nullptr";
  let options = [
    Option<"policy", "policy", "std::string", /*default=*/"\"top1\"",
           "Who says how sure a row is">,
    ListOption<"layers", "layers", "int64_t",
               "Numbers of layers behind which rows may leave, ascending; none: "
               "behind each layer but the last">,
    ListOption<"thresholds", "thresholds", "double",
               "Least score that leaves: one, or one for each exit; none: the "
               "policy's">,
    ListOption<"taken", "taken", "double",
               "Share of asking rows that leave at each exit, where counted">,
    Option<"state", "state", "std::string", /*default=*/"\"propagate\"",
           "Keys and values behind an exit: propagate, recompute">,
    Option<"head", "head", "std::string", /*default=*/"\"full\"",
           "What makes logits at exits: full, light">];
  let statistics = [
    Statistic<"inserted", "inserted", "Number of exits">];
}

#endif // MOE_EXIT_TRANSFORMS_PASSES_TD
