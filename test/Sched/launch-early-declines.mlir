// RUN: moe-opt %s -o %t.before
// RUN: moe-opt %s --sched-launch-early -o %t.after
// RUN: cmp %t.before %t.after

!ids = tensor<?x2xi32>
!rows = tensor<?x4xf32>
!weights = tensor<?x2xf32>
moe.model @m family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru" holds 4

  // A launch is of one.
  func.func @two(%x: !rows, %ids: !ids, %w: !weights) -> !rows {
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : !rows, !ids, !weights
    %z = moe.experts %y to %ids, %w gate @g up @g down @d silu : !rows, !ids, !weights
    sched.release %t
    return %z : !rows
  }

  // Nothing computes with what is awaited.
  func.func @unused(%ids: !ids) {
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    sched.release %t
    return
  }

  // It is launched already.
  func.func @launched(%x: !rows, %ids: !ids, %w: !weights) -> !rows {
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    %y = sched.launch %t : !rows {
      %z = moe.experts %x to %ids, %w gate @g up @g down @d silu : !rows, !ids, !weights
      sched.yield %z : !rows
    }
    return %y : !rows
  }
}
