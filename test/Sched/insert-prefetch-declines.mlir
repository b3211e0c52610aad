// Nobody guesses; nothing is fetched; no layer is so far behind another; guessed
// already.
// DEFINE: %{fetched} = moe-opt %S/Inputs/layers.mlir --sched-insert-fetches
// RUN: %{fetched} -o %t.fetched
// RUN: %{fetched} --sched-insert-prefetch -o %t.nobody
// RUN: cmp %t.fetched %t.nobody
// RUN: %{fetched} --sched-insert-prefetch="predictor=cross-layer-gate ahead=3" -o %t.far
// RUN: cmp %t.fetched %t.far
// RUN: moe-opt %S/Inputs/layers.mlir -o %t.plain
// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-prefetch=predictor=cross-layer-gate -o %t.unfetched
// RUN: cmp %t.plain %t.unfetched
// RUN: %{fetched} --sched-insert-prefetch=predictor=cross-layer-gate -o %t.guessed
// RUN: moe-opt %t.guessed --sched-insert-prefetch=predictor=previous-layer -o %t.again
// RUN: cmp %t.guessed %t.again

// RUN: moe-opt %s -split-input-file -o %t.before
// RUN: moe-opt %s -split-input-file --sched-insert-prefetch=predictor=cross-layer-gate -o %t.after
// RUN: cmp %t.before %t.after
// RUN: moe-opt %s -split-input-file --sched-insert-prefetch=predictor=cross-layer-gate-output -o %t.output
// RUN: cmp %t.before %t.output

// The later layer is wanted before the earlier one is done.
!at = tensor<?xi32>
!ids = tensor<?x2xi32>
!rows = tensor<?x8xf32>
!weights = tensor<?x2xf32>
!kv = !moe.kv<2 x 1 x 8 x f32>
moe.model @beside family "null" context 4 vocabulary 8 from "." {
  moe.weight @r : tensor<8x8xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g0 : tensor<8x6x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @d : tensor<8x8x6xf32> from [#moe.random<4, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: !at, %sequences: !at, %at: !at, %wanted: !at, %kv: !kv) -> (!rows, !kv) {
    %x = moe.embed %tokens by @r : !at -> !rows
    %l = moe.linear %x by @r : !rows -> !rows
    %ids, %w = moe.route %l top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %l1 = moe.linear %x by @r : !rows -> !rows
    %ids1, %w1 = moe.route %l1 top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t1 = sched.prefetch %ids1 of layer 1 in @experts : !ids
    %y = moe.experts %x to %ids, %w gate @g0 up @g0 down @d silu : !rows, !ids, !weights
    sched.release %t
    sched.await %t1
    %y1 = moe.experts %x to %ids1, %w1 gate @g1 up @g1 down @d silu : !rows, !ids, !weights
    sched.release %t1
    %sum = moe.add %y, %y1 : !rows
    return %sum, %kv : !rows, !kv
  }
}

// -----

// Of the first layer only its launch's effect is seen, and the second is the
// first one's again.
!at = tensor<?xi32>
!ids = tensor<?x2xi32>
!rows = tensor<?x8xf32>
!weights = tensor<?x2xf32>
!kv = !moe.kv<2 x 1 x 8 x f32>
moe.model @odd family "null" context 4 vocabulary 8 from "." {
  moe.weight @r : tensor<8x8xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g0 : tensor<8x6x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @d : tensor<8x8x6xf32> from [#moe.random<4, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: !at, %sequences: !at, %at: !at, %wanted: !at, %kv: !kv) -> (!rows, !kv) {
    %x = moe.embed %tokens by @r : !at -> !rows
    %l = moe.linear %x by @r : !rows -> !rows
    %ids, %w = moe.route %l top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g0 up @g0 down @d silu : !rows, !ids, !weights
    }
    %t1 = sched.prefetch %ids of layer 1 in @experts : !ids
    %z = sched.launch %t1 : !rows {
      %y = moe.experts %x to %ids, %w gate @g1 up @g1 down @d silu : !rows, !ids, !weights
      sched.yield %y : !rows
    }
    %t2 = sched.prefetch %ids of layer 1 in @experts : !ids
    %z2 = sched.launch %t2 : !rows {
      %y = moe.experts %z to %ids, %w gate @g1 up @g1 down @d silu : !rows, !ids, !weights
      sched.yield %y : !rows
    }
    return %z2, %kv : !rows, !kv
  }
}
