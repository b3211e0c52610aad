// Every score of a row, and rows put back in their places. The scores become
// logits by weights of one column, so that each shows.
moe.model @scores family "null" context 64 vocabulary 37 from "." {
  moe.weight @embed : tensor<37x24xf32> from [#moe.random<1, 0.6 : f32>]
  moe.weight @head : tensor<37x24xf32> from [#moe.random<2, 0.9 : f32>]
  moe.weight @one : tensor<1x24xf32> from [#moe.random<9, 0.9 : f32>]
  moe.weight @top1 : tensor<37x1xf32> from [#moe.random<3, 1.0 : f32>]
  moe.weight @margin : tensor<37x1xf32> from [#moe.random<4, 1.0 : f32>]
  moe.weight @entropy : tensor<37x1xf32> from [#moe.random<5, 1.0 : f32>]
  moe.weight @similarity : tensor<37x1xf32> from [#moe.random<6, 1.0 : f32>]
  moe.weight @streak : tensor<37x1xf32> from [#moe.random<7, 1.0 : f32>]
  moe.weight @slack : tensor<37x2xf32> from [#moe.random<10, 0.3 : f32>]
  moe.weight @surplus : tensor<37x1xf32> from [#moe.random<11, 1.0 : f32>]
  moe.weight @logistic : tensor<37x1xf32> from [#moe.random<8, 1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 24 x f32>)
      -> (tensor<?x37xf32>, !moe.kv<1 x 1 x 24 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x24xf32>
    %kv1 = moe.kv_append %x, %x into %kv layer 0 at %sequences, %positions : tensor<?x24xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 24 x f32>
    %a = moe.attention %x over %kv1 layer 0 at %sequences, %positions heads 1 scale 0.2 : tensor<?x24xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 24 x f32>
    %y = moe.add %x, %a : tensor<?x24xf32>
    %before = moe.pick %x rows %wanted : tensor<?x24xf32>, tensor<?xi32> -> tensor<?x24xf32>
    // Attention's rows put over the others, and read again: a table that is
    // read later is copied, the last one is not.
    %picked = moe.pick %a rows %wanted : tensor<?x24xf32>, tensor<?xi32> -> tensor<?x24xf32>
    %copied = moe.place %picked rows %wanted into %y : tensor<?x24xf32>, tensor<?xi32>, tensor<?x24xf32>
    %both = moe.add %copied, %y : tensor<?x24xf32>
    %changed = moe.place %before rows %wanted into %y : tensor<?x24xf32>, tensor<?xi32>, tensor<?x24xf32>
    %all = moe.add %both, %changed : tensor<?x24xf32>
    %p = moe.pick %all rows %wanted : tensor<?x24xf32>, tensor<?xi32> -> tensor<?x24xf32>
    %l0 = moe.linear %before by @head : tensor<?x24xf32> -> tensor<?x37xf32>
    %l1 = moe.linear %p by @head : tensor<?x24xf32> -> tensor<?x37xf32>
    %single = moe.linear %p by @one : tensor<?x24xf32> -> tensor<?x1xf32>
    %top1 = moe.confidence top1 %l1 : tensor<?x37xf32> -> tensor<?x1xf32>
    %margin = moe.confidence margin %l1 : tensor<?x37xf32> -> tensor<?x1xf32>
    %entropy = moe.confidence entropy %l1 : tensor<?x37xf32> -> tensor<?x1xf32>
    %sure = moe.confidence entropy %single : tensor<?x1xf32> -> tensor<?x1xf32>
    %similarity = moe.similarity %before, %p : tensor<?x24xf32> -> tensor<?x1xf32>
    %b0 = moe.best %l0 : tensor<?x37xf32> -> tensor<?xi32>
    %b1 = moe.best %l1 : tensor<?x37xf32> -> tensor<?xi32>
    %s0 = moe.streak %b0 : tensor<?xi32> -> tensor<?x1xf32>
    %s1 = moe.streak %b1 after %b0, %s0 : tensor<?xi32>, tensor<?xi32>, tensor<?x1xf32> -> tensor<?x1xf32>
    %logistic = moe.logistic %top1, %margin, %sure by [2.5, -1.25, 0.5] bias -0.75 : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>
    %r1 = moe.linear %top1 by @top1 : tensor<?x1xf32> -> tensor<?x37xf32>
    %r2 = moe.linear %margin by @margin : tensor<?x1xf32> -> tensor<?x37xf32>
    %r3 = moe.linear %entropy by @entropy : tensor<?x1xf32> -> tensor<?x37xf32>
    %r4 = moe.linear %similarity by @similarity : tensor<?x1xf32> -> tensor<?x37xf32>
    %r5 = moe.linear %s1 by @streak : tensor<?x1xf32> -> tensor<?x37xf32>
    %r6 = moe.linear %logistic by @logistic : tensor<?x1xf32> -> tensor<?x37xf32>
    %t1 = moe.add %r1, %r2 : tensor<?x37xf32>
    %t2 = moe.add %t1, %r3 : tensor<?x37xf32>
    %t3 = moe.add %t2, %r4 : tensor<?x37xf32>
    %t4 = moe.add %t3, %r5 : tensor<?x37xf32>
    %t5 = moe.add %t4, %r6 : tensor<?x37xf32>
    %surplus = moe.surplus %l1 over %l0 within @slack of %before near %p : tensor<?x37xf32>, tensor<?x37xf32>, tensor<?x24xf32> -> tensor<?x1xf32>
    %r7 = moe.linear %surplus by @surplus : tensor<?x1xf32> -> tensor<?x37xf32>
    %t6 = moe.add %t5, %r7 : tensor<?x37xf32>
    %zeros = moe.zeros like %wanted : tensor<?xi32> -> tensor<?x37xf32>
    %logits = moe.add %zeros, %t6 : tensor<?x37xf32>
    return %logits, %kv1 : tensor<?x37xf32>, !moe.kv<1 x 1 x 24 x f32>
  }
}
