// What finding layers must not be confused by: learned positions, biases, a norm of
// keys, dense layers 0 and 2, experts beside a shared one in layer 1, and alone in
// layer 3.
!tokens = tensor<?xi32>
!rows = tensor<?x32xf32>
!keys = tensor<?x16xf32>
!kv = !moe.kv<4 x 1 x 16 x f32>

moe.model @decoder family "null" context 16 vocabulary 64 from "." {
  moe.weight @embed : tensor<64x32xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @places : tensor<64x32xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @norm : tensor<32xf32> from [#moe.random<3, 1.0 : f32>]
  moe.weight @head : tensor<64x32xf32> from [#moe.random<4, 0.5 : f32>]
  moe.weight @layers.0.norm : tensor<32xf32> from [#moe.random<5, 1.0 : f32>]
  moe.weight @layers.0.q : tensor<32x32xf32> from [#moe.random<6, 0.3 : f32>]
  moe.weight @layers.0.k : tensor<16x32xf32> from [#moe.random<7, 0.3 : f32>]
  moe.weight @layers.0.k_bias : tensor<16xf32> from [#moe.random<8, 0.3 : f32>]
  moe.weight @layers.0.k_norm : tensor<16xf32> from [#moe.random<9, 1.0 : f32>]
  moe.weight @layers.0.v : tensor<16x32xf32> from [#moe.random<10, 0.3 : f32>]
  moe.weight @layers.0.o : tensor<32x32xf32> from [#moe.random<11, 0.3 : f32>]
  moe.weight @layers.0.mlp_norm : tensor<32xf32> from [#moe.random<12, 1.0 : f32>]
  moe.weight @layers.0.gate : tensor<32x32xf32> from [#moe.random<13, 0.3 : f32>]
  moe.weight @layers.0.up : tensor<32x32xf32> from [#moe.random<14, 0.3 : f32>]
  moe.weight @layers.0.down : tensor<32x32xf32> from [#moe.random<15, 0.3 : f32>]
  moe.weight @layers.1.norm : tensor<32xf32> from [#moe.random<16, 1.0 : f32>]
  moe.weight @layers.1.q : tensor<32x32xf32> from [#moe.random<17, 0.3 : f32>]
  moe.weight @layers.1.k : tensor<16x32xf32> from [#moe.random<18, 0.3 : f32>]
  moe.weight @layers.1.k_bias : tensor<16xf32> from [#moe.random<19, 0.3 : f32>]
  moe.weight @layers.1.k_norm : tensor<16xf32> from [#moe.random<20, 1.0 : f32>]
  moe.weight @layers.1.v : tensor<16x32xf32> from [#moe.random<21, 0.3 : f32>]
  moe.weight @layers.1.o : tensor<32x32xf32> from [#moe.random<22, 0.3 : f32>]
  moe.weight @layers.1.mlp_norm : tensor<32xf32> from [#moe.random<23, 1.0 : f32>]
  moe.weight @layers.1.gate : tensor<32x32xf32> from [#moe.random<24, 0.3 : f32>]
  moe.weight @layers.1.up : tensor<32x32xf32> from [#moe.random<25, 0.3 : f32>]
  moe.weight @layers.1.down : tensor<32x32xf32> from [#moe.random<26, 0.3 : f32>]
  moe.weight @layers.1.router : tensor<4x32xf32> from [#moe.random<27, 0.3 : f32>]
  moe.weight @layers.1.experts.gate : tensor<4x32x32xf32> from [#moe.random<28, 0.3 : f32>]
  moe.weight @layers.1.experts.up : tensor<4x32x32xf32> from [#moe.random<29, 0.3 : f32>]
  moe.weight @layers.1.experts.down : tensor<4x32x32xf32> from [#moe.random<30, 0.3 : f32>]
  moe.weight @layers.2.norm : tensor<32xf32> from [#moe.random<31, 1.0 : f32>]
  moe.weight @layers.2.q : tensor<32x32xf32> from [#moe.random<32, 0.3 : f32>]
  moe.weight @layers.2.k : tensor<16x32xf32> from [#moe.random<33, 0.3 : f32>]
  moe.weight @layers.2.k_bias : tensor<16xf32> from [#moe.random<34, 0.3 : f32>]
  moe.weight @layers.2.k_norm : tensor<16xf32> from [#moe.random<35, 1.0 : f32>]
  moe.weight @layers.2.v : tensor<16x32xf32> from [#moe.random<36, 0.3 : f32>]
  moe.weight @layers.2.o : tensor<32x32xf32> from [#moe.random<37, 0.3 : f32>]
  moe.weight @layers.2.mlp_norm : tensor<32xf32> from [#moe.random<38, 1.0 : f32>]
  moe.weight @layers.2.gate : tensor<32x32xf32> from [#moe.random<39, 0.3 : f32>]
  moe.weight @layers.2.up : tensor<32x32xf32> from [#moe.random<40, 0.3 : f32>]
  moe.weight @layers.2.down : tensor<32x32xf32> from [#moe.random<41, 0.3 : f32>]
  moe.weight @layers.3.norm : tensor<32xf32> from [#moe.random<42, 1.0 : f32>]
  moe.weight @layers.3.q : tensor<32x32xf32> from [#moe.random<43, 0.3 : f32>]
  moe.weight @layers.3.k : tensor<16x32xf32> from [#moe.random<44, 0.3 : f32>]
  moe.weight @layers.3.k_bias : tensor<16xf32> from [#moe.random<45, 0.3 : f32>]
  moe.weight @layers.3.k_norm : tensor<16xf32> from [#moe.random<46, 1.0 : f32>]
  moe.weight @layers.3.v : tensor<16x32xf32> from [#moe.random<47, 0.3 : f32>]
  moe.weight @layers.3.o : tensor<32x32xf32> from [#moe.random<48, 0.3 : f32>]
  moe.weight @layers.3.mlp_norm : tensor<32xf32> from [#moe.random<49, 1.0 : f32>]
  moe.weight @layers.3.router : tensor<4x32xf32> from [#moe.random<50, 0.3 : f32>]
  moe.weight @layers.3.experts.gate : tensor<4x32x32xf32> from [#moe.random<51, 0.3 : f32>]
  moe.weight @layers.3.experts.up : tensor<4x32x32xf32> from [#moe.random<52, 0.3 : f32>]
  moe.weight @layers.3.experts.down : tensor<4x32x32xf32> from [#moe.random<53, 0.3 : f32>]
  moe.rope_table @rope half frequencies [1.0, 0.1, 0.01] gain 1.0

  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x64xf32>, !kv) {
    %embedded = moe.embed %tokens by @embed : !tokens -> !rows
    %placed = moe.embed %positions by @places : !tokens -> !rows
    %x0 = moe.add %embedded, %placed : !rows

    %n0 = moe.norm rms %x0 by @layers.0.norm epsilon 1.0e-05 groups 1 : !rows
    %q0 = moe.linear %n0 by @layers.0.q : !rows -> !rows
    %k0 = moe.linear %n0 by @layers.0.k bias @layers.0.k_bias : !rows -> !keys
    %v0 = moe.linear %n0 by @layers.0.v : !rows -> !keys
    %kn0 = moe.norm rms %k0 by @layers.0.k_norm epsilon 1.0e-05 groups 1 : !keys
    %qr0 = moe.rope %q0 at %positions by @rope heads 2 : !rows, !tokens
    %kr0 = moe.rope %kn0 at %positions by @rope heads 1 : !keys, !tokens
    %kv0 = moe.kv_append %kr0, %v0 into %kv layer 0 at %sequences, %positions : !keys, !tokens, !kv
    %a0 = moe.attention %qr0 over %kv0 layer 0 at %sequences, %positions heads 2 scale 0.25
      : !rows, !tokens, !kv
    %o0 = moe.linear %a0 by @layers.0.o : !rows -> !rows
    %m0 = moe.add %x0, %o0 : !rows
    %mn0 = moe.norm rms %m0 by @layers.0.mlp_norm epsilon 1.0e-05 groups 1 : !rows
    %y0 = moe.mlp %mn0 gate @layers.0.gate up @layers.0.up down @layers.0.down silu : !rows
    %x1 = moe.add %m0, %y0 : !rows

    %n1 = moe.norm rms %x1 by @layers.1.norm epsilon 1.0e-05 groups 1 : !rows
    %q1 = moe.linear %n1 by @layers.1.q : !rows -> !rows
    %k1 = moe.linear %n1 by @layers.1.k bias @layers.1.k_bias : !rows -> !keys
    %v1 = moe.linear %n1 by @layers.1.v : !rows -> !keys
    %kn1 = moe.norm rms %k1 by @layers.1.k_norm epsilon 1.0e-05 groups 1 : !keys
    %qr1 = moe.rope %q1 at %positions by @rope heads 2 : !rows, !tokens
    %kr1 = moe.rope %kn1 at %positions by @rope heads 1 : !keys, !tokens
    %kv1 = moe.kv_append %kr1, %v1 into %kv0 layer 1 at %sequences, %positions : !keys, !tokens, !kv
    %a1 = moe.attention %qr1 over %kv1 layer 1 at %sequences, %positions heads 2 scale 0.25
      : !rows, !tokens, !kv
    %o1 = moe.linear %a1 by @layers.1.o : !rows -> !rows
    %m1 = moe.add %x1, %o1 : !rows
    %mn1 = moe.norm rms %m1 by @layers.1.mlp_norm epsilon 1.0e-05 groups 1 : !rows
    %y1 = moe.mlp %mn1 gate @layers.1.gate up @layers.1.up down @layers.1.down silu : !rows
    %l1 = moe.linear %mn1 by @layers.1.router : !rows -> tensor<?x4xf32>
    %ids1, %w1 = moe.route %l1 top 2 softmax renormalize scale 1.0
      : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %e1 = moe.experts %mn1 to %ids1, %w1 gate @layers.1.experts.gate up @layers.1.experts.up
      down @layers.1.experts.down silu : !rows, tensor<?x2xi32>, tensor<?x2xf32>
    %both = moe.add %e1, %y1 : !rows
    %x2 = moe.add %m1, %both : !rows

    %n2 = moe.norm rms %x2 by @layers.2.norm epsilon 1.0e-05 groups 1 : !rows
    %q2 = moe.linear %n2 by @layers.2.q : !rows -> !rows
    %k2 = moe.linear %n2 by @layers.2.k bias @layers.2.k_bias : !rows -> !keys
    %v2 = moe.linear %n2 by @layers.2.v : !rows -> !keys
    %kn2 = moe.norm rms %k2 by @layers.2.k_norm epsilon 1.0e-05 groups 1 : !keys
    %qr2 = moe.rope %q2 at %positions by @rope heads 2 : !rows, !tokens
    %kr2 = moe.rope %kn2 at %positions by @rope heads 1 : !keys, !tokens
    %kv2 = moe.kv_append %kr2, %v2 into %kv1 layer 2 at %sequences, %positions : !keys, !tokens, !kv
    %a2 = moe.attention %qr2 over %kv2 layer 2 at %sequences, %positions heads 2 scale 0.25
      : !rows, !tokens, !kv
    %o2 = moe.linear %a2 by @layers.2.o : !rows -> !rows
    %m2 = moe.add %x2, %o2 : !rows
    %mn2 = moe.norm rms %m2 by @layers.2.mlp_norm epsilon 1.0e-05 groups 1 : !rows
    %y2 = moe.mlp %mn2 gate @layers.2.gate up @layers.2.up down @layers.2.down silu : !rows
    %x3 = moe.add %m2, %y2 : !rows

    %n3 = moe.norm rms %x3 by @layers.3.norm epsilon 1.0e-05 groups 1 : !rows
    %q3 = moe.linear %n3 by @layers.3.q : !rows -> !rows
    %k3 = moe.linear %n3 by @layers.3.k bias @layers.3.k_bias : !rows -> !keys
    %v3 = moe.linear %n3 by @layers.3.v : !rows -> !keys
    %kn3 = moe.norm rms %k3 by @layers.3.k_norm epsilon 1.0e-05 groups 1 : !keys
    %qr3 = moe.rope %q3 at %positions by @rope heads 2 : !rows, !tokens
    %kr3 = moe.rope %kn3 at %positions by @rope heads 1 : !keys, !tokens
    %kv3 = moe.kv_append %kr3, %v3 into %kv2 layer 3 at %sequences, %positions : !keys, !tokens, !kv
    %a3 = moe.attention %qr3 over %kv3 layer 3 at %sequences, %positions heads 2 scale 0.25
      : !rows, !tokens, !kv
    %o3 = moe.linear %a3 by @layers.3.o : !rows -> !rows
    %m3 = moe.add %x3, %o3 : !rows
    %mn3 = moe.norm rms %m3 by @layers.3.mlp_norm epsilon 1.0e-05 groups 1 : !rows
    %l3 = moe.linear %mn3 by @layers.3.router : !rows -> tensor<?x4xf32>
    %ids3, %w3 = moe.route %l3 top 2 softmax renormalize scale 1.0
      : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %e3 = moe.experts %mn3 to %ids3, %w3 gate @layers.3.experts.gate up @layers.3.experts.up
      down @layers.3.experts.down silu : !rows, tensor<?x2xi32>, tensor<?x2xf32>
    %x4 = moe.add %m3, %e3 : !rows

    %last = moe.pick %x4 rows %wanted : !rows, !tokens -> !rows
    %final = moe.norm rms %last by @norm epsilon 1.0e-05 groups 1 : !rows
    %logits = moe.linear %final by @head : !rows -> tensor<?x64xf32>
    return %logits, %kv3 : tensor<?x64xf32>, !kv
  }
}
