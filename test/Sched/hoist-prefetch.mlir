// Two guesses behind one fetch: each comes before the record and the experts of
// layer 0, and they keep their order.

// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches --sched-insert-prefetch="predictor=previous-layer ahead=2" \
// RUN:   --sched-insert-prefetch="predictor=previous-layer ahead=1" -o %t.inserted
// RUN: moe-opt %t.inserted --sched-hoist-prefetch -o %t.hoisted
// RUN: FileCheck %s <%t.hoisted
// CHECK: %wanted.0 = sched.prefetch
// CHECK-NOT: moe.
// CHECK: sched.predict {{.*}} for layer 2
// CHECK-NEXT: %guess.2 = sched.prefetch
// CHECK-NOT: moe.
// CHECK: sched.predict {{.*}} for layer 3
// CHECK-NEXT: %guess.3 = sched.prefetch
// CHECK-NEXT: sched.record
// CHECK: sched.await %wanted.0
// CHECK: %wanted.2 = sched.prefetch {{.*}} joining %guess.2
// CHECK: %wanted.3 = sched.prefetch {{.*}} joining %guess.3

// RUN: moe-opt %s --sched-hoist-prefetch | FileCheck %s --check-prefix=HAND
!at = tensor<?xi32>
!ids = tensor<?x2xi32>
!rows = tensor<?x8xf32>
!sure = tensor<?x2xf32>
moe.model @hand family "null" context 4 vocabulary 8 from "." {
  moe.weight @r : tensor<8x8xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g0 : tensor<8x6x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @d : tensor<8x8x6xf32> from [#moe.random<4, 0.5 : f32>]
  sched.cache @experts policy "lru"

  // What others need stays, and the guess behind it; what only the guess needs
  // goes with it; a wanted fetch goes up to its router.
  // HAND-LABEL: @needed(
  // HAND: %wanted.0 = sched.prefetch
  // HAND-NEXT: moe.add
  // HAND-NEXT: sched.await
  // HAND: sched.release
  // HAND-NEXT: %[[SUM:.+]] = moe.add
  // HAND-NEXT: moe.linear %[[SUM]]
  // HAND-NEXT: sched.predict
  // HAND-NEXT: %guess.1 = sched.prefetch
  // HAND-NEXT: moe.mlp
  // HAND-NEXT: %chosen_{{.*}} = moe.route %[[SUM]]
  // HAND-NEXT: %wanted.1 = sched.prefetch
  // HAND-NEXT: moe.add
  func.func @needed(%x: !rows) -> !rows {
    %h = moe.add %x, %x : !rows
    %ids, %w = moe.route %h top 2 softmax scale 1.0 : !rows -> !ids, !sure
    %s = moe.add %h, %h : !rows
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %y = moe.experts %s to %ids, %w gate @g0 up @g0 down @d silu : !rows, !ids, !sure
    sched.release %t
    %z = moe.add %y, %s : !rows
    %m = moe.mlp %z gate @r up @r down @r silu : !rows
    %l = moe.linear %z by @r : !rows -> !rows
    %ids1, %w1 = moe.route %z top 2 softmax scale 1.0 : !rows -> !ids, !sure
    %next, %sure = sched.predict %l for layer 1 choosing 2 top 2 by "hand" calibrated [1.0, 0.0] : !rows -> !ids, !sure
    %g = sched.prefetch %next confident %sure above 0.5 of layer 1 in @experts : !ids, !sure
    %n = moe.add %m, %z : !rows
    %t1 = sched.prefetch %ids1 of layer 1 in @experts joining %g : !ids
    sched.await %t1
    %y1 = moe.experts %n to %ids1, %w1 gate @g1 up @g1 down @d silu : !rows, !ids, !sure
    sched.release %t1
    return %y1 : !rows
  }

  // What is looked up by position could be first of all, but its place is in the
  // layer in which it was guessed.
  // HAND-LABEL: @looked_up(
  // HAND: %wanted.0 = sched.prefetch
  // HAND-NEXT: moe.embed %arg1
  // HAND-NEXT: sched.predict
  // HAND-NEXT: %guess.1 = sched.prefetch
  // HAND-NEXT: sched.await %wanted.0
  func.func @looked_up(%x: !rows, %at: !at) -> !rows {
    %h = moe.add %x, %x : !rows
    %ids, %w = moe.route %h top 2 softmax scale 1.0 : !rows -> !ids, !sure
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %y = moe.experts %h to %ids, %w gate @g0 up @g0 down @d silu : !rows, !ids, !sure
    sched.release %t
    %l = moe.embed %at by @r : !at -> !rows
    %next, %sure = sched.predict %l for layer 1 choosing 2 top 2 by "hand" calibrated [1.0, 0.0] : !rows -> !ids, !sure
    %g = sched.prefetch %next confident %sure above 0.5 of layer 1 in @experts : !ids, !sure
    %ids1, %w1 = moe.route %y top 2 softmax scale 1.0 : !rows -> !ids, !sure
    %t1 = sched.prefetch %ids1 of layer 1 in @experts joining %g : !ids
    sched.await %t1
    %y1 = moe.experts %y to %ids1, %w1 gate @g1 up @g1 down @d silu : !rows, !ids, !sure
    sched.release %t1
    return %y1 : !rows
  }
}
