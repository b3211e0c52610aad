// RUN: moe-opt %s --moe-drop-unused-weights | FileCheck %s

// Weights are public, so symbol-dce would keep them all.
// CHECK-LABEL: moe.model @tiny
moe.model @tiny family "null" context 4 vocabulary 8 from "." {
  // CHECK-NOT: @unused
  // CHECK: moe.weight @norm
  // CHECK-NOT: @unused
  // CHECK: moe.rope_table @rope
  // CHECK-NOT: @unused
  // CHECK: func.func @f
  moe.weight @unused : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @norm : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  moe.rope_table @unused_rope half frequencies [1.0] gain 1.0
  moe.rope_table @rope half frequencies [1.0] gain 1.0
  moe.weight @unused_bias : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %p: tensor<?xi32>) -> tensor<?x4xf32> {
    %h = moe.norm rms %x by @norm epsilon 1.0e-06 groups 1 : tensor<?x4xf32>
    %r = moe.rope %h at %p by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    return %r : tensor<?x4xf32>
  }
}
