// Two layers, experts and a dense one, and an exit between them: rows that leave
// get keys and values of what they left with.
!set = tensor<?xi32>
!rows = tensor<?x8xf32>
!logits = tensor<?x32xf32>
!score = tensor<?x1xf32>
!kv = !moe.kv<2 x 1 x 8 x f32>

moe.model @exits family "null" context 16 vocabulary 32 from "." {
  moe.weight @embed : tensor<32x8xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @norm : tensor<8xf32> from [#moe.random<2, 1.0 : f32>]
  moe.weight @k0 : tensor<8x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @k1 : tensor<8x8xf32> from [#moe.random<4, 0.5 : f32>]
  moe.weight @router : tensor<4x8xf32> from [#moe.random<5, 0.5 : f32>]
  moe.weight @experts.gate : tensor<4x6x8xf32> from [#moe.random<6, 0.5 : f32>]
  moe.weight @experts.up : tensor<4x6x8xf32> from [#moe.random<7, 0.5 : f32>]
  moe.weight @experts.down : tensor<4x8x6xf32> from [#moe.random<8, 0.5 : f32>]
  moe.weight @dense.gate : tensor<6x8xf32> from [#moe.random<9, 0.5 : f32>]
  moe.weight @dense.up : tensor<6x8xf32> from [#moe.random<10, 0.5 : f32>]
  moe.weight @dense.down : tensor<8x6xf32> from [#moe.random<11, 0.5 : f32>]

  func.func @forward(%tokens: !set, %sequences: !set, %positions: !set, %wanted: !set,
                     %kv: !kv) -> (!logits, !kv) {
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions
    %x0 = moe.embed %tokens by @embed : !set -> !rows

    %k0 = moe.linear %x0 by @k0 : !rows -> !rows
    %kv0 = moe.kv_append %k0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !set, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5
      : !rows, !set, !kv
    %l0 = moe.linear %a0 by @router : !rows -> tensor<?x4xf32>
    %ids, %w = moe.route %l0 top 2 softmax scale 1.0
      : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y0 = moe.experts %a0 to %ids, %w gate @experts.gate up @experts.up down @experts.down silu
      : !rows, tensor<?x2xi32>, tensor<?x2xf32>
    %x1 = moe.add %x0, %y0 : !rows

    %rows = moe.pick %wanted rows %asking : !set, !set -> !set
    %c = moe.pick %x1 rows %rows : !rows, !set -> !rows
    %n0 = moe.norm rms %c by @norm epsilon 1.0e-05 groups 1 : !rows
    %logits0 = moe.linear %n0 by @embed : !rows -> !logits
    %sure = moe.confidence top1 %logits0 : !logits -> !score
    %running1, %gone1, %due1, %kept1, %leaving1 = moe.exit %sure by "top1" above 0.9 after 1
      asking %asking running %running due %due of %wanted at %sequences, %positions : !score
    %none = moe.zeros like %wanted : !set -> !logits
    %out0 = moe.place %logits0 rows %asking into %none : !logits, !set, !logits
    %x2 = moe.pick %x1 rows %running1 : !rows, !set -> !rows
    %sequences1 = moe.pick %sequences rows %running1 : !set, !set -> !set
    %positions1 = moe.pick %positions rows %running1 : !set, !set -> !set

    %g = moe.pick %x1 rows %gone1 : !rows, !set -> !rows
    %gs = moe.pick %sequences rows %gone1 : !set, !set -> !set
    %gp = moe.pick %positions rows %gone1 : !set, !set -> !set
    %gk = moe.linear %g by @k1 : !rows -> !rows
    %kvg = moe.kv_append %gk, %g into %kv0 layer 1 at %gs, %gp : !rows, !set, !kv
    %k1 = moe.linear %x2 by @k1 : !rows -> !rows
    %kv1 = moe.kv_append %k1, %x2 into %kvg layer 1 at %sequences1, %positions1
      : !rows, !set, !kv
    %a1 = moe.attention %x2 over %kv1 layer 1 at %sequences1, %positions1 heads 1 scale 0.5
      : !rows, !set, !kv
    %y1 = moe.mlp %a1 gate @dense.gate up @dense.up down @dense.down silu : !rows
    %x3 = moe.add %x2, %y1 : !rows

    %all = moe.place %x3 rows %running1 into %x1 : !rows, !set, !rows
    %last = moe.pick %wanted rows %due1 : !set, !set -> !set
    %c1 = moe.pick %all rows %last : !rows, !set -> !rows
    %n1 = moe.norm rms %c1 by @norm epsilon 1.0e-05 groups 1 : !rows
    %logits1 = moe.linear %n1 by @embed : !rows -> !logits
    %out = moe.place %logits1 rows %due1 into %out0 : !logits, !set, !logits
    return %out, %kv1 : !logits, !kv
  }
}
