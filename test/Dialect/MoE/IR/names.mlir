// RUN: moe-opt %s | FileCheck %s

// Values are called after the operation, or after the weight that made them.

moe.model @names family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @layers.0.q_norm : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @layers.0.q : tensor<4x4xf32> from [#moe.splat<1.0 : f32>]
  // CHECK: func.func @f
  func.func @f(%tokens: tensor<?xi32>) {
    // CHECK: %x = moe.embed
    %0 = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // CHECK: %q_norm = moe.norm rms %x
    %1 = moe.norm rms %0 by @layers.0.q_norm epsilon 0.0 groups 1 : tensor<?x4xf32>
    // CHECK: %q = moe.linear %q_norm
    %2 = moe.linear %1 by @layers.0.q : tensor<?x4xf32> -> tensor<?x4xf32>
    // CHECK: %sum = moe.add %x, %q
    %3 = moe.add %0, %2 : tensor<?x4xf32>
    // CHECK: %embed = moe.linear %sum
    %4 = moe.linear %3 by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    // CHECK: %chosen, %weights = moe.route %embed
    %5, %6 = moe.route %4 top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}
