// RUN: moe-opt %s --lpu-lower-model=context=16 --split-input-file --verify-diagnostics
// RUN: not moe-opt %s --lpu-lower-model=machine=tsp7 --split-input-file 2>&1 | FileCheck %s --check-prefix=MACHINE
// RUN: not moe-opt %s --lpu-lower-model=context=0 --split-input-file 2>&1 | FileCheck %s --check-prefix=CONTEXT

// MACHINE: error: {{.*}}tsp7
// CONTEXT: error: {{.*}}context of 0 positions, at least 1 is needed

moe.model @layer_norm family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @n : tensor<16xbf16> from [#moe.random<2, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    // expected-error @+1 {{is a layer norm, the lpu backend has rms norms}}
    %y = moe.norm layer %x by @n epsilon 1.0e-06 groups 1 : tensor<?x16xf32>
    return %y, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @wide_heads family "null" context 16 vocabulary 512 from "." {
  moe.weight @embed : tensor<512x512xbf16> from [#moe.random<1, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 512 x f32>)
      -> (tensor<?x512xf32>, !moe.kv<1 x 1 x 512 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x512xf32>
    %s = moe.kv_append %x, %x into %kv layer 0 at %sequences, %positions : tensor<?x512xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 512 x f32>
    // expected-error @+1 {{has heads of 512 features, the machine has 320 lanes}}
    %a = moe.attention %x over %s layer 0 at %sequences, %positions heads 1 scale 0.5 : tensor<?x512xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 512 x f32>
    return %a, %s : tensor<?x512xf32>, !moe.kv<1 x 1 x 512 x f32>
  }
}

// -----

moe.model @many_words family "null" context 16 vocabulary 9000 from "." {
  moe.weight @embed : tensor<9000x16xbf16> from [#moe.random<1, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x9000xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    // expected-error @+1 {{has 9000 words of 1 vectors, a slice of the machine has 8192 rows}}
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %y = moe.linear %x by @embed : tensor<?x16xf32> -> tensor<?x9000xf32>
    return %y, %kv : tensor<?x9000xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @similar family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    // expected-error @+1 {{is nothing that the lpu backend computes}}
    %y = moe.similarity %x, %x : tensor<?x16xf32> -> tensor<?x1xf32>
    return %x, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
moe.model @gelu family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g : tensor<16x16xbf16> stored as #q8 from [#moe.random<2, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.quantize %x : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    // expected-error @+1 {{has the activation gelu_tanh, the lpu backend has silu, relu and identity}}
    %y = moe.mlp %l gate @g up @g down @g gelu_tanh : tensor<?x16x!moe.quantized<i8>>
    return %y, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @elements family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g : tensor<16x16xbf16> from [#moe.random<2, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    // expected-error @+1 {{has weights that are no code, the lpu backend takes those of --quantize}}
    %y = moe.mlp %x gate @g up @g down @g silu : tensor<?x16xf32>
    return %y, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @entropy family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions
    // expected-error @+1 {{is an entropy, the machine has no logarithm}}
    %s = moe.confidence entropy %x : tensor<?x16xf32> -> tensor<?x1xf32>
    %on, %gone, %still, %kept, %leaving = moe.exit %s by "entropy" above 0.9 after 1 asking %asking running %running due %due of %wanted at %sequences, %positions : tensor<?x1xf32>
    return %x, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @waiting family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions from %kv : !moe.kv<1 x 1 x 4 x f32>
    %s = moe.confidence top1 %x : tensor<?x16xf32> -> tensor<?x1xf32>
    // expected-error @+1 {{lets rows wait, the lpu backend propagates those that left}}
    %on, %gone, %still, %kept, %leaving = moe.exit %s by "top1" above 0.9 after 1 asking %asking running %running due %due of %wanted at %sequences, %positions from %kv : !moe.kv<1 x 1 x 4 x f32> : tensor<?x1xf32>
    return %x, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
// -----

moe.model @other_heads family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @half : tensor<8x16xbf16> from [#moe.random<2, 0.5 : f32>]
  moe.weight @whole : tensor<16x8xbf16> from [#moe.random<3, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<2 x 2 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<2 x 2 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %h = moe.pick %x rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %a = moe.attention %h over %kv layer 0 at %sequences, %positions heads 4 scale 0.5 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 4 x f32>
    %q = moe.linear %a by @half : tensor<?x16xf32> -> tensor<?x8xf32>
    // expected-error @+1 {{has 2 heads, an earlier layer has 4, the lpu backend has one number for all}}
    %b = moe.attention %q over %kv layer 1 at %sequences, %positions heads 2 scale 0.5 : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 4 x f32>
    %c = moe.linear %b by @whole : tensor<?x8xf32> -> tensor<?x16xf32>
    return %c, %kv : tensor<?x16xf32>, !moe.kv<2 x 2 x 4 x f32>
  }
}
