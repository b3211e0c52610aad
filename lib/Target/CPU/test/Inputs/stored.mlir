// Every operation that takes stored weights, with rows that fill steps of 64 and
// tiles of 16 and rows that do not, with a bias, a shared gate and few experts. The
// table is f32: of bf16 values many lie half-way between two levels, where the last
// bit of a norm decides.
moe.model @m family "null" context 64 vocabulary 77 from "." {
  moe.weight @embed : tensor<77x160xf32> from [#moe.random<1, 0.7 : f32>]
  moe.weight @norm : tensor<160xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @q : tensor<128x160xbf16> from [#moe.random<2, 0.2 : f32>]
  moe.weight @q_bias : tensor<128xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @k : tensor<64x160xbf16> from [#moe.random<4, 0.2 : f32>]
  moe.weight @v : tensor<64x160xf16> from [#moe.random<5, 0.2 : f32>]
  moe.weight @o : tensor<160x128xf32> from [#moe.random<6, 0.2 : f32>]
  moe.weight @router : tensor<5x160xf32> from [#moe.random<7, 0.5 : f32>]
  moe.weight @g : tensor<5x200x160xbf16> from [#moe.random<8, 0.1 : f32>]
  moe.weight @u : tensor<5x200x160xbf16> from [#moe.random<9, 0.1 : f32>]
  moe.weight @d : tensor<5x160x200xbf16> from [#moe.random<10, 0.1 : f32>]
  moe.weight @mg : tensor<41x160xf32> from [#moe.random<11, 0.1 : f32>]
  moe.weight @mu : tensor<41x160xf32> from [#moe.random<12, 0.1 : f32>]
  moe.weight @md : tensor<160x41xf32> from [#moe.random<13, 0.1 : f32>]
  moe.weight @sg : tensor<1x160xbf16> from [#moe.random<14, 0.1 : f32>]
  moe.weight @head : tensor<77x160xbf16> from [#moe.random<15, 0.1 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 2 x 32 x f32>)
      -> (tensor<?x77xf32>, !moe.kv<1 x 2 x 32 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x160xf32>
    %h = moe.norm rms %x by @norm epsilon 1.0e-06 groups 1 : tensor<?x160xf32>
    %q = moe.linear %h by @q bias @q_bias : tensor<?x160xf32> -> tensor<?x128xf32>
    %k = moe.linear %h by @k : tensor<?x160xf32> -> tensor<?x64xf32>
    %v = moe.linear %h by @v : tensor<?x160xf32> -> tensor<?x64xf32>
    %kv1 = moe.kv_append %k, %v into %kv layer 0 at %sequences, %positions
      : tensor<?x64xf32>, tensor<?xi32>, !moe.kv<1 x 2 x 32 x f32>
    %a = moe.attention %q over %kv1 layer 0 at %sequences, %positions heads 4 scale 0.1767766952966369
      : tensor<?x128xf32>, tensor<?xi32>, !moe.kv<1 x 2 x 32 x f32>
    %o = moe.linear %a by @o : tensor<?x128xf32> -> tensor<?x160xf32>
    %x1 = moe.add %x, %o : tensor<?x160xf32>
    %h1 = moe.norm rms %x1 by @norm epsilon 1.0e-06 groups 1 : tensor<?x160xf32>
    %z = moe.linear %h1 by @router : tensor<?x160xf32> -> tensor<?x5xf32>
    %ids, %w = moe.route %z top 2 softmax renormalize scale 1.0 : tensor<?x5xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %h1 to %ids, %w gate @g up @u down @d silu
      : tensor<?x160xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %m = moe.mlp %h1 gate @mg up @mu down @md silu gated by @sg : tensor<?x160xf32>
    %s = moe.add %y, %m : tensor<?x160xf32>
    %x2 = moe.add %x1, %s : tensor<?x160xf32>
    %p = moe.pick %x2 rows %wanted : tensor<?x160xf32>, tensor<?xi32> -> tensor<?x160xf32>
    %logits = moe.linear %p by @head : tensor<?x160xf32> -> tensor<?x77xf32>
    return %logits, %kv1 : tensor<?x77xf32>, !moe.kv<1 x 2 x 32 x f32>
  }
}
