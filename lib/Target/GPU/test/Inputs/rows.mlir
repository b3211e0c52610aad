// Norms of whole rows and of groups, rotated and plain levels, sums and limits: SIZE
// features, in GROUPS groups and by blocks of BLOCK, and logits that show each bit.
moe.model @rows family "null" context 64 vocabulary SIZE from "." {
  moe.weight @embed : tensor<SIZExSIZExbf16> from [#moe.random<1, 1.5 : f32>]
  moe.weight @scale : tensor<SIZExf16> from [#moe.random<2, 1.0 : f32>]
  moe.weight @group_scale : tensor<GROUPxf32> from [#moe.random<3, 1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?xSIZExf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?xSIZExf32>
    %a = moe.norm rms %x by @scale epsilon 1.0e-06 groups 1 : tensor<?xSIZExf32>
    %b = moe.norm layer %x by @scale epsilon 1.0e-05 groups 1 : tensor<?xSIZExf32>
    %c = moe.norm rms %a by @group_scale epsilon 1.0e-06 groups GROUPS : tensor<?xSIZExf32>
    %d = moe.norm layer %b by @group_scale epsilon 1.0e-05 groups GROUPS : tensor<?xSIZExf32>
    %e = moe.add %c, %d : tensor<?xSIZExf32>
    %n = moe.norm rms %e by @scale epsilon 1.0e-06 groups 1 : tensor<?xSIZExf32>
    %l = moe.quantize %n : tensor<?xSIZExf32> -> tensor<?xSIZEx!moe.quantized<i8 rotated BLOCK>>
    %m = moe.dequantize %l : tensor<?xSIZEx!moe.quantized<i8 rotated BLOCK>>
    %f = moe.add %n, %m : tensor<?xSIZExf32>
    %g = moe.clamp %f to 1.75 : tensor<?xSIZExf32>
    %o = moe.quantize %g : tensor<?xSIZExf32> -> tensor<?xSIZEx!moe.quantized<i8>>
    %p = moe.dequantize %o : tensor<?xSIZEx!moe.quantized<i8>>
    %q = moe.add %g, %p : tensor<?xSIZExf32>
    %r = moe.pick %q rows %wanted : tensor<?xSIZExf32>, tensor<?xi32> -> tensor<?xSIZExf32>
    return %r, %kv : tensor<?xSIZExf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
