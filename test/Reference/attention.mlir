// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section attention.

moe.model @attention family "null" context 4 vocabulary 1 from "." {
  // Three positions of sequence 0 and one of sequence 7, all in one call. Two
  // of the four query heads share a key/value head.
  // CHECK: f32 4x8: 1 2 1 2 3 4 3 4
  // CHECK-SAME: 3.48983732 4.48983732 2.51016268 3.51016268 5.92423431 6.92423431 4.07576569 5.07576569
  // CHECK-SAME: 1.19254895 1.28882343 1.66666667 2 2.33333333 2.66666667 3.75710077 4.44637597
  // CHECK-SAME: 10 20 10 20 30 40 30 40{{$}}
  // With a window of two, the third row does not see the first.
  // CHECK-NEXT: f32 4x8: 1 2 1 2 3 4 3 4
  // CHECK-SAME: 3.48983732 4.48983732 2.51016268 3.51016268 5.92423431 6.92423431 4.07576569 5.07576569
  // CHECK-SAME: 1.26524401 1.02032535 2 2 2 2 4.31058579 4.77270294
  // CHECK-SAME: 10 20 10 20 30 40 30 40{{$}}
  // The other layer stays empty: one layer of four rows.
  // CHECK-NEXT: kv 4 entries
  func.func @ragged(%kv: !moe.kv<2 x 2 x 2 x f32>)
      -> (tensor<4x8xf32>, tensor<4x8xf32>, !moe.kv<2 x 2 x 2 x f32>) {
    %q = arith.constant dense<[
      [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0, 2.0, 0.0, 0.0, 2.0],
      [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]> : tensor<4x8xf32>
    %k = arith.constant dense<[[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0],
      [1.0, 1.0, -1.0, 0.0], [2.0, 0.0, 0.0, 2.0]]> : tensor<4x4xf32>
    %v = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0],
      [-1.0, -2.0, -3.0, -4.0], [10.0, 20.0, 30.0, 40.0]]> : tensor<4x4xf32>
    %sequences = arith.constant dense<[0, 0, 0, 7]> : tensor<4xi32>
    %positions = arith.constant dense<[0, 1, 2, 0]> : tensor<4xi32>
    %kv1 = moe.kv_append %k, %v into %kv layer 1 at %sequences, %positions
      : tensor<4x4xf32>, tensor<4xi32>, !moe.kv<2 x 2 x 2 x f32>
    %all = moe.attention %q over %kv1 layer 1 at %sequences, %positions heads 4 scale 0.5
      : tensor<4x8xf32>, tensor<4xi32>, !moe.kv<2 x 2 x 2 x f32>
    %near = moe.attention %q over %kv1 layer 1 at %sequences, %positions heads 4 scale 0.5 window 2
      : tensor<4x8xf32>, tensor<4xi32>, !moe.kv<2 x 2 x 2 x f32>
    return %all, %near, %kv1 : tensor<4x8xf32>, tensor<4x8xf32>, !moe.kv<2 x 2 x 2 x f32>
  }

  // The state is a value: what was appended or replaced later is not seen by
  // who holds an older one. A bf16 state keeps 8 significant bits.
  // CHECK-NEXT: f32 1x1: 256
  // CHECK-NEXT: f32 1x1: 5
  // CHECK-NEXT: f32 1x1: 256
  func.func @versions(%kv: !moe.kv<1 x 1 x 1 x bf16>) -> (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>) {
    %zero = arith.constant dense<0> : tensor<1xi32>
    %x = arith.constant dense<257.0> : tensor<1x1xf32>
    %y = arith.constant dense<5.0> : tensor<1x1xf32>
    %first = moe.kv_append %x, %x into %kv layer 0 at %zero, %zero
      : tensor<1x1xf32>, tensor<1xi32>, !moe.kv<1 x 1 x 1 x bf16>
    %a = moe.attention %x over %first layer 0 at %zero, %zero heads 1 scale 1.0
      : tensor<1x1xf32>, tensor<1xi32>, !moe.kv<1 x 1 x 1 x bf16>
    %second = moe.kv_append %y, %y into %first layer 0 at %zero, %zero
      : tensor<1x1xf32>, tensor<1xi32>, !moe.kv<1 x 1 x 1 x bf16>
    %b = moe.attention %x over %second layer 0 at %zero, %zero heads 1 scale 1.0
      : tensor<1x1xf32>, tensor<1xi32>, !moe.kv<1 x 1 x 1 x bf16>
    %c = moe.attention %x over %first layer 0 at %zero, %zero heads 1 scale 1.0
      : tensor<1x1xf32>, tensor<1xi32>, !moe.kv<1 x 1 x 1 x bf16>
    return %a, %b, %c : tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>
  }

  func.func @main(%kv: !moe.kv<2 x 2 x 2 x f32>, %small: !moe.kv<1 x 1 x 1 x bf16>)
      -> (tensor<4x8xf32>, tensor<4x8xf32>, !moe.kv<2 x 2 x 2 x f32>,
          tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>) {
    %ragged:3 = call @ragged(%kv) : (!moe.kv<2 x 2 x 2 x f32>)
      -> (tensor<4x8xf32>, tensor<4x8xf32>, !moe.kv<2 x 2 x 2 x f32>)
    %versions:3 = call @versions(%small) : (!moe.kv<1 x 1 x 1 x bf16>)
      -> (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>)
    return %ragged#0, %ragged#1, %ragged#2, %versions#0, %versions#1, %versions#2
      : tensor<4x8xf32>, tensor<4x8xf32>, !moe.kv<2 x 2 x 2 x f32>,
        tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>
  }
}
