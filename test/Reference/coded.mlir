// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// RUN: moe-opt --moe-evaluate="effort=fast keep-weights=false" %s -o /dev/null | FileCheck %s
// RUN: moe-opt --moe-evaluate="effort=max" %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section coded, and by hand. Weights are
// such that their codes hold them exactly: what is lost is lost by moe.quantize.

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
#q4 = #moe.code<"q4-32", planes, bits = 4, columns = 32, zeros = true>

moe.model @coded family "null" context 4 vocabulary 1 from "." {
  moe.weight @w8 : tensor<2x3xf32> stored as #q8 from [#moe.values<[127.0, -64.0, 0.0, 0.25, 1.0, -31.75]>]
  moe.weight @bias : tensor<2xf32> from [#moe.values<[1000.0, 0.5]>]

  // Levels are 127, 2 and -1, then 127, 3 and 1 of scale 0.5:
  // 127 * 127 - 64 * 2 is the first product.
  // CHECK: f32 2x2: 16001 65.5 7968.5 1.5
  // CHECK-NEXT: f32 2x2: 17001 66 8968.5 2
  func.func @linear() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
    %x = arith.constant dense<[[127.0, 1.5, -1.0], [63.5, 1.5, 0.5]]> : tensor<2x3xf32>
    %q = moe.quantize %x : tensor<2x3xf32> -> tensor<2x3x!moe.quantized<i8>>
    %y = moe.linear %q by @w8 : tensor<2x3x!moe.quantized<i8>> -> tensor<2x2xf32>
    %z = moe.linear %q by @w8 bias @bias : tensor<2x3x!moe.quantized<i8>> -> tensor<2x2xf32>
    return %y, %z : tensor<2x2xf32>, tensor<2x2xf32>
  }

  // Levels less 3, times a half, in the first group; less 12, times a fourth, in
  // the second.
  moe.weight @w4 : tensor<1x64xf32> stored as #q4 from [#moe.values<[-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, -3.0, -2.75, -2.5, -2.25, -2.0, -1.75, -1.5, -1.25, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, -3.0, -2.75, -2.5, -2.25, -2.0, -1.75, -1.5, -1.25, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75]>]

  // -1.5 * 127 - 1 * 1 + 1 * 2 - 3 * 3 + 0.75 * 4 - 0.75 * 1
  // CHECK-NEXT: f32 1x1: -196.25
  func.func @groups() -> tensor<1x1xf32> {
    %x = arith.constant dense<[[127.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]]> : tensor<1x64xf32>
    %q = moe.quantize %x : tensor<1x64xf32> -> tensor<1x64x!moe.quantized<i8>>
    %y = moe.linear %q by @w4 : tensor<1x64x!moe.quantized<i8>> -> tensor<1x1xf32>
    return %y : tensor<1x1xf32>
  }

  moe.weight @columns : tensor<2x4xf32> stored as #q8 columns rotated 4 from [#moe.values<[254.0, 0.0, 0.0, 0.0, 0.0, 254.0, 0.0, 0.0]>]
  moe.weight @rows : tensor<4x4xf32> stored as #q8 rows rotated 4 from [#moe.values<[254.0, 0.0, 0.0, 0.0, 0.0, 254.0, 0.0, 0.0, 0.0, 0.0, 254.0, 0.0, 0.0, 0.0, 0.0, 254.0]>]

  // Rotated rows meet rotated columns: 254 * 65 and 254 * -64.
  // CHECK-NEXT: f32 1x2: 16510 -16256
  // CHECK-NEXT: f32 1x4: 16256 16510 15748 16002
  // CHECK-NEXT: !moe.quantized<i8 rotated 4> 1x4: 130 * 125 127 121 123
  // CHECK-NEXT: f32 1x4: 32240 260 520 {{-?}}0
  func.func @rotated() -> (tensor<1x2xf32>, tensor<1x4xf32>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4xf32>) {
    %x = arith.constant dense<[[65.0, -64.0, 63.0, -62.0]]> : tensor<1x4xf32>
    %q = moe.quantize %x : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8 rotated 4>>
    %y = moe.linear %q by @columns : tensor<1x4x!moe.quantized<i8 rotated 4>> -> tensor<1x2xf32>
    %v = arith.constant dense<[[127.0, 1.0, 2.0, 0.0]]> : tensor<1x4xf32>
    %p = moe.quantize %v : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8>>
    %turned = moe.linear %p by @rows : tensor<1x4x!moe.quantized<i8>> -> tensor<1x4xf32>
    %r = moe.quantize %turned arrived rotated : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8 rotated 4>>
    %z = moe.dequantize %r : tensor<1x4x!moe.quantized<i8 rotated 4>>
    return %y, %turned, %r, %z : tensor<1x2xf32>, tensor<1x4xf32>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4xf32>
  }

  // The hidden row is 32258 * (127, 0.25): levels 127 and 0 of it are left where
  // down is stored as a code.
  moe.weight @gate : tensor<2x2xf32> stored as #q8 from [#moe.values<[127.0, 0.0, 0.0, 127.0]>]
  moe.weight @up : tensor<2x2xf32> stored as #q8 from [#moe.values<[0.0, 254.0, 0.0, 63.5]>]
  moe.weight @down : tensor<2x2xf32> stored as #q8 from [#moe.values<[127.0, 127.0, 0.0, 127.0]>]
  moe.weight @down_rotated : tensor<2x2xf32> stored as #q8 columns rotated 2 from [#moe.values<[127.0, 127.0, 0.0, 127.0]>]
  moe.weight @gate_plain : tensor<2x2xf32> from [#moe.values<[127.0, 0.0, 0.0, 127.0]>]
  moe.weight @up_plain : tensor<2x2xf32> from [#moe.values<[0.0, 254.0, 0.0, 63.5]>]
  moe.weight @down_plain : tensor<2x2xf32> from [#moe.values<[127.0, 127.0, 0.0, 127.0]>]
  moe.weight @shared : tensor<1x2xf32> from [#moe.splat<0.0 : f32>]

  // CHECK-NEXT: f32 1x2: 520289282 0
  // CHECK-NEXT: f32 1x2: 521313474 1024191.5
  // CHECK-NEXT: f32 1x2: 520289282 0
  // CHECK-NEXT: f32 1x2: 5216{{[0-9]+}} 0
  // CHECK-NEXT: f32 1x2: 260144641 0
  func.func @mlp() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
    %x = arith.constant dense<[[127.0, 1.0]]> : tensor<1x2xf32>
    %q = moe.quantize %x : tensor<1x2xf32> -> tensor<1x2x!moe.quantized<i8>>
    %a = moe.mlp %q gate @gate up @up down @down identity : tensor<1x2x!moe.quantized<i8>>
    %b = moe.mlp %q gate @gate up @up down @down_plain identity : tensor<1x2x!moe.quantized<i8>>
    %c = moe.mlp %x gate @gate_plain up @up_plain down @down identity : tensor<1x2xf32>
    %d = moe.mlp %q gate @gate up @up down @down_rotated identity : tensor<1x2x!moe.quantized<i8>>
    %e = moe.mlp %q gate @gate up @up down @down identity gated by @shared of %x : tensor<1x2x!moe.quantized<i8>>, tensor<1x2xf32>
    return %a, %b, %c, %d, %e : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
  }

  // Expert 1 has the weights of the network above; nobody asks for expert 2.
  moe.weight @gates : tensor<3x2x2xf32> stored as #q8 from [#moe.values<[127.0, 0.0, 0.0, 127.0, 127.0, 0.0, 0.0, 127.0, 0.0, 0.0, 0.0, 0.0]>]
  moe.weight @ups : tensor<3x2x2xf32> stored as #q8 from [#moe.values<[127.0, 0.0, 0.0, 127.0, 0.0, 254.0, 0.0, 63.5, 0.0, 0.0, 0.0, 0.0]>]
  moe.weight @downs : tensor<3x2x2xf32> stored as #q8 from [#moe.values<[127.0, 0.0, 0.0, 127.0, 127.0, 127.0, 0.0, 127.0, 0.0, 0.0, 0.0, 0.0]>]

  // CHECK-NEXT: f32 2x2: 1.6649257e+10 0 1.75597633e+10 1.65191847e+10
  func.func @experts() -> tensor<2x2xf32> {
    %x = arith.constant dense<[[127.0, 1.0], [2.0, 127.0]]> : tensor<2x2xf32>
    %ids = arith.constant dense<[[1, 0], [0, 1]]> : tensor<2x2xi32>
    %w = arith.constant dense<[[0.25, 0.5], [0.0, 1.0]]> : tensor<2x2xf32>
    %q = moe.quantize %x : tensor<2x2xf32> -> tensor<2x2x!moe.quantized<i8>>
    %y = moe.experts %q to %ids, %w gate @gates up @ups down @downs identity
      : tensor<2x2x!moe.quantized<i8>>, tensor<2x2xi32>, tensor<2x2xf32>
    return %y : tensor<2x2xf32>
  }

  func.func @main() -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<1x1xf32>, tensor<1x2xf32>, tensor<1x4xf32>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<2x2xf32>) {
    %a, %b = call @linear() : () -> (tensor<2x2xf32>, tensor<2x2xf32>)
    %c = call @groups() : () -> tensor<1x1xf32>
    %d, %e, %f, %g = call @rotated() : () -> (tensor<1x2xf32>, tensor<1x4xf32>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4xf32>)
    %h, %i, %j, %k, %l = call @mlp() : () -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>)
    %m = call @experts() : () -> tensor<2x2xf32>
    return %a, %b, %c, %d, %e, %f, %g, %h, %i, %j, %k, %l, %m : tensor<2x2xf32>, tensor<2x2xf32>, tensor<1x1xf32>, tensor<1x2xf32>, tensor<1x4xf32>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<2x2xf32>
  }
}
