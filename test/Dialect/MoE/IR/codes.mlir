// RUN: moe-opt %s --verify-roundtrip | FileCheck %s
// RUN: moe-opt %s --mlir-print-op-generic | moe-opt | FileCheck %s
// RUN: moe-opt %s --emit-bytecode | moe-opt | FileCheck %s
// RUN: moe-opt %s --mlir-print-local-scope | moe-opt | FileCheck %s

// Codes stand at the top, under the names of their schemes; two of one name get
// numbers. What is as usual is not printed.

// CHECK-DAG: #q35 = #moe.code<"q35", pairs, bits = 7, weights = 800, offset = 128, rotated = true, window = [-27, 101], levels = [32, 34, 35,
// CHECK-DAG: #q4 = #moe.code<"q4", planes, bits = 4, columns = 32, zeros = true>
// CHECK-DAG: #q4_1 = #moe.code<"q4", planes, bits = 4, columns = 128, zeros = true>
// CHECK-DAG: #three-levels = #moe.code<"three-levels", planes, bits = 2, offset = 1, levels = [0, 1, 2, 2]>
#trellis = #moe.code<"q35", pairs, bits = 7, columns = 0, weights = 800, offset = 128, zeros = false, rotated = true, window = [-27, 101], levels = [
  32, 34, 35, 37, 38, 40, 41, 43, 44, 46, 47, 49, 50, 52, 53, 55, 56, 58, 59, 61, 62, 64, 65, 67, 68, 70, 71, 73, 74, 76, 77, 79, 80, 82, 83, 85, 86, 88, 89, 91, 92, 94, 95, 97, 98, 100, 101, 103, 104, 106, 107, 109, 110, 112, 113, 115, 116, 118, 119, 121, 122, 124, 125, 127, 128, 130, 131, 133, 134, 136, 137, 139, 140, 142, 143, 145, 146, 148, 149, 151, 152, 154, 155, 157, 158, 160, 161, 163, 164, 166, 167, 169, 170, 172, 173, 175, 176, 178, 179, 181, 182, 184, 185, 187, 188, 190, 191, 193, 194, 196, 197, 199, 200, 202, 203, 205, 206, 208, 209, 211, 212, 214, 215, 217, 218, 220, 221, 223]>
#q4 = #moe.code<"q4", planes, bits = 4, columns = 32, zeros = true>

// CHECK: moe.model @codes
moe.model @codes family "null" context 16 vocabulary 8 from "." {
  // CHECK: moe.weight @a : tensor<128x256xbf16> stored as #q35 columns rotated 256 from [
  moe.weight @a : tensor<128x256xbf16> stored as #trellis columns rotated 256 from [#moe.random<1, 0.5 : f32>]
  // CHECK: moe.weight @b : tensor<128x256xbf16> stored as #q35 columns rotated 2 rows rotated 128 from [
  moe.weight @b : tensor<128x256xbf16> stored as #trellis columns rotated 2 rows rotated 128 from [#moe.random<1, 0.5 : f32>]
  // CHECK: moe.weight @c : tensor<6x8x4xf16> stored as #q4 rows rotated 8 from [
  moe.weight @c : tensor<6x8x4xf16> stored as #q4 rows rotated 8 from [#moe.random<1, 0.5 : f32>]
  // CHECK: moe.weight @d : tensor<3x5xf32> stored as #q4_1 from [
  moe.weight @d : tensor<3x5xf32> stored as #moe.code<"q4", planes, bits = 4, columns = 128, zeros = true> from [#moe.splat<1.0 : f32>]
  // CHECK: moe.weight @e : tensor<3x5xf32> stored as #three-levels from [
  moe.weight @e : tensor<3x5xf32> stored as #moe.code<"three-levels", planes, bits = 2, offset = 1, levels = [0, 1, 2, 2]> from [#moe.splat<1.0 : f32>]
  // CHECK: moe.weight @plain : tensor<1x256xbf16> from [
  moe.weight @plain : tensor<1x256xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @down : tensor<256x128xbf16> stored as #q4 from [#moe.random<1, 0.5 : f32>]
  moe.weight @gates : tensor<8x128x256xbf16> stored as #trellis columns rotated 256 from [#moe.random<1, 0.5 : f32>]
  moe.weight @downs : tensor<8x256x128xbf16> from [#moe.random<1, 0.5 : f32>]

  // CHECK: func.func @f
  func.func @f(%x: tensor<?x256xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // CHECK: %levels = moe.quantize %{{.+}} : tensor<?x256xf32> -> tensor<?x256x!moe.quantized<i8 rotated 256>>
    %q = moe.quantize %x : tensor<?x256xf32> -> tensor<?x256x!moe.quantized<i8 rotated 256>>
    // CHECK: moe.quantize %{{.+}} arrived rotated : tensor<?x256xf32> -> tensor<?x256x!moe.quantized<i8 rotated 128>>
    %r = moe.quantize %x arrived rotated : tensor<?x256xf32> -> tensor<?x256x!moe.quantized<i8 rotated 128>>
    // CHECK: moe.quantize %{{.+}} : tensor<?x256xf32> -> tensor<?x256x!moe.quantized<i8>>
    %p = moe.quantize %x : tensor<?x256xf32> -> tensor<?x256x!moe.quantized<i8>>
    // CHECK: %values = moe.dequantize %levels : tensor<?x256x!moe.quantized<i8 rotated 256>>
    %d = moe.dequantize %q : tensor<?x256x!moe.quantized<i8 rotated 256>>
    // CHECK: moe.linear %levels by @a : tensor<?x256x!moe.quantized<i8 rotated 256>> -> tensor<?x128xf32>
    %l = moe.linear %q by @a : tensor<?x256x!moe.quantized<i8 rotated 256>> -> tensor<?x128xf32>
    // CHECK: moe.mlp %levels gate @a up @a down @down silu gated by @plain of %values : tensor<?x256x!moe.quantized<i8 rotated 256>>, tensor<?x256xf32>
    %m = moe.mlp %q gate @a up @a down @down silu gated by @plain of %d : tensor<?x256x!moe.quantized<i8 rotated 256>>, tensor<?x256xf32>
    // CHECK: moe.mlp %levels gate @a up @a down @down silu : tensor<?x256x!moe.quantized<i8 rotated 256>>
    %n = moe.mlp %q gate @a up @a down @down silu : tensor<?x256x!moe.quantized<i8 rotated 256>>
    // CHECK: moe.experts %levels to %{{.+}}, %{{.+}} gate @gates up @gates down @downs silu : tensor<?x256x!moe.quantized<i8 rotated 256>>, tensor<?x2xi32>, tensor<?x2xf32>
    %e = moe.experts %q to %ids, %w gate @gates up @gates down @downs silu : tensor<?x256x!moe.quantized<i8 rotated 256>>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}
