// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section experts, and by hand.

moe.model @experts family "null" context 4 vocabulary 1 from "." {
  moe.weight @g : tensor<3x1x2xf32> from [#moe.values<[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]>]
  moe.weight @u : tensor<3x1x2xf32> from [#moe.values<[1.0, 1.0, 1.0, -1.0, 2.0, 0.0]>]
  moe.weight @d : tensor<3x2x1xf32> from [#moe.values<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]>]

  // CHECK: f32 2x2: 21.9812118 26.8160893 24.8102638 29.5571634
  func.func @weighted() -> tensor<2x2xf32> {
    %x = arith.constant dense<[[1.0, 2.0], [3.0, -1.0]]> : tensor<2x2xf32>
    %ids = arith.constant dense<[[2, 0], [1, 2]]> : tensor<2x2xi32>
    %w = arith.constant dense<[[0.75, 0.25], [0.5, 0.5]]> : tensor<2x2xf32>
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu
      : tensor<2x2xf32>, tensor<2x2xi32>, tensor<2x2xf32>
    return %y : tensor<2x2xf32>
  }

  moe.weight @one : tensor<3x1x1xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @values : tensor<3x1x1xf32> from [#moe.values<[1.0e+30, 1.0, -1.0e+30]>]

  // Experts are added by their number: (1e30 + 1) - 1e30 is 0, while in the
  // order of j, 1e30 - 1e30 + 1 is 1.
  // CHECK-NEXT: f32 1x1: 0
  func.func @ascending() -> tensor<1x1xf32> {
    %x = arith.constant dense<1.0> : tensor<1x1xf32>
    %ids = arith.constant dense<[[0, 2, 1]]> : tensor<1x3xi32>
    %w = arith.constant dense<1.0> : tensor<1x3xf32>
    %y = moe.experts %x to %ids, %w gate @one up @one down @values relu
      : tensor<1x1xf32>, tensor<1x3xi32>, tensor<1x3xf32>
    return %y : tensor<1x1xf32>
  }

  func.func @main() -> (tensor<2x2xf32>, tensor<1x1xf32>) {
    %a = call @weighted() : () -> tensor<2x2xf32>
    %b = call @ascending() : () -> tensor<1x1xf32>
    return %a, %b : tensor<2x2xf32>, tensor<1x1xf32>
  }
}
