// Everything around attention in its rarer forms: layer norm in groups, turned
// pairs side by side, features that pass, a window, odd sizes, f16 weights.
moe.model @m family "null" context 64 vocabulary 11 from "." {
  moe.weight @embed : tensor<11x40xf16> from [#moe.random<1, 0.7 : f32>]
  moe.weight @scale : tensor<10xf32> from [#moe.random<2, 1.0 : f32>]
  moe.weight @q : tensor<72x40xf16> from [#moe.random<3, 0.3 : f32>]
  moe.weight @k : tensor<36x40xf32> from [#moe.random<4, 0.3 : f32>]
  moe.weight @v : tensor<36x40xbf16> from [#moe.random<5, 0.3 : f32>]
  moe.weight @v_bias : tensor<36xbf16> from [#moe.random<6, 0.3 : f32>]
  moe.weight @o : tensor<40x72xbf16> from [#moe.random<7, 0.3 : f32>]
  moe.weight @o_bias : tensor<40xf32> from [#moe.random<8, 0.3 : f32>]
  moe.rope_table @rope interleaved frequencies [1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001] gain 1.25
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<2 x 2 x 18 x f32>)
      -> (tensor<?x11xf32>, !moe.kv<2 x 2 x 18 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x40xf32>
    %h = moe.norm layer %x by @scale epsilon 1.0e-05 groups 4 : tensor<?x40xf32>
    %q = moe.linear %h by @q : tensor<?x40xf32> -> tensor<?x72xf32>
    %k = moe.linear %h by @k : tensor<?x40xf32> -> tensor<?x36xf32>
    %v = moe.linear %h by @v bias @v_bias : tensor<?x40xf32> -> tensor<?x36xf32>
    %c = moe.clamp %q to 0.75 : tensor<?x72xf32>
    %qr = moe.rope %c at %positions by @rope heads 4 : tensor<?x72xf32>, tensor<?xi32>
    %kr = moe.rope %k at %positions by @rope heads 2 : tensor<?x36xf32>, tensor<?xi32>
    %kv0 = moe.kv_append %kr, %v into %kv layer 0 at %sequences, %positions
      : tensor<?x36xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 18 x f32>
    %kv1 = moe.kv_append %v, %kr into %kv0 layer 1 at %sequences, %positions
      : tensor<?x36xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 18 x f32>
    %a0 = moe.attention %qr over %kv1 layer 0 at %sequences, %positions heads 4 scale 0.3 window 19
      : tensor<?x72xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 18 x f32>
    %a1 = moe.attention %q over %kv1 layer 1 at %sequences, %positions heads 4 scale 0.2
      : tensor<?x72xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 18 x f32>
    %a = moe.add %a0, %a1 : tensor<?x72xf32>
    %o = moe.linear %a by @o bias @o_bias : tensor<?x72xf32> -> tensor<?x40xf32>
    %s = moe.add %x, %o : tensor<?x40xf32>
    %p = moe.pick %s rows %wanted : tensor<?x40xf32>, tensor<?xi32> -> tensor<?x40xf32>
    %logits = moe.linear %p by @embed : tensor<?x40xf32> -> tensor<?x11xf32>
    return %logits, %kv1 : tensor<?x11xf32>, !moe.kv<2 x 2 x 18 x f32>
  }
}
