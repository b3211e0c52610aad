// RUN: moe-opt %s --sched-launch-early | FileCheck %s

// What stands between await and release stays where it was, with an effect or
// without; a launch stands where the experts stood.
!ids = tensor<?x2xi32>
!rows = tensor<?x4xf32>
!weights = tensor<?x2xf32>
moe.model @m family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  sched.cache @experts policy "lru" holds 4

  // CHECK-LABEL: @between(
  func.func @between(%x: !rows, %l: tensor<?x8xf32>, %ids: !ids, %w: !weights, %next: !ids) -> !rows {
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %s = moe.add %x, %x : !rows
    sched.record %l, %ids, %w of layer 0 : tensor<?x8xf32>, !ids, !weights
    %y = moe.experts %s to %ids, %w gate @g up @g down @d silu : !rows, !ids, !weights
    %t1 = sched.prefetch %next of layer 1 in @experts : !ids
    %z = moe.add %y, %s : !rows
    sched.release %t
    sched.await %t1
    %y1 = moe.experts %z to %next, %w gate @g1 up @g1 down @d silu : !rows, !ids, !weights
    sched.release %t1
    return %y1 : !rows
    // CHECK-NEXT: %wanted.0 = sched.prefetch
    // CHECK-NEXT: %[[S:.+]] = moe.add
    // CHECK-NEXT: sched.record
    // CHECK-NEXT: %experts.0 = sched.launch %wanted.0 : tensor<?x4xf32> {
    // CHECK-NEXT:   %[[Y:.+]] = moe.experts %[[S]] to %arg2, %arg3
    // CHECK-NEXT:   sched.yield %[[Y]] : tensor<?x4xf32>
    // CHECK-NEXT: }
    // CHECK-NEXT: %wanted.1 = sched.prefetch
    // CHECK-NEXT: moe.add %experts.0, %[[S]]
    // CHECK-NEXT: %experts.1 = sched.launch %wanted.1
    // CHECK-NOT: sched.release
    // CHECK: return %experts.1
  }

  // Of the same choice, fetched twice, each experts has its own fetch.
  // CHECK-LABEL: @again(
  func.func @again(%x: !rows, %ids: !ids, %w: !weights) -> !rows {
    // CHECK: %[[T:.+]] = sched.prefetch
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    // CHECK-NEXT: %[[Y:.+]] = sched.launch %[[T]]
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : !rows, !ids, !weights
    sched.release %t
    // CHECK: %[[U:.+]] = sched.prefetch
    %u = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %u
    // CHECK-NEXT: sched.launch %[[U]]
    // CHECK-NEXT: moe.experts %[[Y]]
    %z = moe.experts %y to %ids, %w gate @g up @g down @d silu : !rows, !ids, !weights
    sched.release %u
    return %z : !rows
  }
}
