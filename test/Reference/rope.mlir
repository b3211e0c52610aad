// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s
// Expected values: Inputs/expected.py, section rope (by complex numbers).

moe.model @rope family "null" context 4 vocabulary 1 from "." {
  moe.rope_table @half half frequencies [1.0, 0.5] gain 2.0
  moe.rope_table @interleaved interleaved frequencies [1.0, 0.5] gain 2.0

  // Two heads of 6, of which the first four turn; the second row does not turn,
  // because it stands at position 0, but is multiplied all the same.
  // CHECK: f32 2x12: -2.82670504 -7.69701109 -5.65771496 4.55587756 5 6
  // CHECK-SAME: -16.4000551 -18.8181045 -15.8441848 17.3746638 11 12
  // CHECK-SAME: 2 4 6 8 5 6 14 16 18 20 11 12
  // CHECK-NEXT: f32 2x12: -2.54446503 -3.67772997 -7.55553668 6.55086753 5 6
  // CHECK-SAME: -16.1178151 -13.8641998 -18.6766301 19.3696538 11 12
  // CHECK-SAME: 2 4 6 8 5 6 14 16 18 20 11 12
  func.func @main() -> (tensor<2x12xf32>, tensor<2x12xf32>) {
    %x = arith.constant dense<[
      [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
      [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]]> : tensor<2x12xf32>
    %positions = arith.constant dense<[3, 0]> : tensor<2xi32>
    %half = moe.rope %x at %positions by @half heads 2 : tensor<2x12xf32>, tensor<2xi32>
    %interleaved = moe.rope %x at %positions by @interleaved heads 2 : tensor<2x12xf32>, tensor<2xi32>
    return %half, %interleaved : tensor<2x12xf32>, tensor<2x12xf32>
  }
}
