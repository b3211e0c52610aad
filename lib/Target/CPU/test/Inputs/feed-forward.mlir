// Every activation and every way to route, dense, shared and by expert, with
// widths that fill vectors and widths that do not.
moe.model @m family "null" context 64 vocabulary 13 from "." {
  moe.weight @embed : tensor<13x32xbf16> from [#moe.random<1, 0.7 : f32>]
  moe.weight @router : tensor<7x32xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g : tensor<7x41x32xbf16> from [#moe.random<3, 0.3 : f32>]
  moe.weight @u : tensor<7x41x32xbf16> from [#moe.random<4, 0.3 : f32>]
  moe.weight @d : tensor<7x32x41xbf16> from [#moe.random<5, 0.3 : f32>]
  moe.weight @g2 : tensor<7x48x32xf16> from [#moe.random<6, 0.3 : f32>]
  moe.weight @u2 : tensor<7x48x32xf16> from [#moe.random<7, 0.3 : f32>]
  moe.weight @d2 : tensor<7x32x48xf16> from [#moe.random<8, 0.3 : f32>]
  moe.weight @mg : tensor<23x32xf32> from [#moe.random<9, 0.3 : f32>]
  moe.weight @mu : tensor<23x32xf32> from [#moe.random<10, 0.3 : f32>]
  moe.weight @md : tensor<32x23xf32> from [#moe.random<11, 0.3 : f32>]
  moe.weight @sg : tensor<1x32xbf16> from [#moe.random<12, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x13xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x32xf32>
    %z = moe.linear %x by @router : tensor<?x32xf32> -> tensor<?x7xf32>
    %i0, %w0 = moe.route %z top 3 softmax scale 1.0 : tensor<?x7xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
    %y0 = moe.experts %x to %i0, %w0 gate @g up @u down @d silu
      : tensor<?x32xf32>, tensor<?x3xi32>, tensor<?x3xf32>
    %i1, %w1 = moe.route %z top 2 sigmoid renormalize scale 2.5 : tensor<?x7xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y1 = moe.experts %x to %i1, %w1 gate @g2 up @u2 down @d2 gelu_tanh
      : tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %i2, %w2 = moe.route %z top 7 softmax_selected scale 0.5 : tensor<?x7xf32> -> tensor<?x7xi32>, tensor<?x7xf32>
    %y2 = moe.experts %x to %i2, %w2 gate @g up @u down @d identity
      : tensor<?x32xf32>, tensor<?x7xi32>, tensor<?x7xf32>
    %i3, %w3 = moe.route %z top 1 softmax renormalize scale 1.0 : tensor<?x7xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %y3 = moe.experts %x to %i3, %w3 gate @g2 up @u2 down @d2 relu
      : tensor<?x32xf32>, tensor<?x1xi32>, tensor<?x1xf32>
    %m0 = moe.mlp %x gate @mg up @mu down @md gelu_tanh : tensor<?x32xf32>
    %m1 = moe.mlp %x gate @mg up @mu down @md silu gated by @sg : tensor<?x32xf32>
    %s0 = moe.add %y0, %y1 : tensor<?x32xf32>
    %s1 = moe.add %y2, %y3 : tensor<?x32xf32>
    %s2 = moe.add %m0, %m1 : tensor<?x32xf32>
    %s3 = moe.add %s0, %s1 : tensor<?x32xf32>
    %s4 = moe.add %s3, %s2 : tensor<?x32xf32>
    %p = moe.pick %s4 rows %wanted : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
    %logits = moe.linear %p by @embed : tensor<?x32xf32> -> tensor<?x13xf32>
    return %logits, %kv : tensor<?x13xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
