// Decoder layers 0 to 3: experts, a dense layer, experts beside a shared one, experts.
!tokens = tensor<?xi32>
!rows = tensor<?x8xf32>
!scores = tensor<?x8xf32>
!ids = tensor<?x2xi32>
!weights = tensor<?x2xf32>
!kv = !moe.kv<4 x 1 x 8 x f32>

moe.model @layers family "null" context 16 vocabulary 32 from "." {
  moe.weight @embed : tensor<32x8xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @layers.0.scale : tensor<8xf32> from [#moe.random<2, 1.0 : f32>]
  moe.weight @layers.0.router : tensor<8x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @layers.0.gate : tensor<8x6x8xf32> from [#moe.random<4, 0.5 : f32>]
  moe.weight @layers.0.up : tensor<8x6x8xf32> from [#moe.random<5, 0.5 : f32>]
  moe.weight @layers.0.down : tensor<8x8x6xf32> from [#moe.random<6, 0.5 : f32>]
  moe.weight @layers.2.scale : tensor<8xf32> from [#moe.random<7, 1.0 : f32>]
  moe.weight @layers.2.router : tensor<8x8xf32> from [#moe.random<8, 0.5 : f32>]
  moe.weight @layers.2.gate : tensor<8x6x8xf32> from [#moe.random<9, 0.5 : f32>]
  moe.weight @layers.2.up : tensor<8x6x8xf32> from [#moe.random<10, 0.5 : f32>]
  moe.weight @layers.2.down : tensor<8x8x6xf32> from [#moe.random<11, 0.5 : f32>]
  moe.weight @layers.3.scale : tensor<8xf32> from [#moe.random<12, 1.0 : f32>]
  moe.weight @layers.3.router : tensor<8x8xf32> from [#moe.random<13, 0.5 : f32>]
  moe.weight @layers.3.gate : tensor<8x6x8xf32> from [#moe.random<14, 0.5 : f32>]
  moe.weight @layers.3.up : tensor<8x6x8xf32> from [#moe.random<15, 0.5 : f32>]
  moe.weight @layers.3.down : tensor<8x8x6xf32> from [#moe.random<16, 0.5 : f32>]
  moe.weight @dense.gate : tensor<6x8xf32> from [#moe.random<17, 0.5 : f32>]
  moe.weight @dense.up : tensor<6x8xf32> from [#moe.random<18, 0.5 : f32>]
  moe.weight @dense.down : tensor<8x6xf32> from [#moe.random<19, 0.5 : f32>]

  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x32xf32>, !kv) {
    %h = moe.embed %tokens by @embed : !tokens -> !rows

    %kv0 = moe.kv_append %h, %h into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %h over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5
      : !rows, !tokens, !kv
    %m0 = moe.add %h, %a0 : !rows
    %n0 = moe.norm rms %m0 by @layers.0.scale epsilon 1.0e-05 groups 1 : !rows
    %l0 = moe.linear %n0 by @layers.0.router : !rows -> !scores
    %ids0, %w0 = moe.route %l0 top 2 softmax scale 1.0 : !scores -> !ids, !weights
    %y0 = moe.experts %n0 to %ids0, %w0 gate @layers.0.gate up @layers.0.up down @layers.0.down silu
      : !rows, !ids, !weights
    %h0 = moe.add %m0, %y0 : !rows

    %kv1 = moe.kv_append %h0, %h0 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %h0 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5
      : !rows, !tokens, !kv
    %m1 = moe.add %h0, %a1 : !rows
    %y1 = moe.mlp %m1 gate @dense.gate up @dense.up down @dense.down silu : !rows
    %h1 = moe.add %m1, %y1 : !rows

    %kv2 = moe.kv_append %h1, %h1 into %kv1 layer 2 at %sequences, %positions : !rows, !tokens, !kv
    %a2 = moe.attention %h1 over %kv2 layer 2 at %sequences, %positions heads 1 scale 0.5
      : !rows, !tokens, !kv
    %m2 = moe.add %h1, %a2 : !rows
    %n2 = moe.norm rms %m2 by @layers.2.scale epsilon 1.0e-05 groups 1 : !rows
    %l2 = moe.linear %n2 by @layers.2.router : !rows -> !scores
    %ids2, %w2 = moe.route %l2 top 2 softmax scale 1.0 : !scores -> !ids, !weights
    %y2 = moe.experts %n2 to %ids2, %w2 gate @layers.2.gate up @layers.2.up down @layers.2.down silu
      : !rows, !ids, !weights
    %shared = moe.mlp %n2 gate @dense.gate up @dense.up down @dense.down silu : !rows
    %both = moe.add %y2, %shared : !rows
    %h2 = moe.add %m2, %both : !rows

    %kv3 = moe.kv_append %h2, %h2 into %kv2 layer 3 at %sequences, %positions : !rows, !tokens, !kv
    %a3 = moe.attention %h2 over %kv3 layer 3 at %sequences, %positions heads 1 scale 0.5
      : !rows, !tokens, !kv
    %m3 = moe.add %h2, %a3 : !rows
    %n3 = moe.norm rms %m3 by @layers.3.scale epsilon 1.0e-05 groups 1 : !rows
    %l3 = moe.linear %n3 by @layers.3.router : !rows -> !scores
    %ids3, %w3 = moe.route %l3 top 2 softmax scale 1.0 : !scores -> !ids, !weights
    %y3 = moe.experts %n3 to %ids3, %w3 gate @layers.3.gate up @layers.3.up down @layers.3.down silu
      : !rows, !ids, !weights
    %h3 = moe.add %m3, %y3 : !rows

    %last = moe.pick %h3 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x32xf32>
    return %logits, %kv3 : tensor<?x32xf32>, !kv
  }
}
