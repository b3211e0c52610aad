// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section quantize, and by hand.

moe.model @quantize family "null" context 4 vocabulary 1 from "." {
  // Ties go to the even level, the largest magnitude has level 127 or -127, and
  // rows have scales of their own. 0x0D800000 is 2^-100, 0x0D7FFFFF just below.
  // CHECK: !moe.quantized<i8> 6x6: 1 * 127 0 2 2 0 -2 ; 0 * 0 0 0 0 0 0 ; 2 * 0 0 -127 2 2 4 ;
  // CHECK-SAME: 0.00787401572 * 127 127 127 127 127 -127 ; 6.21150317e-33 * 127 -127 0 0 0 0 ; 0 * 0 0 0 0 0 0{{$}}
  func.func @levels() -> tensor<6x6x!moe.quantized<i8>> {
    %x = arith.constant dense<[
      [127.0, 0.5, 1.5, 2.5, -0.5, -1.5],
      [0.0, 0.0, -0.0, 0.0, 0.0, 0.0],
      [1.0, -1.0, -254.0, 3.0, 5.0, 7.0],
      [1.0, 1.0, 1.0, 1.0, 1.0, -1.0],
      [0x0D800000, 0x8D800000, 0.0, 0.0, 0.0, 0.0],
      [0x0D7FFFFF, 0x8D7FFFFF, 0.0, 0.0, 0.0, 0.0]]> : tensor<6x6xf32>
    %q = moe.quantize %x : tensor<6x6xf32> -> tensor<6x6x!moe.quantized<i8>>
    return %q : tensor<6x6x!moe.quantized<i8>>
  }

  // The second feature of a block changes its sign, and the fourth.
  // CHECK-NEXT: !moe.quantized<i8 rotated 2> 1x4: 0.0222710799 * 64 127 -79 -48{{$}}
  // CHECK-NEXT: !moe.quantized<i8 rotated 4> 1x4: 0.0216535442 * -12 58 104 127{{$}}
  // CHECK-NEXT: !moe.quantized<i8 rotated 4> 1x4: 0.0236220472 * 127 42 -85 21{{$}}
  func.func @rotated() -> (tensor<1x4x!moe.quantized<i8 rotated 2>>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4x!moe.quantized<i8 rotated 4>>) {
    %x = arith.constant dense<[[3.0, 1.0, -2.0, 0.5]]> : tensor<1x4xf32>
    %a = moe.quantize %x : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8 rotated 2>>
    %b = moe.quantize %x : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8 rotated 4>>
    %c = moe.quantize %x arrived rotated : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8 rotated 4>>
    return %a, %b, %c : tensor<1x4x!moe.quantized<i8 rotated 2>>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4x!moe.quantized<i8 rotated 4>>
  }

  // CHECK-NEXT: f32 1x4: 254 0 4 -2
  // CHECK-NEXT: f32 1x4: 65 -64 63 -62
  func.func @back() -> (tensor<1x4xf32>, tensor<1x4xf32>) {
    %x = arith.constant dense<[[254.0, 1.0, 3.0, -2.0]]> : tensor<1x4xf32>
    %a = moe.quantize %x : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8>>
    %b = moe.dequantize %a : tensor<1x4x!moe.quantized<i8>>
    %y = arith.constant dense<[[65.0, -64.0, 63.0, -62.0]]> : tensor<1x4xf32>
    %c = moe.quantize %y : tensor<1x4xf32> -> tensor<1x4x!moe.quantized<i8 rotated 4>>
    %d = moe.dequantize %c : tensor<1x4x!moe.quantized<i8 rotated 4>>
    return %b, %d : tensor<1x4xf32>, tensor<1x4xf32>
  }

  func.func @main() -> (tensor<6x6x!moe.quantized<i8>>, tensor<1x4x!moe.quantized<i8 rotated 2>>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4xf32>, tensor<1x4xf32>) {
    %a = call @levels() : () -> tensor<6x6x!moe.quantized<i8>>
    %b, %c, %d = call @rotated() : () -> (tensor<1x4x!moe.quantized<i8 rotated 2>>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4x!moe.quantized<i8 rotated 4>>)
    %e, %f = call @back() : () -> (tensor<1x4xf32>, tensor<1x4xf32>)
    return %a, %b, %c, %d, %e, %f : tensor<6x6x!moe.quantized<i8>>, tensor<1x4x!moe.quantized<i8 rotated 2>>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4x!moe.quantized<i8 rotated 4>>, tensor<1x4xf32>, tensor<1x4xf32>
  }
}
