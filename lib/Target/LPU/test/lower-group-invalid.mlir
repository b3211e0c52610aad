// RUN: moe-opt %s --lpu-lower-model="context=16 chips=4" --split-input-file --verify-diagnostics
// RUN: not moe-opt %s --lpu-lower-model="context=16 chips=9" --split-input-file 2>&1 | FileCheck %s --check-prefix=NODE
// RUN: not moe-opt %s --lpu-lower-model="context=16 part=middle" --split-input-file 2>&1 | FileCheck %s --check-prefix=PART
// RUN: not moe-opt %s --lpu-lower-model="context=16 stages=2" --split-input-file 2>&1 | FileCheck %s --check-prefix=STAGES

// NODE: error: a layer is shared by 9 chips, machine tsp1 connects 1 to 8 with each other
// PART: error: has no part "middle", known are all, layers and head
// STAGES: error: has 1 layers for 2 stages

moe.model @heads family "null" context 16 vocabulary 12 from "." {
  moe.weight @embed : tensor<12x12xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @n : tensor<12xbf16> from [#moe.random<2, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 3 x 4 x f32>) -> (tensor<?x12xf32>, !moe.kv<1 x 3 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x12xf32>
    %q = moe.norm rms %x by @n epsilon 1.0e-06 groups 1 : tensor<?x12xf32>
    %kv0 = moe.kv_append %q, %q into %kv layer 0 at %sequences, %positions : tensor<?x12xf32>, tensor<?xi32>, !moe.kv<1 x 3 x 4 x f32>
    // expected-error @+1 {{has 3 heads, too few for 4 chips of 1 each}}
    %a = moe.attention %q over %kv0 layer 0 at %sequences, %positions heads 3 scale 0.5 : tensor<?x12xf32>, tensor<?xi32>, !moe.kv<1 x 3 x 4 x f32>
    return %a, %kv0 : tensor<?x12xf32>, !moe.kv<1 x 3 x 4 x f32>
  }
}

// -----

moe.model @blocks family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @up : tensor<32x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.random<2, 0.5 : f32>]
  moe.weight @down : tensor<16x32xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> columns rotated 16 from [#moe.random<3, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.quantize %x : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    // expected-error @+1 {{has 32 features between up and down, in 2 blocks, too few for 4 chips}}
    %f = moe.mlp %l gate @up up @up down @down silu : tensor<?x16x!moe.quantized<i8>>
    return %f, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @rotated family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @o : tensor<16x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> columns rotated 16 from [#moe.random<3, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 4 x 4 x f32>) -> (tensor<?x16xf32>, !moe.kv<1 x 4 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %kv0 = moe.kv_append %x, %x into %kv layer 0 at %sequences, %positions : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<1 x 4 x 4 x f32>
    %a = moe.attention %x over %kv0 layer 0 at %sequences, %positions heads 4 scale 0.5 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<1 x 4 x 4 x f32>
    // expected-error @+1 {{rotates blocks of 16 features, of which a chip has only parts}}
    %l = moe.quantize %a : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8 rotated 16>>
    %f = moe.linear %l by @o : tensor<?x16x!moe.quantized<i8 rotated 16>> -> tensor<?x16xf32>
    return %f, %kv0 : tensor<?x16xf32>, !moe.kv<1 x 4 x 4 x f32>
  }
}

// -----

moe.model @norms family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @n : tensor<16xbf16> from [#moe.random<2, 0.5 : f32>]
  moe.weight @q : tensor<16x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.random<3, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 4 x 4 x f32>) -> (tensor<?x16xf32>, !moe.kv<1 x 4 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.quantize %x : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %q = moe.linear %l by @q : tensor<?x16x!moe.quantized<i8>> -> tensor<?x16xf32>
    // expected-error @+1 {{normalises 16 features together, which 4 chips share}}
    %qn = moe.norm rms %q by @n epsilon 1.0e-06 groups 1 : tensor<?x16xf32>
    %kv0 = moe.kv_append %qn, %qn into %kv layer 0 at %sequences, %positions : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<1 x 4 x 4 x f32>
    %a = moe.attention %qn over %kv0 layer 0 at %sequences, %positions heads 4 scale 0.5 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<1 x 4 x 4 x f32>
    return %a, %kv0 : tensor<?x16xf32>, !moe.kv<1 x 4 x 4 x f32>
  }
}
