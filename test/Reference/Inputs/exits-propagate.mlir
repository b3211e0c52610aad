// Three small layers with exits behind the first two. Rows that left have keys
// and values made of what they left with.
moe.model @propagate family "null" context 32 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x8xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @layers.0.q : tensor<8x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @layers.0.k : tensor<4x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @layers.0.v : tensor<4x8xf32> from [#moe.random<4, 0.5 : f32>]
  moe.weight @layers.0.o : tensor<8x8xf32> from [#moe.random<5, 0.5 : f32>]
  moe.weight @layers.0.gate : tensor<16x8xf32> from [#moe.random<6, 0.5 : f32>]
  moe.weight @layers.0.up : tensor<16x8xf32> from [#moe.random<7, 0.5 : f32>]
  moe.weight @layers.0.down : tensor<8x16xf32> from [#moe.random<8, 0.5 : f32>]
  moe.weight @layers.1.q : tensor<8x8xf32> from [#moe.random<9, 0.5 : f32>]
  moe.weight @layers.1.k : tensor<4x8xf32> from [#moe.random<10, 0.5 : f32>]
  moe.weight @layers.1.v : tensor<4x8xf32> from [#moe.random<11, 0.5 : f32>]
  moe.weight @layers.1.o : tensor<8x8xf32> from [#moe.random<12, 0.5 : f32>]
  moe.weight @layers.1.gate : tensor<16x8xf32> from [#moe.random<13, 0.5 : f32>]
  moe.weight @layers.1.up : tensor<16x8xf32> from [#moe.random<14, 0.5 : f32>]
  moe.weight @layers.1.down : tensor<8x16xf32> from [#moe.random<15, 0.5 : f32>]
  moe.weight @layers.2.q : tensor<8x8xf32> from [#moe.random<16, 0.5 : f32>]
  moe.weight @layers.2.k : tensor<4x8xf32> from [#moe.random<17, 0.5 : f32>]
  moe.weight @layers.2.v : tensor<4x8xf32> from [#moe.random<18, 0.5 : f32>]
  moe.weight @layers.2.o : tensor<8x8xf32> from [#moe.random<19, 0.5 : f32>]
  moe.weight @layers.2.gate : tensor<16x8xf32> from [#moe.random<20, 0.5 : f32>]
  moe.weight @layers.2.up : tensor<16x8xf32> from [#moe.random<21, 0.5 : f32>]
  moe.weight @layers.2.down : tensor<8x16xf32> from [#moe.random<22, 0.5 : f32>]
  moe.weight @norm : tensor<8xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @head : tensor<16x8xf32> from [#moe.random<23, 0.8 : f32>]
  moe.rope_table @rope half frequencies [1.0, 0.1] gain 1.0

  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<3 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<3 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x8xf32>
    %running0, %due0, %asking0 = moe.enter %wanted at %sequences, %positions
    %out0 = moe.zeros like %wanted : tensor<?xi32> -> tensor<?x16xf32>

    // Layer 0.
    %h0 = moe.norm rms %x by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %q0 = moe.linear %h0 by @layers.0.q : tensor<?x8xf32> -> tensor<?x8xf32>
    %qr0 = moe.rope %q0 at %positions by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    %k0 = moe.linear %h0 by @layers.0.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %v0 = moe.linear %h0 by @layers.0.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %kr0 = moe.rope %k0 at %positions by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kv1 = moe.kv_append %kr0, %v0 into %kv layer 0 at %sequences, %positions
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %a0 = moe.attention %qr0 over %kv1 layer 0 at %sequences, %positions heads 2 scale 0.5
      : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %o0 = moe.linear %a0 by @layers.0.o : tensor<?x8xf32> -> tensor<?x8xf32>
    %y0 = moe.add %x, %o0 : tensor<?x8xf32>
    %m0 = moe.norm rms %y0 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %f0 = moe.mlp %m0 gate @layers.0.gate up @layers.0.up down @layers.0.down silu : tensor<?x8xf32>
    %x1 = moe.add %y0, %f0 : tensor<?x8xf32>

    // An exit behind 1 layer.
    %r1 = moe.pick %wanted rows %asking0 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %c1 = moe.pick %x1 rows %r1 : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %n1 = moe.norm rms %c1 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %logits1 = moe.linear %n1 by @head : tensor<?x8xf32> -> tensor<?x16xf32>
    %out1 = moe.place %logits1 rows %asking0 into %out0 : tensor<?x16xf32>, tensor<?xi32>, tensor<?x16xf32>
    %sure1 = moe.confidence top1 %logits1 : tensor<?x16xf32> -> tensor<?x1xf32>
    %running1, %gone1, %due1, %kept1, %leaving1 = moe.exit %sure1 by "top1" above 0.5 after 1
      asking %asking0 running %running0 due %due0 of %wanted at %sequences, %positions : tensor<?x1xf32>
    %x1c = moe.pick %x1 rows %running1 : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %s1 = moe.pick %sequences rows %running1 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %p1 = moe.pick %positions rows %running1 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %asking1 = moe.pick %asking0 rows %kept1 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>

    // Layer 1.
    // Keys and values of the rows that left are made of what they left with.
    %g1 = moe.pick %x1 rows %gone1 : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %gs1 = moe.pick %sequences rows %gone1 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %gp1 = moe.pick %positions rows %gone1 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %gh1 = moe.norm rms %g1 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %kg1 = moe.linear %gh1 by @layers.1.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %vg1 = moe.linear %gh1 by @layers.1.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %krg1 = moe.rope %kg1 at %gp1 by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kvg1 = moe.kv_append %krg1, %vg1 into %kv1 layer 1 at %gs1, %gp1
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %h1 = moe.norm rms %x1c by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %q1 = moe.linear %h1 by @layers.1.q : tensor<?x8xf32> -> tensor<?x8xf32>
    %qr1 = moe.rope %q1 at %p1 by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    %k1 = moe.linear %h1 by @layers.1.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %v1 = moe.linear %h1 by @layers.1.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %kr1 = moe.rope %k1 at %p1 by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kv2 = moe.kv_append %kr1, %v1 into %kvg1 layer 1 at %s1, %p1
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %a1 = moe.attention %qr1 over %kv2 layer 1 at %s1, %p1 heads 2 scale 0.5
      : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %o1 = moe.linear %a1 by @layers.1.o : tensor<?x8xf32> -> tensor<?x8xf32>
    %y1 = moe.add %x1c, %o1 : tensor<?x8xf32>
    %m1 = moe.norm rms %y1 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %f1 = moe.mlp %m1 gate @layers.1.gate up @layers.1.up down @layers.1.down silu : tensor<?x8xf32>
    %x2 = moe.add %y1, %f1 : tensor<?x8xf32>

    // An exit behind 2 layers.
    %all2 = moe.place %x2 rows %running1 into %x1 : tensor<?x8xf32>, tensor<?xi32>, tensor<?x8xf32>
    %r2 = moe.pick %wanted rows %asking1 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %c2 = moe.pick %all2 rows %r2 : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %n2 = moe.norm rms %c2 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %logits2 = moe.linear %n2 by @head : tensor<?x8xf32> -> tensor<?x16xf32>
    %out2 = moe.place %logits2 rows %asking1 into %out1 : tensor<?x16xf32>, tensor<?xi32>, tensor<?x16xf32>
    %sure2 = moe.confidence top1 %logits2 : tensor<?x16xf32> -> tensor<?x1xf32>
    %running2, %gone2, %due2, %kept2, %leaving2 = moe.exit %sure2 by "top1" above 0.4 after 2
      asking %asking1 running %running1 due %due1 of %wanted at %sequences, %positions : tensor<?x1xf32>
    %x2c = moe.pick %all2 rows %running2 : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %s2 = moe.pick %sequences rows %running2 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %p2 = moe.pick %positions rows %running2 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>

    // Layer 2.
    // Keys and values of the rows that left are made of what they left with.
    %g2 = moe.pick %all2 rows %gone2 : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %gs2 = moe.pick %sequences rows %gone2 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %gp2 = moe.pick %positions rows %gone2 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %gh2 = moe.norm rms %g2 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %kg2 = moe.linear %gh2 by @layers.2.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %vg2 = moe.linear %gh2 by @layers.2.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %krg2 = moe.rope %kg2 at %gp2 by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kvg2 = moe.kv_append %krg2, %vg2 into %kv2 layer 2 at %gs2, %gp2
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %h2 = moe.norm rms %x2c by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %q2 = moe.linear %h2 by @layers.2.q : tensor<?x8xf32> -> tensor<?x8xf32>
    %qr2 = moe.rope %q2 at %p2 by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    %k2 = moe.linear %h2 by @layers.2.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %v2 = moe.linear %h2 by @layers.2.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %kr2 = moe.rope %k2 at %p2 by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kv3 = moe.kv_append %kr2, %v2 into %kvg2 layer 2 at %s2, %p2
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %a2 = moe.attention %qr2 over %kv3 layer 2 at %s2, %p2 heads 2 scale 0.5
      : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %o2 = moe.linear %a2 by @layers.2.o : tensor<?x8xf32> -> tensor<?x8xf32>
    %y2 = moe.add %x2c, %o2 : tensor<?x8xf32>
    %m2 = moe.norm rms %y2 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %f2 = moe.mlp %m2 gate @layers.2.gate up @layers.2.up down @layers.2.down silu : tensor<?x8xf32>
    %x3 = moe.add %y2, %f2 : tensor<?x8xf32>

    // Behind the last layer.
    %all3 = moe.place %x3 rows %running2 into %all2 : tensor<?x8xf32>, tensor<?xi32>, tensor<?x8xf32>
    %r3 = moe.pick %wanted rows %due2 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %c3 = moe.pick %all3 rows %r3 : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %n3 = moe.norm rms %c3 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %logits3 = moe.linear %n3 by @head : tensor<?x8xf32> -> tensor<?x16xf32>
    %out3 = moe.place %logits3 rows %due2 into %out2 : tensor<?x16xf32>, tensor<?xi32>, tensor<?x16xf32>
    return %out3, %kv3 : tensor<?x16xf32>, !moe.kv<3 x 1 x 4 x f32>
  }

  // The same without exits.
  func.func @full(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                  %kv: !moe.kv<3 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<3 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x8xf32>

    // Layer 0.
    %h0 = moe.norm rms %x by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %q0 = moe.linear %h0 by @layers.0.q : tensor<?x8xf32> -> tensor<?x8xf32>
    %qr0 = moe.rope %q0 at %positions by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    %k0 = moe.linear %h0 by @layers.0.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %v0 = moe.linear %h0 by @layers.0.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %kr0 = moe.rope %k0 at %positions by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kv1 = moe.kv_append %kr0, %v0 into %kv layer 0 at %sequences, %positions
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %a0 = moe.attention %qr0 over %kv1 layer 0 at %sequences, %positions heads 2 scale 0.5
      : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %o0 = moe.linear %a0 by @layers.0.o : tensor<?x8xf32> -> tensor<?x8xf32>
    %y0 = moe.add %x, %o0 : tensor<?x8xf32>
    %m0 = moe.norm rms %y0 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %f0 = moe.mlp %m0 gate @layers.0.gate up @layers.0.up down @layers.0.down silu : tensor<?x8xf32>
    %x1 = moe.add %y0, %f0 : tensor<?x8xf32>

    // Layer 1.
    %h1 = moe.norm rms %x1 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %q1 = moe.linear %h1 by @layers.1.q : tensor<?x8xf32> -> tensor<?x8xf32>
    %qr1 = moe.rope %q1 at %positions by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    %k1 = moe.linear %h1 by @layers.1.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %v1 = moe.linear %h1 by @layers.1.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %kr1 = moe.rope %k1 at %positions by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kv2 = moe.kv_append %kr1, %v1 into %kv1 layer 1 at %sequences, %positions
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %a1 = moe.attention %qr1 over %kv2 layer 1 at %sequences, %positions heads 2 scale 0.5
      : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %o1 = moe.linear %a1 by @layers.1.o : tensor<?x8xf32> -> tensor<?x8xf32>
    %y1 = moe.add %x1, %o1 : tensor<?x8xf32>
    %m1 = moe.norm rms %y1 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %f1 = moe.mlp %m1 gate @layers.1.gate up @layers.1.up down @layers.1.down silu : tensor<?x8xf32>
    %x2 = moe.add %y1, %f1 : tensor<?x8xf32>

    // Layer 2.
    %h2 = moe.norm rms %x2 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %q2 = moe.linear %h2 by @layers.2.q : tensor<?x8xf32> -> tensor<?x8xf32>
    %qr2 = moe.rope %q2 at %positions by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    %k2 = moe.linear %h2 by @layers.2.k : tensor<?x8xf32> -> tensor<?x4xf32>
    %v2 = moe.linear %h2 by @layers.2.v : tensor<?x8xf32> -> tensor<?x4xf32>
    %kr2 = moe.rope %k2 at %positions by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %kv3 = moe.kv_append %kr2, %v2 into %kv2 layer 2 at %sequences, %positions
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %a2 = moe.attention %qr2 over %kv3 layer 2 at %sequences, %positions heads 2 scale 0.5
      : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<3 x 1 x 4 x f32>
    %o2 = moe.linear %a2 by @layers.2.o : tensor<?x8xf32> -> tensor<?x8xf32>
    %y2 = moe.add %x2, %o2 : tensor<?x8xf32>
    %m2 = moe.norm rms %y2 by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %f2 = moe.mlp %m2 gate @layers.2.gate up @layers.2.up down @layers.2.down silu : tensor<?x8xf32>
    %x3 = moe.add %y2, %f2 : tensor<?x8xf32>

    %c = moe.pick %x3 rows %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %n = moe.norm rms %c by @norm epsilon 1.0e-06 groups 1 : tensor<?x8xf32>
    %logits = moe.linear %n by @head : tensor<?x8xf32> -> tensor<?x16xf32>
    return %logits, %kv3 : tensor<?x16xf32>, !moe.kv<3 x 1 x 4 x f32>
  }
}
