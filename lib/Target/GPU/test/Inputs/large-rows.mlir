// Rows that no block's memory holds at once, and blocks of a rotation that a
// part of it does: SIZE features, by blocks of BLOCK.
moe.model @large family "null" context 8 vocabulary 7 from "." {
  moe.weight @embed : tensor<7xSIZExf32> from [#moe.random<1, 1.5 : f32>]
  moe.weight @scale : tensor<SIZExf32> from [#moe.random<2, 1.0 : f32>]
  moe.weight @head : tensor<7xSIZExbf16> from [#moe.random<3, 1.0 : f32>]
  moe.weight @similarity : tensor<7x1xf32> from [#moe.random<4, 1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x7xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?xSIZExf32>
    %a = moe.norm layer %x by @scale epsilon 1.0e-06 groups 1 : tensor<?xSIZExf32>
    %l = moe.quantize %a : tensor<?xSIZExf32> -> tensor<?xSIZEx!moe.quantized<i8 rotated BLOCK>>
    %m = moe.dequantize %l : tensor<?xSIZEx!moe.quantized<i8 rotated BLOCK>>
    %b = moe.add %a, %m : tensor<?xSIZExf32>
    %c = moe.norm rms %b by @scale epsilon 1.0e-06 groups 1 : tensor<?xSIZExf32>
    %p = moe.pick %c rows %wanted : tensor<?xSIZExf32>, tensor<?xi32> -> tensor<?xSIZExf32>
    %q = moe.pick %x rows %wanted : tensor<?xSIZExf32>, tensor<?xi32> -> tensor<?xSIZExf32>
    %s = moe.similarity %p, %q : tensor<?xSIZExf32> -> tensor<?x1xf32>
    %t = moe.linear %s by @similarity : tensor<?x1xf32> -> tensor<?x7xf32>
    %u = moe.linear %p by @head : tensor<?xSIZExf32> -> tensor<?x7xf32>
    %logits = moe.add %t, %u : tensor<?x7xf32>
    return %logits, %kv : tensor<?x7xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
