// RUN: moe-opt %s --cse | FileCheck %s

// The rows that several weights multiply are quantised once; rotations differ.

// CHECK-LABEL: func.func @once
// CHECK-COUNT-3: moe.quantize %
// CHECK-NOT: moe.quantize %
// CHECK: return %[[Q:.+]], %[[Q]], %{{.+}}, %{{.+}} :
func.func @once(%x: tensor<?x4xf32>) -> (tensor<?x4x!moe.quantized<i8 rotated 4>>, tensor<?x4x!moe.quantized<i8 rotated 4>>, tensor<?x4x!moe.quantized<i8 rotated 4>>, tensor<?x4x!moe.quantized<i8 rotated 2>>) {
  %a = moe.quantize %x : tensor<?x4xf32> -> tensor<?x4x!moe.quantized<i8 rotated 4>>
  %b = moe.quantize %x : tensor<?x4xf32> -> tensor<?x4x!moe.quantized<i8 rotated 4>>
  %c = moe.quantize %x arrived rotated : tensor<?x4xf32> -> tensor<?x4x!moe.quantized<i8 rotated 4>>
  %d = moe.quantize %x : tensor<?x4xf32> -> tensor<?x4x!moe.quantized<i8 rotated 2>>
  return %a, %b, %c, %d : tensor<?x4x!moe.quantized<i8 rotated 4>>, tensor<?x4x!moe.quantized<i8 rotated 4>>, tensor<?x4x!moe.quantized<i8 rotated 4>>, tensor<?x4x!moe.quantized<i8 rotated 2>>
}
