// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section mlp.

moe.model @mlp family "null" context 4 vocabulary 1 from "." {
  moe.weight @g : tensor<3x2xf32> from [#moe.values<[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]>]
  moe.weight @u : tensor<3x2xf32> from [#moe.values<[1.0, 1.0, 2.0, 0.0, 0.0, -1.0]>]
  moe.weight @d : tensor<2x3xf32> from [#moe.values<[1.0, 0.0, 1.0, 0.0, 1.0, -1.0]>]
  moe.weight @s : tensor<1x2xf32> from [#moe.splat<1.0 : f32>]

  // CHECK: f32 1x2: -1.26894142 0.0610711547
  // CHECK-NEXT: f32 1x2: -1.15880801 0.226811407
  // CHECK-NEXT: f32 1x2: -1 0
  // CHECK-NEXT: f32 1x2: -3 -2
  // CHECK-NEXT: f32 1x2: -0.341270909 0.0164245631
  func.func @main() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
    %x = arith.constant dense<[[1.0, -2.0]]> : tensor<1x2xf32>
    %silu = moe.mlp %x gate @g up @u down @d silu : tensor<1x2xf32>
    %gelu = moe.mlp %x gate @g up @u down @d gelu_tanh : tensor<1x2xf32>
    %relu = moe.mlp %x gate @g up @u down @d relu : tensor<1x2xf32>
    %identity = moe.mlp %x gate @g up @u down @d identity : tensor<1x2xf32>
    %shared = moe.mlp %x gate @g up @u down @d silu gated by @s : tensor<1x2xf32>
    return %silu, %gelu, %relu, %identity, %shared
      : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
  }
}
