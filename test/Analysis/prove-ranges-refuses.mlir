// Sums that may leave int32 are refused, with how far they may go.
// RUN: moe-opt %s --moe-prove-ranges --verify-diagnostics --split-input-file

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
moe.model @one_too_many family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x65794xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x65794x!moe.quantized<i8>>) -> tensor<?x8xf32> {
    // expected-error@below {{'moe.linear' op sums 65794 products with @w to up to 2147516160 when int32 holds at most 2147483647}}
    %y = moe.linear %x by @w : tensor<?x65794x!moe.quantized<i8>> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// The levels are small, the correction by the zeros is not: 128 * 383 * 65536.
#far = #moe.code<"far", planes, bits = 2, columns = 65536, offset = 128, zeros = true>
moe.model @correction family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x65536xbf16> stored as #far from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x65536x!moe.quantized<i8>>) -> tensor<?x8xf32> {
    // expected-error@below {{sums 65536 products with @w to up to 3212836864 when int32 holds at most 2147483647}}
    %y = moe.linear %x by @w : tensor<?x65536x!moe.quantized<i8>> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Each matrix that may overflow is named, those of experts too.
#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
moe.model @experts family "null" context 16 vocabulary 8 from "." {
  moe.weight @gate : tensor<2x131072x64xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  moe.weight @down : tensor<2x64x131072xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x64x!moe.quantized<i8>>, %e: tensor<?x1xi32>, %w: tensor<?x1xf32>) {
    // expected-error@below {{'moe.experts' op sums 131072 products with @down to up to 4278190080 when}}
    %0 = moe.experts %x to %e, %w gate @gate up @gate down @down silu
      : tensor<?x64x!moe.quantized<i8>>, tensor<?x1xi32>, tensor<?x1xf32>
    // expected-error@below {{'moe.mlp' op sums 131072 products with @dense_down to up to 4278190080 when}}
    %1 = moe.mlp %x gate @dense_gate up @dense_gate down @dense_down silu
      : tensor<?x64x!moe.quantized<i8>>
    return
  }
  moe.weight @dense_gate : tensor<131072x64xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  moe.weight @dense_down : tensor<64x131072xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
}
