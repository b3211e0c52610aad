// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section shortlist.

// The first row's best word is certainly that of the shortlist, the second's is so
// only by the estimates, the third's is not. Of numbers that are not finite nothing
// is certain: a logit, an estimate, a feature.
// CHECK: f32 6x1: 1.5 -0.5 -6 {{-?}}nan {{-?}}nan {{-?}}nan
// CHECK-NEXT: i32 1: 0
// CHECK-NEXT: i32 5: 1 2 3 4 5
// CHECK-NEXT: f32 6x5: -inf 9 -inf 1 -inf -inf 4 -inf 5 -inf -inf 0 -inf 0 -inf -inf inf -inf 1 -inf -inf 9 -inf 1 -inf -inf 9 -inf 1 -inf
moe.model @shortlist family "null" context 4 vocabulary 5 from "." {
  moe.weight @slack : tensor<3x2xf32> from [#moe.values<[0.5, 1.0, 0.25, 0.0, 0.0, 2.0]>]

  func.func @main() -> (tensor<6x1xf32>, tensor<?xi32>, tensor<?xi32>, tensor<6x5xf32>) {
    %inside = arith.constant dense<[[9.0, 1.0], [4.0, 5.0], [0.0, 0.0], [0x7F800000, 1.0], [9.0, 1.0], [9.0, 1.0]]> : tensor<6x2xf32>
    %outside = arith.constant dense<[[4.0, 2.0, 1.0], [1.0, 2.0, 4.5], [6.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0xFF800000, 0.0], [0.0, 0.0, 0.0]]> : tensor<6x3xf32>
    %x = arith.constant dense<[[3.0, 4.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0x7FC00000, 0.0]]> : tensor<6x2xf32>
    %near = arith.constant dense<[[3.0, 3.0], [0.0, 0.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]> : tensor<6x2xf32>
    %surplus = moe.surplus %inside over %outside within @slack of %x near %near
      : tensor<6x2xf32>, tensor<6x3xf32>, tensor<6x2xf32> -> tensor<6x1xf32>
    %certain, %unsure = moe.certain %surplus : tensor<6x1xf32>
    %logits = moe.spread %inside to [1, 3] : tensor<6x2xf32> -> tensor<6x5xf32>
    return %surplus, %certain, %unsure, %logits : tensor<6x1xf32>, tensor<?xi32>, tensor<?xi32>, tensor<6x5xf32>
  }
}
