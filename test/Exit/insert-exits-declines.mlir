// RUN: moe-opt %s --moe-insert-exits -split-input-file -verify-diagnostics

// It has exits.
!tokens = tensor<?xi32>
!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{exits requested, the model has 1 already}}
moe.model @leaves family "null" context 4 vocabulary 8 from "." {
  func.func @f(%scores: tensor<?x1xf32>, %wanted: !tokens, %sequences: !tokens, %positions: !tokens) {
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions
    %on, %gone, %late, %kept, %leaving = moe.exit %scores by "top1" above 0.9 after 1
      asking %asking running %running due %due of %wanted at %sequences, %positions : tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{layers cannot be told apart: the model has no @forward}}
moe.model @parts family "null" context 4 vocabulary 8 from "." {
}

// -----

!tokens = tensor<?xi32>
!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: @forward branches}}
moe.model @branches family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x8xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x = moe.embed %wanted by @embed : !tokens -> tensor<?x8xf32>
    cf.br ^end
  ^end:
    return %x, %kv : tensor<?x8xf32>, !kv
  }
}

// -----

// Nothing lies between two layers.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{exits lie between two layers, the model has 1}}
moe.model @one family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %last = moe.pick %a0 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv0 : tensor<?x8xf32>, !kv
  }
}

// -----

// The state has room for layers that are not there.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<3 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: of 3 layers, 1 store keys and values in @forward}}
moe.model @few family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %last = moe.pick %x0 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv0 : tensor<?x8xf32>, !kv
  }
}

// -----

// Layers are numbered in another order.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<2 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: keys and values of layer 1 are stored where layer 0 is expected}}
moe.model @swapped family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %last = moe.pick %x0 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv0 : tensor<?x8xf32>, !kv
  }
}

// -----

// Only some rows store keys and values.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: layer 0 does not store keys and values of all rows}}
moe.model @some family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %c = moe.pick %x0 rows %wanted : !rows, !tokens -> !rows
    %s = moe.pick %sequences rows %wanted : !tokens, !tokens -> !tokens
    %p = moe.pick %positions rows %wanted : !tokens, !tokens -> !tokens
    %kv0 = moe.kv_append %c, %c into %kv layer 0 at %s, %p : !rows, !tokens, !kv
    %logits = moe.linear %c by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv0 : tensor<?x8xf32>, !kv
  }
}

// -----

// Layer 1 adds what was in front of layer 0: two values go into it.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<2 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: no single value goes into layer 1}}
moe.model @skipping family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %kv1 = moe.kv_append %a0, %a0 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %a0 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x2 = moe.add %x0, %a1 : !rows
    %last = moe.pick %x2 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !kv
  }
}

// -----

// Layer 1 takes 4 features, the head 8.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<2 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: layer 0 takes other rows than the head}}
moe.model @widening family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @wide : tensor<8x4xf32> from [#moe.random<2, 1.0 : f32>]
  moe.weight @head : tensor<8x8xf32> from [#moe.random<3, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %kv1 = moe.kv_append %a0, %a0 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %a0 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x2 = moe.linear %a1 by @wide : !rows -> tensor<?x8xf32>
    %last = moe.pick %x2 rows %wanted : tensor<?x8xf32>, !tokens -> tensor<?x8xf32>
    %logits = moe.linear %last by @head : tensor<?x8xf32> -> tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !kv
  }
}

// -----

// Keys of layer 1 are made by attention: not row by row.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<2 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: what stores keys and values of layer 1 needs more than the rows that go into it}}
moe.model @looking family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %x1 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %k = moe.attention %x1 over %kv layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %kv1 = moe.kv_append %k, %x1 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %x1 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x2 = moe.add %x1, %a1 : !rows
    %last = moe.pick %x2 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !kv
  }
}

// -----

// Wanted rows are taken twice.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: the head does not begin with one pick of the wanted rows}}
moe.model @twice family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %b = moe.pick %a0 rows %wanted : !rows, !tokens -> !rows
    %c = moe.pick %a0 rows %wanted : !rows, !tokens -> !rows
    %sum = moe.add %b, %c : !rows
    %logits = moe.linear %sum by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv0 : tensor<?x8xf32>, !kv
  }
}

// -----

// The head looks at positions.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: the head needs more than the rows that go into it}}
moe.model @placed family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %last = moe.pick %a0 rows %wanted : !rows, !tokens -> !rows
    %p = moe.embed %positions by @embed : !tokens -> !rows
    %sum = moe.add %last, %p : !rows
    %logits = moe.linear %sum by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv0 : tensor<?x8xf32>, !kv
  }
}

// -----

// Logits are made of all rows.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{layers cannot be told apart: no single value goes from the last layer into the head}}
moe.model @unpicked family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %last = moe.pick %a0 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %a0 by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv0 : tensor<?x8xf32>, !kv
  }
}
