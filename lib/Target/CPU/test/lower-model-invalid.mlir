// RUN: moe-opt %s --moe-cpu-lower-model -split-input-file -verify-diagnostics

// expected-error @below {{the cpu backend takes 1 model, the module has 2}}
module {
  moe.model @a family "null" context 16 vocabulary 8 from "." {
  }
  moe.model @b family "null" context 16 vocabulary 8 from "." {
  }
}

// -----

// expected-error @below {{has no function @forward to lower}}
moe.model @a family "null" context 16 vocabulary 8 from "." {
}

// -----

moe.model @a family "null" context 16 vocabulary 4 from "." {
  func.func private @other(%x: tensor<?xi32>) -> tensor<?x4xf32>
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    // expected-error @below {{'func.call' op has no lowering to cpu code}}
    %x = func.call @other(%tokens) : (tensor<?xi32>) -> tensor<?x4xf32>
    return %x, %kv : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// Compiled code checks no index, so what follows would reach beyond buffers.

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %x by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    // expected-error @below {{returns logits of other rows than the wanted ones}}
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{mixes rows that were picked differently}}
    %s = moe.add %x, %p : tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes numbers of other rows than its input has}}
    %q = moe.pick %p rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{mixes rows that were picked differently}}
    %kv1 = moe.kv_append %p, %p into %kv layer 0 at %sequences, %positions : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    // expected-error @below {{takes argument 1 of @forward where the cpu backend needs argument 0}}
    %x = moe.embed %sequences by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes numbers that name no rows}}
    %p = moe.pick %x rows %tokens : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.rope_table @rope half frequencies [1.0, 0.1] gain 1.0
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes argument 1 of @forward where the cpu backend needs argument 2}}
    %r = moe.rope %x at %sequences by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes argument 2 of @forward where the cpu backend needs argument 1}}
    %kv1 = moe.kv_append %x, %x into %kv layer 0 at %positions, %positions : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

