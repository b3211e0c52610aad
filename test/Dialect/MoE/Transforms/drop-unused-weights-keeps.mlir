// RUN: moe-opt %s --moe-drop-unused-weights | FileCheck %s --implicit-check-not=moe.weight --implicit-check-not=moe.rope_table

// Every place that can name a weight counts as a use, the optional ones too.
// CHECK-LABEL: moe.model @keeps
moe.model @keeps family "null" context 4 vocabulary 8 from "." {
  // CHECK: moe.weight @embed
  // CHECK: moe.weight @bias
  // CHECK: moe.weight @down
  // CHECK: moe.weight @shared
  // CHECK: moe.weight @up
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @bias : tensor<8xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @down : tensor<4x8xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @shared : tensor<1x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @up : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%tokens: tensor<?xi32>) -> tensor<?x8xf32> {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %y = moe.mlp %x gate @up up @up down @down silu gated by @shared : tensor<?x4xf32>
    %z = moe.linear %y by @embed bias @bias : tensor<?x4xf32> -> tensor<?x8xf32>
    return %z : tensor<?x8xf32>
  }
}

// No function, no use.
// CHECK-LABEL: moe.model @drops_all
moe.model @drops_all family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.rope_table @rope half frequencies [1.0] gain 1.0
}
