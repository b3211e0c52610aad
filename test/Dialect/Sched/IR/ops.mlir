// RUN: moe-opt %s --verify-roundtrip | FileCheck %s
// RUN: moe-opt %s --mlir-print-op-generic | moe-opt | FileCheck %s
// RUN: moe-opt %s --emit-bytecode | moe-opt | FileCheck %s

// Every operation, in the form in which it is printed, and how values are called.

// CHECK-LABEL: moe.model @tiny
moe.model @tiny family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @layers.5.experts.gate : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]

  // CHECK: sched.cache @experts policy "lru" holds 12 partition [5, 7]
  sched.cache @experts policy "lru" holds 12 partition [5, 7]

  // CHECK: func.func @launched(%[[X:.+]]: tensor<?x4xf32>, %[[LOGITS:.+]]: tensor<?x8xf32>, %[[IDS:.+]]: tensor<?x2xi32>, %[[W:.+]]: tensor<?x2xf32>)
  func.func @launched(%x: tensor<?x4xf32>, %logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x4xf32> {
    // CHECK: %distribution = sched.distribution %[[LOGITS]] : tensor<?x8xf32>
    %0 = sched.distribution %logits : tensor<?x8xf32>
    // CHECK: %scores = sched.blend %distribution, %[[LOGITS]] by [0.6, -1.0e-30] : tensor<?x8xf32>
    %1 = sched.blend %0, %logits by [0.6, -1.0e-30] : tensor<?x8xf32>
    // CHECK: %scores_0 = sched.blend %scores by peaks : tensor<?x8xf32>
    %2 = sched.blend %1 by peaks : tensor<?x8xf32>
    // CHECK: %guessed.5, %sure.5 = sched.predict %scores_0 for layer 5 choosing 2 top 4 by "pattern" calibrated [1.5, -0.3] : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    %3, %4 = sched.predict %2 for layer 5 choosing 2 top 4 by "pattern" calibrated [1.5, -0.3]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    // CHECK: %guess.5 = sched.prefetch %guessed.5 confident %sure.5 above 0.5 of layer 5 in @experts : tensor<?x4xi32>, tensor<?x4xf32>
    %5 = sched.prefetch %3 confident %4 above 0.5 of layer 5 in @experts : tensor<?x4xi32>, tensor<?x4xf32>
    // CHECK: sched.record %[[LOGITS]], %[[IDS]], %[[W]] of layer 5 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.record %logits, %ids, %w of layer 5 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    // CHECK: %wanted.5 = sched.prefetch %[[IDS]] of layer 5 in @experts joining %guess.5 : tensor<?x2xi32>
    %6 = sched.prefetch %ids of layer 5 in @experts joining %5 : tensor<?x2xi32>
    // CHECK: %experts.5 = sched.launch %wanted.5 : tensor<?x4xf32> {
    %7 = sched.launch %6 : tensor<?x4xf32> {
      // CHECK: %[[Y:.+]] = moe.experts %[[X]]
      %y = moe.experts %x to %ids, %w gate @layers.5.experts.gate up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      // CHECK: sched.yield %[[Y]] : tensor<?x4xf32>
      sched.yield %y : tensor<?x4xf32>
    }
    // CHECK: return %experts.5
    return %7 : tensor<?x4xf32>
  }

  // CHECK: func.func @awaited
  func.func @awaited(%x: tensor<3x4xf32>, %logits: tensor<3x8xf32>, %ids: tensor<3x2xi32>, %w: tensor<?x2xf32>) -> tensor<3x4xf32> {
    %next, %sure = sched.predict %logits for layer 4 choosing 2 top 1 by "" calibrated [1.0, 0.0]
      : tensor<3x8xf32> -> tensor<3x1xi32>, tensor<?x1xf32>
    %0 = sched.prefetch %next confident %sure above 0.0 of layer 4 in @experts : tensor<3x1xi32>, tensor<?x1xf32>
    // CHECK: sched.cancel %guess.4
    sched.cancel %0
    // CHECK: %wanted.4 = sched.prefetch
    %1 = sched.prefetch %ids of layer 4 in @experts : tensor<3x2xi32>
    // CHECK-NEXT: sched.await %wanted.4
    sched.await %1
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<3x4xf32>, tensor<3x2xi32>, tensor<?x2xf32>
    %z = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<3x4xf32>, tensor<3x2xi32>, tensor<?x2xf32>
    // CHECK: sched.release %wanted.4
    sched.release %1
    // A launch may yield more than the experts, or less.
    %2 = sched.prefetch %ids of layer 4 in @experts : tensor<3x2xi32>
    // CHECK: %experts.4:2 = sched.launch %{{.+}} : tensor<3x4xf32>, tensor<3x4xf32> {
    %all:2 = sched.launch %2 : tensor<3x4xf32>, tensor<3x4xf32> {
      %r = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<3x4xf32>, tensor<3x2xi32>, tensor<?x2xf32>
      %s = moe.add %r, %x : tensor<3x4xf32>
      sched.yield %r, %s : tensor<3x4xf32>, tensor<3x4xf32>
    }
    %3 = sched.prefetch %ids of layer 4 in @experts : tensor<3x2xi32>
    // CHECK: sched.launch %{{[^ ]+}} {
    sched.launch %3 {
      %r = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<3x4xf32>, tensor<3x2xi32>, tensor<?x2xf32>
    }
    return %all#0 : tensor<3x4xf32>
  }

  // A guess that is kept where rows go on keeps its name.
  // CHECK: func.func @left
  func.func @left(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    %0 = sched.prefetch %ids confident %w above 0.5 of layer 4 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // CHECK: %guess.4_0 = sched.cancel %guess.4 unless %{{.+}} : !sched.token
    %1 = sched.cancel %0 unless %rows : !sched.token
    // CHECK: %guess.4_1 = sched.cancel %guess.4_0 unless %{{.+}} : !sched.token
    %2 = sched.cancel %1 unless %rows : !sched.token
    // CHECK: joining %guess.4_1 : tensor<?x2xi32>
    %3 = sched.prefetch %ids of layer 4 in @experts joining %2 : tensor<?x2xi32>
    // CHECK: sched.cancel %wanted.4{{$}}
    sched.cancel %3
    return
  }
}

// CHECK: moe.model @dense
moe.model @dense family "null" context 16 vocabulary 8 from "." {
  // CHECK: sched.cache @places policy "belady"{{$}}
  sched.cache @places policy "belady"
}
