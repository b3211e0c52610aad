// RUN: moe-opt %s --moe-cpu-lower-model --canonicalize --cse | FileCheck %s

// Fetches become calls through the forward's table of functions, each skipped
// where the table has none. What only guesses need runs only when somebody wants
// guesses, and the launch is a loop over the experts that have arrived.

// CHECK: moe.operations = ["embed embed", "linear q", "attention 0", "linear r0", "route", "linear r1", "predict 1", "experts g", "attention 1", "linear r1", "route", "experts g1", "pick", "linear embed"]
moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x16xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @r0 : tensor<4x16xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @r1 : tensor<4x16xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @g : tensor<4x8x16xf32> from [#moe.random<4, 0.5 : f32>]
  moe.weight @g1 : tensor<4x8x16xf32> from [#moe.random<7, 0.5 : f32>]
  moe.weight @u : tensor<4x8x16xf32> from [#moe.random<5, 0.5 : f32>]
  moe.weight @d : tensor<4x16x8xf32> from [#moe.random<6, 0.5 : f32>]
  moe.weight @q : tensor<4x16xf32> from [#moe.random<8, 0.5 : f32>]
  sched.cache @experts policy "lru"
  // CHECK: func.func @moert_forward_v1
  // A forward that ends before the table has none.
  // CHECK: %[[LEAST:.*]] = arith.constant 104 : i32
  // CHECK: arith.cmpi uge, %{{.*}}, %[[LEAST]] : i32
  // CHECK: call @route_
  // CHECK: llvm.call
  // CHECK: scf.if %[[GUESSING:[0-9]+]] {
  // CHECK: call @linear_
  // CHECK: scf.if %[[GUESSING]] {
  // CHECK: call @predict_
  // CHECK: call @experts_{{.*}}_coming
  // CHECK: call @experts_{{.*}}_coming
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<2 x 1 x 4 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<2 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %q = moe.linear %x by @q : tensor<?x16xf32> -> tensor<?x4xf32>
    %a0 = moe.attention %q over %kv layer 0 at %sequences, %positions heads 1 scale 0.5
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<2 x 1 x 4 x f32>
    %l0 = moe.linear %x by @r0 : tensor<?x16xf32> -> tensor<?x4xf32>
    %i0, %w0 = moe.route %l0 top 2 softmax scale 1.0 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    sched.record %l0, %i0, %w0 of layer 0 : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %s = moe.linear %x by @r1 : tensor<?x16xf32> -> tensor<?x4xf32>
    %next, %sure = sched.predict %s for layer 1 choosing 2 top 3 by "cross-layer-gate" calibrated [1.0, 0.0]
      : tensor<?x4xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
    %guess = sched.prefetch %next confident %sure above 0.5 of layer 1 in @experts : tensor<?x3xi32>, tensor<?x3xf32>
    %t0 = sched.prefetch %i0 of layer 0 in @experts : tensor<?x2xi32>
    %y0 = sched.launch %t0 : tensor<?x16xf32> {
      %r = moe.experts %x to %i0, %w0 gate @g up @u down @d silu : tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %r : tensor<?x16xf32>
    }
    %a1 = moe.attention %q over %kv layer 1 at %sequences, %positions heads 1 scale 0.5
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<2 x 1 x 4 x f32>
    %l1 = moe.linear %y0 by @r1 : tensor<?x16xf32> -> tensor<?x4xf32>
    %i1, %w1 = moe.route %l1 top 2 softmax scale 1.0 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %t1 = sched.prefetch %i1 of layer 1 in @experts joining %guess : tensor<?x2xi32>
    %y1 = sched.launch %t1 : tensor<?x16xf32> {
      %r = moe.experts %y0 to %i1, %w1 gate @g1 up @u down @d silu : tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %r : tensor<?x16xf32>
    }
    %p = moe.pick %y1 rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %logits = moe.linear %p by @embed : tensor<?x16xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<2 x 1 x 4 x f32>
  }
}
// CHECK: func.func private @experts_{{.*}}_coming
// CHECK: scf.while
// CHECK: scf.parallel
