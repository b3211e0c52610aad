// A matrix of normally distributed weights.
moe.model @gaussian family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x1024xf32> from [#moe.random<1, 0.02 : f32>]
  moe.weight @w : tensor<512x1024xf32> from [#moe.random<2, 0.02 : f32>]
  moe.weight @h : tensor<16x512xf32> from [#moe.random<3, 0.02 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x1024xf32>
    %w = moe.linear %x by @w : tensor<?x1024xf32> -> tensor<?x512xf32>
    %p = moe.pick %w rows %wanted : tensor<?x512xf32>, tensor<?xi32> -> tensor<?x512xf32>
    %o = moe.linear %p by @h : tensor<?x512xf32> -> tensor<?x16xf32>
    return %o, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
