// EXPERTS experts of which TOP are chosen: all ways to route, with weights and places
// that show in the logits.
moe.model @experts family "null" context 128 vocabulary 24 from "." {
  moe.weight @embed : tensor<24x24xbf16> from [#moe.random<1, 0.7 : f32>]
  moe.weight @router : tensor<EXPERTSx24xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g : tensor<EXPERTSx12x24xbf16> from [#moe.random<3, 0.3 : f32>]
  moe.weight @u : tensor<EXPERTSx12x24xbf16> from [#moe.random<4, 0.3 : f32>]
  moe.weight @d : tensor<EXPERTSx24x12xbf16> from [#moe.random<5, 0.3 : f32>]
  moe.weight @show : tensor<24xEXPERTSxf32> from [#moe.random<6, 0.3 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x24xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x24xf32>
    %z = moe.linear %x by @router : tensor<?x24xf32> -> tensor<?xEXPERTSxf32>
    %i0, %w0 = moe.route %z top TOP softmax scale 1.5 : tensor<?xEXPERTSxf32> -> tensor<?xTOPxi32>, tensor<?xTOPxf32>
    %y0 = moe.experts %x to %i0, %w0 gate @g up @u down @d silu
      : tensor<?x24xf32>, tensor<?xTOPxi32>, tensor<?xTOPxf32>
    %i1, %w1 = moe.route %z top TOP sigmoid renormalize scale 1.0 : tensor<?xEXPERTSxf32> -> tensor<?xTOPxi32>, tensor<?xTOPxf32>
    %y1 = moe.experts %x to %i1, %w1 gate @g up @u down @d relu
      : tensor<?x24xf32>, tensor<?xTOPxi32>, tensor<?xTOPxf32>
    %i2, %w2 = moe.route %z top 1 softmax_selected renormalize scale 1.0 : tensor<?xEXPERTSxf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %y2 = moe.experts %x to %i2, %w2 gate @g up @u down @d gelu_tanh
      : tensor<?x24xf32>, tensor<?x1xi32>, tensor<?x1xf32>
    %i3, %w3 = moe.route %z top TOP softmax_selected scale 1.0 : tensor<?xEXPERTSxf32> -> tensor<?xTOPxi32>, tensor<?xTOPxf32>
    %y3 = moe.experts %x to %i3, %w3 gate @g up @u down @d identity
      : tensor<?x24xf32>, tensor<?xTOPxi32>, tensor<?xTOPxf32>
    %p = sched.distribution %z : tensor<?xEXPERTSxf32>
    %q = sched.distribution %z : tensor<?xEXPERTSxf32>
    %mixed = sched.blend %p, %q by peaks : tensor<?xEXPERTSxf32>
    %scores = sched.blend %z, %mixed by [0.75, -0.5] : tensor<?xEXPERTSxf32>
    %ids, %sure = sched.predict %scores for layer 3 choosing TOP top EXPERTS by "multi-layer" calibrated [1.5, -0.25]
      : tensor<?xEXPERTSxf32> -> tensor<?xEXPERTSxi32>, tensor<?xEXPERTSxf32>
    %y4 = moe.linear %sure by @show : tensor<?xEXPERTSxf32> -> tensor<?x24xf32>
    %s0 = moe.add %y0, %y1 : tensor<?x24xf32>
    %s1 = moe.add %y2, %y3 : tensor<?x24xf32>
    %s2 = moe.add %s0, %s1 : tensor<?x24xf32>
    %s3 = moe.add %s2, %y4 : tensor<?x24xf32>
    %r = moe.pick %s3 rows %wanted : tensor<?x24xf32>, tensor<?xi32> -> tensor<?x24xf32>
    return %r, %kv : tensor<?x24xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
