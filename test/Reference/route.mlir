// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section route. In the second row the two
// largest are equal, and so are the two smallest: the lower expert comes first.

moe.model @route family "null" context 4 vocabulary 1 from "." {
  func.func @main() -> (tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x2xi32>, tensor<2x2xf32>,
      tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xi32>, tensor<2x2xf32>) {
    %logits = arith.constant dense<[[1.0, 3.0, 2.0, 0.0], [2.0, 5.0, 5.0, 2.0]]> : tensor<2x4xf32>

    // CHECK: i32 2x3: 1 2 0 1 2 0
    // CHECK-NEXT: f32 2x3: 0.64391426 0.236882818 0.0871443187 0.476287063 0.476287063 0.0237129366
    %0, %1 = moe.route %logits top 3 softmax scale 1.0
      : tensor<2x4xf32> -> tensor<2x3xi32>, tensor<2x3xf32>

    // CHECK-NEXT: i32 2x2: 1 2 1 2
    // CHECK-NEXT: f32 2x2: 1.82764645 0.672353553 1.25 1.25
    %2, %3 = moe.route %logits top 2 softmax renormalize scale 2.5
      : tensor<2x4xf32> -> tensor<2x2xi32>, tensor<2x2xf32>

    // CHECK-NEXT: f32 2x2: 0.952574127 0.880797078 0.993307149 0.993307149
    %4, %5 = moe.route %logits top 2 sigmoid scale 1.0
      : tensor<2x4xf32> -> tensor<2x2xi32>, tensor<2x2xf32>

    // CHECK-NEXT: f32 2x2: 0.519575154 0.480424846 0.5 0.5
    %6, %7 = moe.route %logits top 2 sigmoid renormalize scale 1.0
      : tensor<2x4xf32> -> tensor<2x2xi32>, tensor<2x2xf32>

    // CHECK-NEXT: i32 2x2: 1 2 1 2
    // CHECK-NEXT: f32 2x2: 0.731058579 0.268941421 0.5 0.5
    %8, %9 = moe.route %logits top 2 softmax_selected scale 1.0
      : tensor<2x4xf32> -> tensor<2x2xi32>, tensor<2x2xf32>
    return %0, %1, %2, %3, %5, %7, %8, %9 : tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x2xi32>, tensor<2x2xf32>,
      tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xi32>, tensor<2x2xf32>
  }
}
