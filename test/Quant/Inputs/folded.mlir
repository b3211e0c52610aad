// Attention whose heads have 64 features, and share one value head.
moe.model @folded family "null" context 16 vocabulary 48 from "." {
  moe.weight @embed : tensor<48x128xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @q : tensor<128x128xf32> from [#moe.random<2, 0.1 : f32>]
  moe.weight @k : tensor<64x128xf32> from [#moe.random<3, 0.1 : f32>]
  moe.weight @v : tensor<64x128xf32> from [#moe.random<4, 0.1 : f32>]
  moe.weight @o : tensor<128x128xf32> from [#moe.random<5, 0.1 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 64 x f32>) -> (tensor<?x48xf32>, !moe.kv<1 x 1 x 64 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x128xf32>
    %q = moe.linear %x by @q : tensor<?x128xf32> -> tensor<?x128xf32>
    %k = moe.linear %x by @k : tensor<?x128xf32> -> tensor<?x64xf32>
    %v = moe.linear %x by @v : tensor<?x128xf32> -> tensor<?x64xf32>
    %kv1 = moe.kv_append %k, %v into %kv layer 0 at %sequences, %positions : tensor<?x64xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 64 x f32>
    %a = moe.attention %q over %kv1 layer 0 at %sequences, %positions heads 2 scale 0.125 : tensor<?x128xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 64 x f32>
    %o = moe.linear %a by @o : tensor<?x128xf32> -> tensor<?x128xf32>
    %p = moe.pick %o rows %wanted : tensor<?x128xf32>, tensor<?xi32> -> tensor<?x128xf32>
    %l = moe.linear %p by @embed : tensor<?x128xf32> -> tensor<?x48xf32>
    return %l, %kv1 : tensor<?x48xf32>, !moe.kv<1 x 1 x 64 x f32>
  }
}
