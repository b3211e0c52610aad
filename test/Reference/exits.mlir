// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values of scores: Inputs/expected.py, section exits.

moe.model @exits family "null" context 4 vocabulary 4 from "." {
  func.func @logits() -> tensor<3x4xf32> {
    %logits = arith.constant dense<[[1.0, 2.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0], [-50.0, 2.0, 1.0, 50.0]]> : tensor<3x4xf32>
    return %logits : tensor<3x4xf32>
  }

  // CHECK: f32 3x1: 0.399486305 0.25 1
  // CHECK-NEXT: f32 3x1: 0 0 1
  // CHECK-NEXT: f32 3x1: 0.154099006 0 1
  // A single column is sure.
  // CHECK-NEXT: f32 3x1: 1 1 1
  // CHECK-NEXT: f32 3x1: 1 1 1
  func.func @confidence() -> (tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>) {
    %logits = call @logits() : () -> tensor<3x4xf32>
    %top1 = moe.confidence top1 %logits : tensor<3x4xf32> -> tensor<3x1xf32>
    %margin = moe.confidence margin %logits : tensor<3x4xf32> -> tensor<3x1xf32>
    %entropy = moe.confidence entropy %logits : tensor<3x4xf32> -> tensor<3x1xf32>
    %margin1 = moe.confidence margin %top1 : tensor<3x1xf32> -> tensor<3x1xf32>
    %entropy1 = moe.confidence entropy %top1 : tensor<3x1xf32> -> tensor<3x1xf32>
    return %top1, %margin, %entropy, %margin1, %entropy1
      : tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>
  }

  // The second row has no length.
  // CHECK-NEXT: f32 3x1: 0.491473187 0 -1
  func.func @similarity() -> tensor<3x1xf32> {
    %logits = call @logits() : () -> tensor<3x4xf32>
    %y = arith.constant dense<[[4.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [100.0, -4.0, -2.0, -100.0]]> : tensor<3x4xf32>
    %s = moe.similarity %logits, %y : tensor<3x4xf32> -> tensor<3x1xf32>
    return %s : tensor<3x1xf32>
  }

  // CHECK-NEXT: i32 3: 2 0 3
  // CHECK-NEXT: f32 3x1: 1 1 1
  // CHECK-NEXT: f32 3x1: 6 1 8
  func.func @streak() -> (tensor<3xi32>, tensor<3x1xf32>, tensor<3x1xf32>) {
    %logits = call @logits() : () -> tensor<3x4xf32>
    %best = moe.best %logits : tensor<3x4xf32> -> tensor<3xi32>
    %first = moe.streak %best : tensor<3xi32> -> tensor<3x1xf32>
    %before = arith.constant dense<[2, 1, 3]> : tensor<3xi32>
    %long = arith.constant dense<[[5.0], [6.0], [7.0]]> : tensor<3x1xf32>
    %second = moe.streak %best after %before, %long : tensor<3xi32>, tensor<3xi32>, tensor<3x1xf32> -> tensor<3x1xf32>
    return %best, %first, %second : tensor<3xi32>, tensor<3x1xf32>, tensor<3x1xf32>
  }

  // CHECK-NEXT: f32 3x1: 0.992422759 0.99929033 0.999933948
  func.func @logistic() -> tensor<3x1xf32> {
    %a = arith.constant dense<[[5.0], [6.0], [7.0]]> : tensor<3x1xf32>
    %b = arith.constant dense<[[0.5], [-0.25], [-1.0]]> : tensor<3x1xf32>
    %s = moe.logistic %a, %b by [2.0, -0.5] bias -4.875 : tensor<3x1xf32>, tensor<3x1xf32> -> tensor<3x1xf32>
    return %s : tensor<3x1xf32>
  }

  // CHECK-NEXT: f32 4x2: 5 6 0 0 0 0 3 4
  // CHECK-NEXT: i32 3: 8 8 7
  func.func @place() -> (tensor<4x2xf32>, tensor<3xi32>) {
    %like = arith.constant dense<0> : tensor<4xi32>
    %zeros = moe.zeros like %like : tensor<4xi32> -> tensor<4x2xf32>
    %x = arith.constant dense<[[3.0, 4.0], [5.0, 6.0]]> : tensor<2x2xf32>
    %rows = arith.constant dense<[3, 0]> : tensor<2xi32>
    %y = moe.place %x rows %rows into %zeros : tensor<2x2xf32>, tensor<2xi32>, tensor<4x2xf32>
    %numbers = arith.constant dense<[7, 8]> : tensor<2xi32>
    %take = arith.constant dense<[1, 1, 0]> : tensor<3xi32>
    %z = moe.pick %numbers rows %take : tensor<2xi32>, tensor<3xi32> -> tensor<3xi32>
    return %y, %z : tensor<4x2xf32>, tensor<3xi32>
  }

  func.func @main() -> (
      tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>,
      tensor<3x1xf32>, tensor<3xi32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>,
      tensor<4x2xf32>, tensor<3xi32>) {
    %confidence:5 = call @confidence() : () -> (tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>)
    %similarity = call @similarity() : () -> tensor<3x1xf32>
    %streak:3 = call @streak() : () -> (tensor<3xi32>, tensor<3x1xf32>, tensor<3x1xf32>)
    %logistic = call @logistic() : () -> tensor<3x1xf32>
    %place:2 = call @place() : () -> (tensor<4x2xf32>, tensor<3xi32>)
    return %confidence#0, %confidence#1, %confidence#2, %confidence#3, %confidence#4,
        %similarity, %streak#0, %streak#1, %streak#2, %logistic, %place#0, %place#1 :
      tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>,
      tensor<3x1xf32>, tensor<3xi32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>,
      tensor<4x2xf32>, tensor<3xi32>
  }
}
