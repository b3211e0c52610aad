// One megabyte of weights.
moe.model @large family "null" context 16 vocabulary 1024 from "." {
  moe.weight @embed : tensor<1024x256xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 256 x f32>) -> (tensor<?x1024xf32>, !moe.kv<1 x 1 x 256 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x256xf32>
    %p = moe.pick %x rows %wanted : tensor<?x256xf32>, tensor<?xi32> -> tensor<?x256xf32>
    %o = moe.linear %p by @embed : tensor<?x256xf32> -> tensor<?x1024xf32>
    return %o, %kv : tensor<?x1024xf32>, !moe.kv<1 x 1 x 256 x f32>
  }
}
