// RUN: moe-opt %s --moe-gpu-lower-model -split-input-file -verify-diagnostics

// What host code cannot check is refused as by the CPU backend, whose tests
// have a case for each diagnostic.

// expected-error @below {{the gpu backend takes 1 model, the module has 2}}
module {
  moe.model @a family "null" context 16 vocabulary 8 from "." {
  }
  moe.model @b family "null" context 16 vocabulary 8 from "." {
  }
}

// -----

// expected-error @below {{has no function @forward to lower}}
moe.model @a family "null" context 16 vocabulary 8 from "." {
}

// -----

moe.model @a family "null" context 16 vocabulary 4 from "." {
  func.func private @other(%x: tensor<?xi32>) -> tensor<?x4xf32>
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    // expected-error @below {{'func.call' op has no lowering to gpu code}}
    %x = func.call @other(%tokens) : (tensor<?xi32>) -> tensor<?x4xf32>
    return %x, %kv : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 4 from "." {
  // expected-error @below {{has a state of 'bf16', the gpu backend has f32}}
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x bf16>)
      -> (tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x bf16>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    return %p, %kv : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x bf16>
  }
  moe.weight @embed : tensor<4x4xbf16> from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @a family "null" context 16 vocabulary 4 from "." {
  moe.weight @embed : tensor<4x32768xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %all = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x32768xf32>
    %x = moe.pick %all rows %wanted : tensor<?x32768xf32>, tensor<?xi32> -> tensor<?x32768xf32>
    // expected-error @below {{rotates blocks of 32768 features, the gpu backend up to 16384}}
    %l = moe.quantize %x : tensor<?x32768xf32> -> tensor<?x32768x!moe.quantized<i8 rotated 32768>>
    %y = moe.dequantize %l : tensor<?x32768x!moe.quantized<i8 rotated 32768>>
    %logits = moe.linear %y by @embed : tensor<?x32768xf32> -> tensor<?x4xf32>
    return %logits, %kv : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
