// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section rows.

moe.model @rows family "null" context 4 vocabulary 3 from "." {
  moe.weight @table : tensor<3x2xbf16> from [#moe.values<[0.1, 1.0, 2.0, 3.0, -4.0, 257.0]>]
  moe.weight @scale4 : tensor<4xf32> from [#moe.values<[1.0, 2.0, -1.0, 0.5]>]
  moe.weight @scale2 : tensor<2xf32> from [#moe.values<[1.0, -2.0]>]
  moe.weight @matrix : tensor<3x4xf16> from [#moe.values<[
    1.0, 0.0, 0.0, 0.0,  0.5, 0.5, 0.5, 0.5,  0.0, 1.0, 0.0, -1.0]>]
  moe.weight @bias : tensor<3xf32> from [#moe.values<[10.0, 20.0, 30.0]>]

  func.func @x() -> tensor<2x4xf32> {
    %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [0.0, -1.0, 0.0, 1.0]]> : tensor<2x4xf32>
    return %x : tensor<2x4xf32>
  }

  // Elements are those of bf16, with 8 significant bits.
  // CHECK: f32 3x2: -4 256 0.100097656 1 -4 256
  func.func @embed() -> tensor<3x2xf32> {
    %tokens = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
    %y = moe.embed %tokens by @table : tensor<3xi32> -> tensor<3x2xf32>
    return %y : tensor<3x2xf32>
  }

  // CHECK-NEXT: f32 3x4: 0 -1 0 1 0 -1 0 1 1 2 3 4
  func.func @pick() -> tensor<3x4xf32> {
    %x = call @x() : () -> tensor<2x4xf32>
    %rows = arith.constant dense<[1, 1, 0]> : tensor<3xi32>
    %y = moe.pick %x rows %rows : tensor<2x4xf32>, tensor<3xi32> -> tensor<3x4xf32>
    return %y : tensor<3x4xf32>
  }

  // CHECK-NEXT: f32 2x4: 0.359210604 1.43684242 -1.07763181 0.718421208 0 -2.30940108 -0 0.577350269
  // CHECK-NEXT: f32 2x4: 0.603022689 -2.41209076 0.84016805 -2.24044813 0 2.30940108 0 -2.30940108
  // CHECK-NEXT: f32 2x4: -1.22474487 -0.816496581 -0.40824829 0.612372436 0 -2.30940108 -0 0.577350269
  func.func @norm() -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
    %x = call @x() : () -> tensor<2x4xf32>
    %rms = moe.norm rms %x by @scale4 epsilon 0.25 groups 1 : tensor<2x4xf32>
    %heads = moe.norm rms %x by @scale2 epsilon 0.25 groups 2 : tensor<2x4xf32>
    %layer = moe.norm layer %x by @scale4 epsilon 0.25 groups 1 : tensor<2x4xf32>
    return %rms, %heads, %layer : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
  }

  // CHECK-NEXT: f32 2x3: 1 5 -2 0 0 -2
  // CHECK-NEXT: f32 2x3: 11 25 28 10 20 28
  func.func @linear() -> (tensor<2x3xf32>, tensor<2x3xf32>) {
    %x = call @x() : () -> tensor<2x4xf32>
    %plain = moe.linear %x by @matrix : tensor<2x4xf32> -> tensor<2x3xf32>
    %biased = moe.linear %x by @matrix bias @bias : tensor<2x4xf32> -> tensor<2x3xf32>
    return %plain, %biased : tensor<2x3xf32>, tensor<2x3xf32>
  }

  // CHECK-NEXT: f32 2x4: 2 4 6 8 0 -2 0 2
  // CHECK-NEXT: f32 2x4: 0.5 0.5 0.5 0.5 0 -0.5 0 0.5
  func.func @elementwise() -> (tensor<2x4xf32>, tensor<2x4xf32>) {
    %x = call @x() : () -> tensor<2x4xf32>
    %sum = moe.add %x, %x : tensor<2x4xf32>
    %clamped = moe.clamp %x to 0.5 : tensor<2x4xf32>
    return %sum, %clamped : tensor<2x4xf32>, tensor<2x4xf32>
  }

  func.func @main() -> (tensor<3x2xf32>, tensor<3x4xf32>,
      tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>,
      tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
    %embed = call @embed() : () -> tensor<3x2xf32>
    %pick = call @pick() : () -> tensor<3x4xf32>
    %norm:3 = call @norm() : () -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>)
    %linear:2 = call @linear() : () -> (tensor<2x3xf32>, tensor<2x3xf32>)
    %elementwise:2 = call @elementwise() : () -> (tensor<2x4xf32>, tensor<2x4xf32>)
    return %embed, %pick, %norm#0, %norm#1, %norm#2, %linear#0, %linear#1,
        %elementwise#0, %elementwise#1 : tensor<3x2xf32>, tensor<3x4xf32>,
      tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>,
      tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x4xf32>, tensor<2x4xf32>
  }
}
