// Expert 1 has a weight beyond what an f16 scale and 8 bits can hold.
moe.model @huge family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x2xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @r : tensor<2x2xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g : tensor<2x1x2xf32> from [#moe.values<[1.0, 2.0, 1.0e+30, 3.0]>]
  moe.weight @d : tensor<2x2x1xf32> from [#moe.random<1, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x2xf32>
    %l = moe.linear %x by @r : tensor<?x2xf32> -> tensor<?x2xf32>
    %ids, %w = moe.route %l top 1 softmax scale 1.0 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x2xf32>, tensor<?x1xi32>, tensor<?x1xf32>
    %p = moe.pick %y rows %wanted : tensor<?x2xf32>, tensor<?xi32> -> tensor<?x2xf32>
    %o = moe.linear %p by @embed : tensor<?x2xf32> -> tensor<?x8xf32>
    return %o, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
