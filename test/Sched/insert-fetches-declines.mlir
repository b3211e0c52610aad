// RUN: moe-opt %s -split-input-file -o %t.before
// RUN: moe-opt %s -split-input-file --sched-insert-fetches=entries=4 -o %t.after
// RUN: cmp %t.before %t.after

// It has no experts.
moe.model @dense family "null" context 4 vocabulary 8 from "." {
  moe.weight @w : tensor<4x4xf32> from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %y = moe.mlp %x gate @w up @w down @w silu : tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// It has a cache.
!kv = !moe.kv<1 x 1 x 4 x f32>
moe.model @cached family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @mine policy "lfu"
  func.func @f(%x: tensor<?x4xf32>, %at: tensor<?xi32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %kv: !kv)
      -> tensor<?x4xf32> {
    %a = moe.attention %x over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %t = sched.prefetch %ids of layer 0 in @mine : tensor<?x2xi32>
    sched.await %t
    %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.release %t
    return %y : tensor<?x4xf32>
  }
}

// -----

// Nothing says which decoder layer the experts are of.
moe.model @early family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x4xf32> {
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// Two layers share a bank.
!kv = !moe.kv<1 x 1 x 4 x f32>
moe.model @shared family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %at: tensor<?xi32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %kv: !kv)
      -> tensor<?x4xf32> {
    %a = moe.attention %x over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %b = moe.attention %y over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %z = moe.experts %b to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// One layer has two banks.
!kv = !moe.kv<1 x 1 x 4 x f32>
moe.model @double family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @h : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %at: tensor<?xi32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %kv: !kv)
      -> tensor<?x4xf32> {
    %a = moe.attention %x over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %z = moe.experts %y to %ids, %w gate @g up @h down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// One layer uses its bank twice.
!kv = !moe.kv<1 x 1 x 4 x f32>
moe.model @twice family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %at: tensor<?xi32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %kv: !kv)
      -> tensor<?x4xf32> {
    %a = moe.attention %x over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %z = moe.experts %y to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// Layers have different numbers of experts.
!kv = !moe.kv<1 x 1 x 4 x f32>
moe.model @uneven family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @h : tensor<9x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @e : tensor<9x4x6xf32> from [#moe.random<4, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %at: tensor<?xi32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %kv: !kv)
      -> tensor<?x4xf32> {
    %a = moe.attention %x over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %b = moe.attention %y over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %z = moe.experts %b to %ids, %w gate @h up @h down @e silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return %z : tensor<?x4xf32>
  }
}
