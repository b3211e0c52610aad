// Sums of products with stored weights fit int32 for any weights and inputs;
// the narrowest integer that holds them is written down.
// RUN: moe-opt %s --moe-prove-ranges | FileCheck %s

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
#q4 = #moe.code<"q4", planes, bits = 4, columns = 128, zeros = true>
#q2 = #moe.code<"q2", planes, bits = 2, columns = 64, levels = [13, 96, 160, 243], offset = 128>

moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @most : tensor<8x65793xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  moe.weight @usual : tensor<8x2048xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  moe.weight @grouped : tensor<8x2048xbf16> stored as #q4 from [#moe.random<1, 0.5 : f32>]
  moe.weight @short : tensor<8x40xbf16> stored as #q4 from [#moe.random<1, 0.5 : f32>]
  moe.weight @table : tensor<8x2048xbf16> stored as #q2 from [#moe.random<1, 0.5 : f32>]
  moe.weight @plain : tensor<8x90000xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @gate : tensor<2x4096x2048xbf16> stored as #q4 from [#moe.random<1, 0.5 : f32>]
  moe.weight @up : tensor<2x4096x2048xbf16> stored as #q4 from [#moe.random<1, 0.5 : f32>]
  moe.weight @down : tensor<2x2048x4096xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  moe.weight @mlp_gate : tensor<64x2048xbf16> stored as #q2 from [#moe.random<1, 0.5 : f32>]
  moe.weight @mlp_down : tensor<2048x64xbf16> from [#moe.random<1, 0.5 : f32>]

  // CHECK-LABEL: func @linears
  func.func @linears(%x: tensor<?x65793x!moe.quantized<i8>>, %y: tensor<?x2048x!moe.quantized<i8>>,
      %z: tensor<?x40x!moe.quantized<i8>>, %p: tensor<?x90000xf32>) {
    // 128 * 255 * 65793 = 2147483520, the last that fits.
    // CHECK: by @most {moe.accumulator_bits = 32 : i64}
    %0 = moe.linear %x by @most : tensor<?x65793x!moe.quantized<i8>> -> tensor<?x8xf32>
    // 128 * 255 * 2048 = 66846720.
    // CHECK: by @usual {moe.accumulator_bits = 27 : i64}
    %1 = moe.linear %y by @usual : tensor<?x2048x!moe.quantized<i8>> -> tensor<?x8xf32>
    // A group's 128 columns, and zeros to 255: 128 * 255 * 128 = 4177920.
    // CHECK: by @grouped {moe.accumulator_bits = 23 : i64}
    %2 = moe.linear %y by @grouped : tensor<?x2048x!moe.quantized<i8>> -> tensor<?x8xf32>
    // Rows shorter than a group: 128 * 255 * 40 = 1305600.
    // CHECK: by @short {moe.accumulator_bits = 22 : i64}
    %3 = moe.linear %z by @short : tensor<?x40x!moe.quantized<i8>> -> tensor<?x8xf32>
    // The largest level is 243: 128 * 243 * 64 = 1990656.
    // CHECK: by @table {moe.accumulator_bits = 22 : i64}
    %4 = moe.linear %y by @table : tensor<?x2048x!moe.quantized<i8>> -> tensor<?x8xf32>
    // Nothing is summed in integers.
    // CHECK: by @plain :
    %5 = moe.linear %p by @plain : tensor<?x90000xf32> -> tensor<?x8xf32>
    return
  }

  // The matrix with the longest sums counts: down, 128 * 255 * 4096.
  // CHECK-LABEL: func @networks
  // CHECK: moe.experts {{.*}} silu {moe.accumulator_bits = 28 : i64}
  // CHECK: moe.mlp {{.*}} silu {moe.accumulator_bits = 22 : i64}
  func.func @networks(%x: tensor<?x2048x!moe.quantized<i8>>, %e: tensor<?x1xi32>,
      %w: tensor<?x1xf32>) {
    %0 = moe.experts %x to %e, %w gate @gate up @up down @down silu
      : tensor<?x2048x!moe.quantized<i8>>, tensor<?x1xi32>, tensor<?x1xf32>
    %1 = moe.mlp %x gate @mlp_gate up @mlp_gate down @mlp_down silu
      : tensor<?x2048x!moe.quantized<i8>>
    return
  }
}
