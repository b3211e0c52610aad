// Twice moves nothing that once did not.
// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches --sched-insert-prefetch=predictor=multi-layer \
// RUN:   --sched-hoist-prefetch -o %t.once
// RUN: moe-opt %t.once --sched-hoist-prefetch -o %t.twice
// RUN: cmp %t.once %t.twice

// RUN: moe-opt %s -o %t.before
// RUN: moe-opt %s --sched-hoist-prefetch -o %t.after
// RUN: cmp %t.before %t.after
!ids = tensor<?x2xi32>
!rows = tensor<?x8xf32>
!sure = tensor<?x2xf32>
moe.model @hand family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @d : tensor<8x8x6xf32> from [#moe.random<4, 0.5 : f32>]
  sched.cache @experts policy "lru"

  // Wanted is what somebody else chose: that could be the first of all.
  func.func @given(%x: !rows, %ids: !ids, %w: !sure) -> !rows {
    %s = moe.add %x, %x : !rows
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %y = moe.experts %s to %ids, %w gate @g up @g down @d silu : !rows, !ids, !sure
    sched.release %t
    return %y : !rows
  }

  // No wanted fetch stands in front of the guess.
  func.func @first(%x: !rows, %scores: !rows, %ids: !ids, %w: !sure) -> !rows {
    %s = moe.add %x, %x : !rows
    %next, %sure = sched.predict %scores for layer 0 choosing 2 top 2 by "hand" calibrated [1.0, 0.0] : !rows -> !ids, !sure
    %g = sched.prefetch %next confident %sure above 0.5 of layer 0 in @experts : !ids, !sure
    %t = sched.prefetch %ids of layer 0 in @experts joining %g : !ids
    sched.await %t
    %y = moe.experts %s to %ids, %w gate @g up @g down @d silu : !rows, !ids, !sure
    sched.release %t
    return %y : !rows
  }
}
