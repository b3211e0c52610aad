// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// Values are called after their operation, or after the part and layer of the
// weight that made them.

moe.model @names family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @layers.3.q_norm : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @layers.3.q : tensor<4x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @layers.3.shared.gate : tensor<4x4xf32> from [#moe.splat<1.0 : f32>]
  // CHECK: func.func @f
  func.func @f(%tokens: tensor<?xi32>, %kv: !moe.kv<6 x 1 x 4 x f32>) {
    // CHECK: %x = moe.embed
    %0 = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // CHECK: %q_norm.3 = moe.norm rms %x
    %1 = moe.norm rms %0 by @layers.3.q_norm epsilon 0.0 groups 1 : tensor<?x4xf32>
    // CHECK: %q.3 = moe.linear %q_norm.3
    %2 = moe.linear %1 by @layers.3.q : tensor<?x4xf32> -> tensor<?x4xf32>
    // CHECK: %kv.3 = moe.kv_append %q.3
    %3 = moe.kv_append %2, %2 into %kv layer 3 at %tokens, %tokens : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<6 x 1 x 4 x f32>
    // CHECK: %attention.3 = moe.attention %q.3 over %kv.3
    %4 = moe.attention %2 over %3 layer 3 at %tokens, %tokens heads 1 scale 0.5 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<6 x 1 x 4 x f32>
    // CHECK: %sum = moe.add %x, %attention.3
    %5 = moe.add %0, %4 : tensor<?x4xf32>
    // CHECK: %shared.3 = moe.mlp %sum
    %6 = moe.mlp %5 gate @layers.3.shared.gate up @layers.3.shared.gate down @layers.3.q silu : tensor<?x4xf32>
    // CHECK: %embed = moe.linear %shared.3
    %7 = moe.linear %6 by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    // CHECK: %chosen, %weights = moe.route %embed
    %8, %9 = moe.route %7 top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}
