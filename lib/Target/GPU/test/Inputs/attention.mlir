// QUERIES (HEADS times DIM) features are the logits: they show each bit of attention
// over the positions of a window and over all; KEYS are those of SHARED heads.
moe.model @attention family "null" context 640 vocabulary QUERIES from "." {
  moe.weight @embed : tensor<QUERIESx24xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @q : tensor<QUERIESx24xf32> from [#moe.random<2, 0.3 : f32>]
  moe.weight @k : tensor<KEYSx24xf32> from [#moe.random<3, 0.3 : f32>]
  moe.weight @v : tensor<KEYSx24xf32> from [#moe.random<4, 0.3 : f32>]
  moe.rope_table @rope LAYOUT frequencies [1.0, 0.3, 0.1] gain 1.25
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<2 x SHARED x DIM x f32>)
      -> (tensor<?xQUERIESxf32>, !moe.kv<2 x SHARED x DIM x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x24xf32>
    %q = moe.linear %x by @q : tensor<?x24xf32> -> tensor<?xQUERIESxf32>
    %k = moe.linear %x by @k : tensor<?x24xf32> -> tensor<?xKEYSxf32>
    %v = moe.linear %x by @v : tensor<?x24xf32> -> tensor<?xKEYSxf32>
    %qr = moe.rope %q at %positions by @rope heads HEADS : tensor<?xQUERIESxf32>, tensor<?xi32>
    %kr = moe.rope %k at %positions by @rope heads SHARED : tensor<?xKEYSxf32>, tensor<?xi32>
    %kv0 = moe.kv_append %kr, %v into %kv layer 0 at %sequences, %positions
      : tensor<?xKEYSxf32>, tensor<?xi32>, !moe.kv<2 x SHARED x DIM x f32>
    %kv1 = moe.kv_append %v, %kr into %kv0 layer 1 at %sequences, %positions
      : tensor<?xKEYSxf32>, tensor<?xi32>, !moe.kv<2 x SHARED x DIM x f32>
    %a = moe.attention %qr over %kv1 layer 0 at %sequences, %positions heads HEADS scale 0.3
      : tensor<?xQUERIESxf32>, tensor<?xi32>, !moe.kv<2 x SHARED x DIM x f32>
    %b = moe.attention %q over %kv1 layer 1 at %sequences, %positions heads HEADS scale 0.2 window 23
      : tensor<?xQUERIESxf32>, tensor<?xi32>, !moe.kv<2 x SHARED x DIM x f32>
    %s = moe.add %a, %b : tensor<?xQUERIESxf32>
    %p = moe.pick %s rows %wanted : tensor<?xQUERIESxf32>, tensor<?xi32> -> tensor<?xQUERIESxf32>
    return %p, %kv1 : tensor<?xQUERIESxf32>, !moe.kv<2 x SHARED x DIM x f32>
  }
}
