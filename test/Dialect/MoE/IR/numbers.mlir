// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// Numbers print in the shortest form that reads back as the same float64.

// CHECK-LABEL: func.func @numbers
func.func @numbers(%x: tensor<?x4xf32>) {
  // CHECK: to 8.0 :
  %0 = moe.clamp %x to 8.0 : tensor<?x4xf32>
  // CHECK: to 1.0e-05 :
  %1 = moe.clamp %x to 0.00001 : tensor<?x4xf32>
  // CHECK: to 1.0e+20 :
  %2 = moe.clamp %x to 100000000000000000000.0 : tensor<?x4xf32>
  // CHECK: to 0.1 :
  %3 = moe.clamp %x to 0.1 : tensor<?x4xf32>
  // CHECK: to 0.30000000000000004 :
  %4 = moe.clamp %x to 0.30000000000000004 : tensor<?x4xf32>
  // CHECK: to 1.5e-300 :
  %5 = moe.clamp %x to 1.5e-300 : tensor<?x4xf32>
  // CHECK: to 5.0e-324 :
  %6 = moe.clamp %x to 4.9406564584124654e-324 : tensor<?x4xf32>
  return
}
