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

    Layers are found by structure: in front of each, one value is all that is known
    of a row, keys and values of the layers before apart, and the head begins with
    a pick of the wanted rows. What a layer is made of stays as it is.

    A `light` head knows the logits of a shortlist; scores are made of them. Where
    a row leaves, `moe.surplus` bounds the logits of all other words; if one might be
    above the best of the shortlist, the whole head is run for that row. So the best
    word is always that of the whole head. For it, the head's values are read.

    Declined is a model that has exits already, one whose layers, final norm or head
    are not found, and an exit that does not lie between two layers.

    Before:
    ```mlir
    %k = moe.linear %x by @layers.2.k : tensor<?x256xf32> -> tensor<?x64xf32>
    %v = moe.linear %x by @layers.2.v : tensor<?x256xf32> -> tensor<?x64xf32>
    %kv2 = moe.kv_append %k, %v into %kv1 layer 2 at %sequences, %positions : ...
    ```
    After `layers=2 thresholds=0.9`:
    ```mlir
    %rows = moe.pick %wanted rows %asking : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %c = moe.pick %x rows %rows : tensor<?x256xf32>, tensor<?xi32> -> tensor<?x256xf32>
    %n = moe.norm rms %c by @norm epsilon 1.0e-06 groups 1 : tensor<?x256xf32>
    %logits = moe.linear %n by @head : tensor<?x256xf32> -> tensor<?x2048xf32>
    %sure = moe.confidence top1 %logits : tensor<?x2048xf32> -> tensor<?x1xf32>
    %running.2, %gone.2, %due.2, %kept.2, %leaving.2 = moe.exit %sure by "top1" above 0.9 after 2
      asking %asking running %running due %due of %wanted at %sequences, %positions : tensor<?x1xf32>
    %out = moe.place %logits rows %asking into %zeros : ...
    %x1 = moe.pick %x rows %running.2 : ...
    %xg = moe.pick %x rows %gone.2 : ...
    %k = moe.linear %x1 by @layers.2.k : ...
    %v = moe.linear %x1 by @layers.2.v : ...
    %kg = moe.linear %xg by @layers.2.k : ...
    %vg = moe.linear %xg by @layers.2.v : ...
    %kvg = moe.kv_append %kg, %vg into %kv1 layer 2 at %sg, %pg : ...
    %kv2 = moe.kv_append %k, %v into %kvg layer 2 at %s1, %p1 : ...
    ```
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
           "What makes logits at exits: full, light">,
    ListOption<"shortlist", "shortlist", "int64_t",
               "Words whose logits a light head knows, ascending; none: a quarter of "
               "all, those with the lowest numbers">];
  let statistics = [
    Statistic<"inserted", "inserted", "Number of exits">];
}

#endif // MOE_EXIT_TRANSFORMS_PASSES_TD
