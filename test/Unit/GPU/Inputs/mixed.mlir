// Weights of both kinds, sizes that tensor cores take: most kernels have work.
#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
moe.model @mixed family "null" context 512 vocabulary 96 from "." {
  moe.weight @embed : tensor<96x64xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @norm : tensor<64xbf16> from [#moe.random<9, 0.5 : f32>]
  moe.weight @q : tensor<64x64xbf16> from [#moe.random<2, 0.5 : f32>]
  moe.weight @k : tensor<16x64xbf16> stored as #q8 from [#moe.random<3, 0.5 : f32>]
  moe.weight @o : tensor<64x64xbf16> stored as #q8 from [#moe.random<4, 0.5 : f32>]
  moe.weight @r : tensor<4x64xbf16> from [#moe.random<5, 0.5 : f32>]
  moe.weight @g : tensor<4x96x64xbf16> stored as #q8 from [#moe.random<6, 0.5 : f32>]
  moe.weight @u : tensor<4x96x64xbf16> stored as #q8 from [#moe.random<7, 0.5 : f32>]
  moe.weight @d : tensor<4x64x96xbf16> stored as #q8 from [#moe.random<8, 0.5 : f32>]
  moe.rope_table @rope half frequencies [1.0, 0.1, 0.01, 0.001, 1.0, 0.1, 0.01, 0.001] gain 1.0
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 16 x f32>) -> (tensor<?x96xf32>, !moe.kv<1 x 1 x 16 x f32>) {
    %x0 = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x64xf32>
    %x = moe.norm rms %x0 by @norm epsilon 1.0e-6 groups 1 : tensor<?x64xf32>
    %l = moe.quantize %x : tensor<?x64xf32> -> tensor<?x64x!moe.quantized<i8>>
    %q0 = moe.linear %x by @q : tensor<?x64xf32> -> tensor<?x64xf32>
    %k0 = moe.linear %l by @k : tensor<?x64x!moe.quantized<i8>> -> tensor<?x16xf32>
    %q = moe.rope %q0 at %positions by @rope heads 4 : tensor<?x64xf32>, tensor<?xi32>
    %k = moe.rope %k0 at %positions by @rope heads 1 : tensor<?x16xf32>, tensor<?xi32>
    %s = moe.kv_append %k, %k0 into %kv layer 0 at %sequences, %positions : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 16 x f32>
    %a = moe.attention %q over %s layer 0 at %sequences, %positions heads 4 scale 0.35 : tensor<?x64xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 16 x f32>
    %m = moe.quantize %a : tensor<?x64xf32> -> tensor<?x64x!moe.quantized<i8>>
    %o = moe.linear %m by @o : tensor<?x64x!moe.quantized<i8>> -> tensor<?x64xf32>
    %y = moe.add %x, %o : tensor<?x64xf32>
    %n = moe.linear %y by @r : tensor<?x64xf32> -> tensor<?x4xf32>
    %ids, %w = moe.route %n top 2 softmax renormalize scale 1.0 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %e = moe.quantize %y : tensor<?x64xf32> -> tensor<?x64x!moe.quantized<i8>>
    %z = moe.experts %e to %ids, %w gate @g up @u down @d silu : tensor<?x64x!moe.quantized<i8>>, tensor<?x2xi32>, tensor<?x2xf32>
    %v = moe.add %y, %z : tensor<?x64xf32>
    %p = moe.pick %v rows %wanted : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
    %logits = moe.linear %p by @embed : tensor<?x64xf32> -> tensor<?x96xf32>
    return %logits, %s : tensor<?x96xf32>, !moe.kv<1 x 1 x 16 x f32>
  }
}
