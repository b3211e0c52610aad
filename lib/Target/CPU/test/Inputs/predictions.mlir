// Scores and guesses, seen as logits: by peaks, by weights, and how sure.
moe.model @m family "null" context 64 vocabulary 12 from "." {
  moe.weight @embed : tensor<12x16xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @a : tensor<12x16xf32> from [#moe.random<2, 0.6 : f32>]
  moe.weight @b : tensor<12x16xf32> from [#moe.random<3, 0.4 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x12xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %all = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %x = moe.pick %all rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %a = moe.linear %x by @a : tensor<?x16xf32> -> tensor<?x12xf32>
    %b = moe.linear %x by @b : tensor<?x16xf32> -> tensor<?x12xf32>
    %p = sched.distribution %a : tensor<?x12xf32>
    %q = sched.distribution %b : tensor<?x12xf32>
    %mixed = sched.blend %p, %q by peaks : tensor<?x12xf32>
    %scores = sched.blend %a, %b by [0.75, -0.5] : tensor<?x12xf32>
    %ids, %sure = sched.predict %scores for layer 3 choosing 5 top 12 by "multi-layer" calibrated [1.5, -0.25]
      : tensor<?x12xf32> -> tensor<?x12xi32>, tensor<?x12xf32>
    %ids1, %sure1 = sched.predict %mixed for layer 3 choosing 12 top 12 by "adaptive" calibrated [20.0, 0.5]
      : tensor<?x12xf32> -> tensor<?x12xi32>, tensor<?x12xf32>
    %logits = sched.blend %mixed, %sure, %sure1 by [1.0, 2.0, 4.0] : tensor<?x12xf32>
    return %logits, %kv : tensor<?x12xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