// The state is written in place.
moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %kv1 = moe.kv_append %x, %x into %kv layer 0 at %sequences, %positions : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    // expected-error @below {{uses a state that a later operation changes}}
    %a = moe.attention %x over %kv layer 0 at %sequences, %positions heads 1 scale 0.5 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  // expected-error @below {{has a state of 'bf16', the cpu backend has f32}}
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x bf16>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x bf16>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x bf16>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @router : tensor<4x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @g : tensor<4x3x4xbf16> from [#moe.splat<1.0 : f32>]
  moe.weight @u : tensor<4x3x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x4x3xbf16> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %s = moe.linear %x by @router : tensor<?x4xf32> -> tensor<?x4xf32>
    %e, %w = moe.route %s top 2 softmax scale 1.0 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @below {{has elements of 'bf16' in @g and of 'f32' in @u, an expert has one type}}
    %y = moe.experts %x to %e, %w gate @g up @u down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @router : tensor<4x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @g : tensor<2x3x4xbf16> from [#moe.splat<1.0 : f32>]
  moe.weight @u : tensor<2x3x4xbf16> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<2x4x3xbf16> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %s = moe.linear %x by @router : tensor<?x4xf32> -> tensor<?x4xf32>
    %e, %w = moe.route %s top 2 softmax scale 1.0 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @below {{gets experts out of 4, there are 2}}
    %y = moe.experts %x to %e, %w gate @g up @u down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x65794xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @head : tensor<8x65794xf32> stored as #q8 from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x65794xf32>
    %p = moe.pick %x rows %wanted : tensor<?x65794xf32>, tensor<?xi32> -> tensor<?x65794xf32>
    %l = moe.quantize %p : tensor<?x65794xf32> -> tensor<?x65794x!moe.quantized<i8>>
    // expected-error @below {{sums 65794 products with @head to up to 2147516160 when int32 holds at most 2147483647}}
    %logits = moe.linear %l by @head : tensor<?x65794x!moe.quantized<i8>> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

// Positions reach up to the context.

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @table : tensor<15x8xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    // expected-error @below {{has 15 rows for positions, the model has 16 positions}}
    %x = moe.embed %positions by @table : tensor<?xi32> -> tensor<?x8xf32>
    %p = moe.pick %x rows %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    return %p, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @r : tensor<8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @g : tensor<8x8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x16x8xf32> from [#moe.splat<1.0 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.linear %x by @r : tensor<?x16xf32> -> tensor<?x8xf32>
    %i, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %t = sched.prefetch %i of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @below {{waits for all experts, the cpu backend runs them as they come: run sched-launch-early before}}
    sched.await %t
    %y = moe.experts %x to %i, %w gate @g up @g down @d silu : tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.release %t
    %p = moe.pick %y rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %logits = moe.linear %p by @embed : tensor<?x16xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

// Experts are known by their layer: the one before all attentions is none.

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @r : tensor<8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @g : tensor<8x8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x16x8xf32> from [#moe.splat<1.0 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.linear %x by @r : tensor<?x16xf32> -> tensor<?x8xf32>
    %i, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @below {{is of layer 0, its experts are in layer -1}}
    %t = sched.prefetch %i of layer 0 in @experts : tensor<?x2xi32>
    %y = sched.launch %t : tensor<?x16xf32> {
      %s = moe.experts %x to %i, %w gate @g up @g down @d silu : tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %s : tensor<?x16xf32>
    }
    %p = moe.pick %y rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %logits = moe.linear %p by @embed : tensor<?x16xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

// A wanted fetch that is dropped would still be what the layer gets.
moe.model @a family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @q : tensor<4x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @r : tensor<8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @g : tensor<8x8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x16x8xf32> from [#moe.splat<1.0 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %all = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %q = moe.linear %all by @q : tensor<?x16xf32> -> tensor<?x4xf32>
    %a = moe.attention %q over %kv layer 0 at %sequences, %positions heads 1 scale 0.5
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %x = moe.pick %all rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.linear %x by @r : tensor<?x16xf32> -> tensor<?x8xf32>
    %i, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %u = sched.prefetch %i of layer 0 in @experts : tensor<?x2xi32>
    sched.record %l, %i, %w of layer 0 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %u
    // expected-error @below {{is the 2nd wanted fetch of layer 0, the cpu backend takes 1}}
    %t = sched.prefetch %i of layer 0 in @experts : tensor<?x2xi32>
    %y = sched.launch %t : tensor<?x16xf32> {
      %s = moe.experts %x to %i, %w gate @g up @g down @d silu : tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %s : tensor<?x16xf32>
    }
    %z = moe.add %y, %x : tensor<?x16xf32>
    return %z, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

// Buffers belong to one value.
moe.model @a family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @q : tensor<4x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @r : tensor<8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @g : tensor<8x8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x16x8xf32> from [#moe.splat<1.0 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %all = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %q = moe.linear %all by @q : tensor<?x16xf32> -> tensor<?x4xf32>
    %a = moe.attention %q over %kv layer 0 at %sequences, %positions heads 1 scale 0.5
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %x = moe.pick %all rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.linear %x by @r : tensor<?x16xf32> -> tensor<?x8xf32>
    %i, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %t = sched.prefetch %i of layer 0 in @experts : tensor<?x2xi32>
    %y, %v = sched.launch %t : tensor<?x16xf32>, tensor<?x16xf32> {
      %s = moe.experts %x to %i, %w gate @g up @g down @d silu : tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      // expected-error @below {{gives a value that is not made here, given twice, or not of float rows}}
      sched.yield %s, %s : tensor<?x16xf32>, tensor<?x16xf32>
    }
    %z = moe.add %y, %v : tensor<?x16xf32>
    return %z, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

// Logits lie where the caller says.
moe.model @a family "null" context 16 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @q : tensor<4x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @r : tensor<8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @g : tensor<8x8x16xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x16x8xf32> from [#moe.splat<1.0 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %all = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %q = moe.linear %all by @q : tensor<?x16xf32> -> tensor<?x4xf32>
    %a = moe.attention %q over %kv layer 0 at %sequences, %positions heads 1 scale 0.5
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %x = moe.pick %all rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.linear %x by @r : tensor<?x16xf32> -> tensor<?x8xf32>
    %i, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %t = sched.prefetch %i of layer 0 in @experts : tensor<?x2xi32>
    %y = sched.launch %t : tensor<?x16xf32> {
      %s = moe.experts %x to %i, %w gate @g up @g down @d silu : tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %s : tensor<?x16xf32>
    }
    // expected-error @below {{returns a launch's result as logits, the cpu backend needs an operation between them}}
    return %y, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes numbers that name no rows}}
    %q = moe.place %x rows %tokens into %x : tensor<?x4xf32>, tensor<?xi32>, tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %z = moe.zeros like %wanted : tensor<?xi32> -> tensor<?x4xf32>
    %y = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes numbers of other rows than its table has}}
    %q = moe.place %y rows %wanted into %z : tensor<?x4xf32>, tensor<?xi32>, tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes argument 2 of @forward where the cpu backend needs argument 1}}
    %r, %d, %a = moe.enter %wanted at %positions, %positions
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // expected-error @below {{takes argument 0 of @forward where the cpu backend needs argument 3}}
    %r, %d, %a = moe.enter %tokens at %sequences, %positions
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %r, %d, %a = moe.enter %wanted at %sequences, %positions
    %s = moe.pick %sequences rows %r : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    // expected-error @below {{takes other rows than those of the whole batch}}
    %y = moe.resume %x at %s, %positions from %kv : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %l = moe.linear %x by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    %s = moe.confidence top1 %l : tensor<?x8xf32> -> tensor<?x1xf32>
    %r, %d, %a = moe.enter %wanted at %sequences, %positions
    // expected-error @below {{mixes rows that were picked differently}}
    %r1, %g1, %d1, %k1, %l1 = moe.exit %s by "top1" above 0.5 after 1 asking %a running %r due %d of %wanted at %sequences, %positions : tensor<?x1xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %l = moe.linear %x by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    %s = moe.confidence top1 %l : tensor<?x8xf32> -> tensor<?x1xf32>
    %r, %d, %a = moe.enter %wanted at %sequences, %positions
    // expected-error @below {{takes other row sets than the moe.enter or moe.exit before it gave}}
    %r1, %g1, %d1, %k1, %l1 = moe.exit %s by "top1" above 0.5 after 1 asking %r running %r due %d of %wanted at %sequences, %positions : tensor<?x1xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %r, %d, %a = moe.enter %wanted at %sequences, %positions
    // expected-error @below {{takes other rows than those that left}}
    %kv1 = moe.park %x rows %d into %kv at %sequences, %positions : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %l = moe.linear %x by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    %b = moe.best %l : tensor<?x8xf32> -> tensor<?xi32>
    // expected-error @below {{takes numbers of its own where the cpu backend needs argument 0}}
    %y = moe.embed %b by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %r, %d, %a = moe.enter %wanted at %sequences, %positions
    // expected-error @below {{is the 2nd of @forward, the cpu backend takes 1}}
    %r2, %d2, %a2 = moe.enter %wanted at %sequences, %positions
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @a family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %r, %d, %a = moe.enter %wanted at %sequences, %positions
    %w = moe.pick %wanted rows %a : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %c = moe.pick %x rows %w : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %l = moe.linear %c by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    %s = moe.confidence top1 %l : tensor<?x8xf32> -> tensor<?x1xf32>
    %r1, %g1, %d1, %k1, %l1 = moe.exit %s by "top1" above 0.5 after 1 asking %a running %r due %d of %wanted at %sequences, %positions : tensor<?x1xf32>
    // Those that left do not ask again.
    %a1 = moe.pick %a rows %l1 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %s1 = moe.pick %s rows %l1 : tensor<?x1xf32>, tensor<?xi32> -> tensor<?x1xf32>
    // expected-error @below {{takes other row sets than the moe.enter or moe.exit before it gave}}
    %r2, %g2, %d2, %k2, %l2 = moe.exit %s1 by "top1" above 0.5 after 2 asking %a1 running %r1 due %d1 of %wanted at %sequences, %positions : tensor<?x1xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
