// Linear maps of elements, dense and of experts: FEATURES and WIDTH come in, OUTPUTS
// leave; weights are TYPE, those of experts EXPERT.
moe.model @m family "null" context 128 vocabulary 48 from "." {
  moe.weight @embed : tensor<48xFEATURESxbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @r : tensor<3xFEATURESxf32> from [#moe.random<2, 0.3 : f32>]
  moe.weight @g : tensor<3xWIDTHxFEATURESxEXPERT> from [#moe.random<3, 0.1 : f32>]
  moe.weight @u : tensor<3xWIDTHxFEATURESxEXPERT> from [#moe.random<4, 0.1 : f32>]
  moe.weight @d : tensor<3xFEATURESxWIDTHxEXPERT> from [#moe.random<5, 0.1 : f32>]
  moe.weight @a : tensor<OUTPUTSxFEATURESxTYPE> from [#moe.random<6, 0.1 : f32>]
  moe.weight @a_bias : tensor<OUTPUTSxbf16> from [#moe.random<7, 0.1 : f32>]
  moe.weight @b : tensor<48xOUTPUTSxTYPE> from [#moe.random<8, 0.1 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x48xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?xFEATURESxf32>
    %l = moe.linear %x by @r : tensor<?xFEATURESxf32> -> tensor<?x3xf32>
    %ids, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x3xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu : tensor<?xFEATURESxf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %s = moe.add %x, %y : tensor<?xFEATURESxf32>
    %z = moe.linear %s by @a bias @a_bias : tensor<?xFEATURESxf32> -> tensor<?xOUTPUTSxf32>
    %p = moe.pick %z rows %wanted : tensor<?xOUTPUTSxf32>, tensor<?xi32> -> tensor<?xOUTPUTSxf32>
    %o = moe.linear %p by @b : tensor<?xOUTPUTSxf32> -> tensor<?x48xf32>
    return %o, %kv : tensor<?x48xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
