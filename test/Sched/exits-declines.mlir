// Nothing is computed between the exit, where most rows leave, and the choice
// behind it: a guess there would come no earlier than what is wanted.
// RUN: moe-opt %s -o %t.before
// RUN: moe-opt %s --sched-insert-prefetch=predictor=cross-layer-gate -o %t.after
// RUN: cmp %t.before %t.after

// Where fewer leave, it is made in front of the exit.
// RUN: sed 's/taken 0.75/taken 0.25/' %s | moe-opt --sched-insert-prefetch=predictor=cross-layer-gate | FileCheck %s
// CHECK: %guess.1 = sched.prefetch
// CHECK: moe.exit
// CHECK-NEXT: sched.cancel %guess.1
!set = tensor<?xi32>
!ids = tensor<?x2xi32>
!rows = tensor<?x8xf32>
!weights = tensor<?x2xf32>
!score = tensor<?x1xf32>
!kv = !moe.kv<1 x 1 x 8 x f32>
moe.model @bare family "null" context 4 vocabulary 8 from "." {
  moe.weight @r : tensor<8x8xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g0 : tensor<8x6x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @d : tensor<8x8x6xf32> from [#moe.random<4, 0.5 : f32>]
  moe.weight @d1 : tensor<8x8x6xf32> from [#moe.random<5, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: !set, %sequences: !set, %positions: !set, %wanted: !set, %kv: !kv) -> (!rows, !kv) {
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions
    %x = moe.embed %tokens by @r : !set -> !rows
    %l = moe.linear %x by @r : !rows -> !rows
    %ids, %w = moe.route %l top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %y = moe.experts %x to %ids, %w gate @g0 up @g0 down @d silu : !rows, !ids, !weights
    sched.release %t
    %rows = moe.pick %wanted rows %asking : !set, !set -> !set
    %c = moe.pick %y rows %rows : !rows, !set -> !rows
    %out = moe.linear %c by @r : !rows -> !rows
    %sure = moe.confidence top1 %out : !rows -> !score
    %running1, %gone1, %due1, %kept1, %leaving1 = moe.exit %sure by "top1" above 0.9 after 1 taken 0.75
      asking %asking running %running due %due of %wanted at %sequences, %positions : !score
    %y1 = moe.pick %y rows %running1 : !rows, !set -> !rows
    %l1 = moe.linear %y1 by @r : !rows -> !rows
    %ids1, %w1 = moe.route %l1 top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t1 = sched.prefetch %ids1 of layer 1 in @experts : !ids
    sched.await %t1
    %z1 = moe.experts %y1 to %ids1, %w1 gate @g1 up @g1 down @d1 silu : !rows, !ids, !weights
    sched.release %t1
    return %z1, %kv : !rows, !kv
  }
}
