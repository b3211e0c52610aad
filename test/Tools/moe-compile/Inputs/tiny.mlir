moe.model @tiny family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @norm : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @unused : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @w : tensor<4x4xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @u : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @r : tensor<8x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.rope_table @rope half frequencies [1.0, 0.01] gain 1.0
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %h = moe.norm rms %x by @norm epsilon 1.0e-06 groups 1 : tensor<?x4xf32>
    %q = moe.linear %h by @w : tensor<?x4xf32> -> tensor<?x4xf32>
    %c = moe.clamp %q to 8.0 : tensor<?x4xf32>
    %r = moe.rope %c at %positions by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kv1 = moe.kv_append %r, %q into %kv layer 0 at %sequences, %positions : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %a = moe.attention %r over %kv1 layer 0 at %sequences, %positions heads 1 scale 0.5 window 3 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %s = moe.add %x, %a : tensor<?x4xf32>
    %l = moe.linear %s by @r : tensor<?x4xf32> -> tensor<?x8xf32>
    %ids, %w = moe.route %l top 2 softmax renormalize scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %s to %ids, %w gate @g up @u down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %z = moe.add %y, %s : tensor<?x4xf32>
    %p = moe.pick %z rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %o = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %o, %kv1 : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
