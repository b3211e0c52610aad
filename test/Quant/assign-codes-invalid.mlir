// RUN: moe-opt %s --moe-assign-codes=scheme=@g:q8,@absent:q8 -split-input-file -verify-diagnostics

// expected-error @+1 {{has no weight @absent that may be stored as a code}}
moe.model @absent family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x64xf32> from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x64xf32>) -> tensor<?x8xf32> {
    %o = moe.linear %x by @g : tensor<?x64xf32> -> tensor<?x8xf32>
    return %o : tensor<?x8xf32>
  }
}

// -----

moe.model @half family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<32x64xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @u : tensor<32x64xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @d : tensor<64x32xf32> from [#moe.random<3, 0.5 : f32>]
  func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    // expected-error @+1 {{takes one input for gate @g and up @u when only one of them gets a code}}
    %y = moe.mlp %x gate @g up @u down @d silu : tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}
