// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section predictions.

moe.model @predictions family "null" context 4 vocabulary 1 from "." {
  func.func @main() -> (tensor<2x4xf32>, tensor<3x3xf32>, tensor<3x3xf32>,
      tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x1xi32>, tensor<2x1xf32>, tensor<2x4xi32>, tensor<2x4xf32>) {
    %logits = arith.constant dense<[[1.0, 3.0, 2.0, 0.0], [2.0, 5.0, 5.0, 2.0]]> : tensor<2x4xf32>
    // CHECK: f32 2x4: 0.0871443187 0.64391426 0.236882818 0.0320586033 0.0237129366 0.476287063 0.476287063 0.0237129366
    %p = sched.distribution %logits : tensor<2x4xf32>

    // By peaks a row of zeros stays, and so does one whose peaks cancel.
    %a = arith.constant dense<[[0.5, 0.25, 0.25], [0.0, 0.0, 0.0], [-1.0, -2.0, -3.0]]> : tensor<3x3xf32>
    %b = arith.constant dense<[[0.25, 0.5, 0.25], [0.0, 0.0, 0.0], [1.0, 0.5, 0.0]]> : tensor<3x3xf32>
    // CHECK-NEXT: f32 3x3: -0.25 -0.875 -0.375 0 0 0 -2.5 -2 -1.5
    %sum = sched.blend %a, %b by [0.5, -2.0] : tensor<3x3xf32>
    // CHECK-NEXT: f32 3x3: 0.375 0.375 0.25 0 0 0 0 0 0
    %peaks = sched.blend %a, %b by peaks : tensor<3x3xf32>

    // Equal scores go to the lower expert.
    // CHECK-NEXT: i32 2x3: 1 2 0 1 2 0
    // CHECK-NEXT: f32 2x3: 0.880797078 0.622459331 0.268941421 0.880797078 0.880797078 0.07585818
    %0, %1 = sched.predict %logits for layer 1 choosing 2 top 3 by "test" calibrated [1.5, -0.25]
      : tensor<2x4xf32> -> tensor<2x3xi32>, tensor<2x3xf32>
    // CHECK-NEXT: i32 2x1: 1 1
    // CHECK-NEXT: f32 2x1: 0.731058579 0.5
    %2, %3 = sched.predict %logits for layer 1 choosing 1 top 1 by "test" calibrated [2.0, 0.0]
      : tensor<2x4xf32> -> tensor<2x1xi32>, tensor<2x1xf32>
    // Where all are chosen, the last score is the edge.
    // CHECK-NEXT: i32 2x4: 1 2 0 3 1 2 0 3
    // CHECK-NEXT: f32 2x4: 0.952574127 0.880797078 0.731058579 0.5 0.952574127 0.952574127 0.5 0.5
    %4, %5 = sched.predict %logits for layer 1 choosing 4 top 4 by "test" calibrated [1.0, 0.0]
      : tensor<2x4xf32> -> tensor<2x4xi32>, tensor<2x4xf32>
    return %p, %sum, %peaks, %0, %1, %2, %3, %4, %5 : tensor<2x4xf32>, tensor<3x3xf32>, tensor<3x3xf32>,
      tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x1xi32>, tensor<2x1xf32>, tensor<2x4xi32>, tensor<2x4xf32>
  }
}
