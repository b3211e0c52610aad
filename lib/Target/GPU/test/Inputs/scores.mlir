// Scores of rows of SIZE columns, and a shortlist of them spread.
moe.model @exits family "null" context 64 vocabulary SIZE from "." {
  moe.weight @embed : tensor<SIZEx40xbf16> from [#moe.random<1, 0.6 : f32>]
  moe.weight @list : tensor<5x40xf32> from [#moe.random<3, 0.9 : f32>]
  moe.weight @few : tensor<SIZEx5xf32> from [#moe.random<4, 1.0 : f32>]
  moe.weight @slack : tensor<SIZEx2xbf16> from [#moe.random<10, 0.3 : f32>]
  moe.weight @one : tensor<SIZEx1xf32> from [#moe.random<5, 1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?xSIZExf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x40xf32>
    %y = moe.pick %x rows %wanted : tensor<?x40xf32>, tensor<?xi32> -> tensor<?x40xf32>
    %near = moe.clamp %y to 0.5 : tensor<?x40xf32>
    %l = moe.linear %y by @embed : tensor<?x40xf32> -> tensor<?xSIZExf32>
    %k = moe.linear %near by @list : tensor<?x40xf32> -> tensor<?x5xf32>
    %spread = moe.spread %k to [0, 3, 7, 9, 12] : tensor<?x5xf32> -> tensor<?xSIZExf32>
    %top1 = moe.confidence top1 %l : tensor<?xSIZExf32> -> tensor<?x1xf32>
    %margin = moe.confidence margin %l : tensor<?xSIZExf32> -> tensor<?x1xf32>
    %entropy = moe.confidence entropy %l : tensor<?xSIZExf32> -> tensor<?x1xf32>
    %impossible = moe.confidence entropy %spread : tensor<?xSIZExf32> -> tensor<?x1xf32>
    %b0 = moe.best %l : tensor<?xSIZExf32> -> tensor<?xi32>
    %other = moe.linear %near by @embed : tensor<?x40xf32> -> tensor<?xSIZExf32>
    %b1 = moe.best %other : tensor<?xSIZExf32> -> tensor<?xi32>
    %b2 = moe.best %spread : tensor<?xSIZExf32> -> tensor<?xi32>
    %b3 = moe.best %k : tensor<?x5xf32> -> tensor<?xi32>
    %s0 = moe.streak %b0 : tensor<?xi32> -> tensor<?x1xf32>
    %s1 = moe.streak %b1 after %b0, %s0 : tensor<?xi32>, tensor<?xi32>, tensor<?x1xf32> -> tensor<?x1xf32>
    %s2 = moe.streak %b2 after %b3, %s1 : tensor<?xi32>, tensor<?xi32>, tensor<?x1xf32> -> tensor<?x1xf32>
    %surplus = moe.surplus %k over %l within @slack of %y near %near : tensor<?x5xf32>, tensor<?xSIZExf32>, tensor<?x40xf32> -> tensor<?x1xf32>
    %logistic = moe.logistic %top1, %margin, %entropy, %impossible, %s2, %surplus by [2.5, -1.25, 0.5, 0.25, 0.125, 0.0625] bias -0.75 : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>
    %r0 = moe.linear %logistic by @one : tensor<?x1xf32> -> tensor<?xSIZExf32>
    %r2 = moe.linear %surplus by @one : tensor<?x1xf32> -> tensor<?xSIZExf32>
    %r1 = moe.clamp %spread to 2.0 : tensor<?xSIZExf32>
    %t0 = moe.add %r0, %r1 : tensor<?xSIZExf32>
    %logits = moe.add %t0, %r2 : tensor<?xSIZExf32>
    return %logits, %kv : tensor<?xSIZExf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
