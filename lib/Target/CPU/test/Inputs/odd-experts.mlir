// Experts whose gate and up are plain and take 60 bytes, so that the codes of
// down start there.
moe.model @odd family "null" context 16 vocabulary 64 from "." {
  moe.weight @embed : tensor<64x5xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @r : tensor<4x5xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g : tensor<4x3x5xbf16> from [#moe.random<2, 0.5 : f32>]
  moe.weight @u : tensor<4x3x5xbf16> from [#moe.random<3, 0.5 : f32>]
  moe.weight @d : tensor<4x5x3xbf16> from [#moe.random<4, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x64xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x5xf32>
    %l = moe.linear %x by @r : tensor<?x5xf32> -> tensor<?x4xf32>
    %ids, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu : tensor<?x5xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %p = moe.pick %y rows %wanted : tensor<?x5xf32>, tensor<?xi32> -> tensor<?x5xf32>
    %o = moe.linear %p by @embed : tensor<?x5xf32> -> tensor<?x64xf32>
    return %o, %kv : tensor<?x64xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
