// RUN: moe-opt %s --verify-roundtrip | FileCheck %s
// RUN: moe-opt %s --mlir-print-op-generic | moe-opt | FileCheck %s
// RUN: moe-opt %s --emit-bytecode | moe-opt | FileCheck %s

// Every operation, in the form in which it is printed.

// CHECK-LABEL: moe.model @tiny family "null" context 16 vocabulary 8 from "."
moe.model @tiny family "null" context 16 vocabulary 8 from "." {
  // CHECK: moe.weight @embed : tensor<8x4xbf16> from [#moe.random<1, 5.000000e-01 : f32>]
  moe.weight @embed : tensor<8x4xbf16> from [#moe.random<1, 0.5 : f32>]
  // CHECK: moe.weight @norm : tensor<4xf32> from [#moe.splat<1.000000e+00 : f32>]
  moe.weight @norm : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  // CHECK: moe.weight @bias : tensor<4xf16> from [#moe.values<[1.000000e+00, -5.000000e-01, 0.000000e+00, 3.000000e+00]>]
  moe.weight @bias : tensor<4xf16> from [#moe.values<[1.0, -0.5, 0.0, 3.0]>]
  // CHECK: moe.weight @layers.0.q : tensor<4x4xf32> from [#moe.extent<"a.safetensors", 72, 16>, #moe.extent<"b.safetensors", 8, 48>]
  moe.weight @layers.0.q : tensor<4x4xf32> from [#moe.extent<"a.safetensors", 72, 16>, #moe.extent<"b.safetensors", 8, 48>]
  moe.weight @g : tensor<8x6x4xf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @mg : tensor<6x4xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @md : tensor<4x6xf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @s : tensor<1x4xf32> from [#moe.random<1, 0.5 : f32>]
  // CHECK: moe.rope_table @rope half frequencies [1.0, 0.01] gain 1.0
  moe.rope_table @rope half frequencies [1.0, 0.01] gain 1.0
  // CHECK: moe.rope_table @pairs interleaved frequencies [1.0] gain 1.25
  moe.rope_table @pairs interleaved frequencies [1.0] gain 1.25

  // CHECK: func.func @forward
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    // CHECK: %[[X:.+]] = moe.embed %[[TOKENS:.+]] by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    // CHECK: %[[H:.+]] = moe.norm rms %[[X]] by @norm epsilon 1.0e-06 groups 1 : tensor<?x4xf32>
    %h = moe.norm rms %x by @norm epsilon 1.0e-06 groups 1 : tensor<?x4xf32>
    // CHECK: %[[Q:.+]] = moe.linear %[[H]] by @layers.0.q bias @bias : tensor<?x4xf32> -> tensor<?x4xf32>
    %q = moe.linear %h by @layers.0.q bias @bias : tensor<?x4xf32> -> tensor<?x4xf32>
    // CHECK: %[[C:.+]] = moe.clamp %[[Q]] to 8.0 : tensor<?x4xf32>
    %c = moe.clamp %q to 8.0 : tensor<?x4xf32>
    // CHECK: %[[R:.+]] = moe.rope %[[C]] at %[[POSITIONS:.+]] by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    %r = moe.rope %c at %positions by @rope heads 1 : tensor<?x4xf32>, tensor<?xi32>
    // CHECK: %[[KV:.+]] = moe.kv_append %[[R]], %[[Q]] into %{{.+}} layer 0 at %[[SEQUENCES:.+]], %[[POSITIONS]] : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %kv1 = moe.kv_append %r, %q into %kv layer 0 at %sequences, %positions : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    // CHECK: %[[A:.+]] = moe.attention %[[R]] over %[[KV]] layer 0 at %[[SEQUENCES]], %[[POSITIONS]] heads 1 scale 0.5 window 3 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %a = moe.attention %r over %kv1 layer 0 at %sequences, %positions heads 1 scale 0.5 window 3 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    // CHECK: %[[S:.+]] = moe.add %[[X]], %[[A]] : tensor<?x4xf32>
    %s = moe.add %x, %a : tensor<?x4xf32>
    // CHECK: %[[M:.+]] = moe.mlp %[[S]] gate @mg up @mg down @md gelu_tanh gated by @s : tensor<?x4xf32>
    %m = moe.mlp %s gate @mg up @mg down @md gelu_tanh gated by @s : tensor<?x4xf32>
    // CHECK: %[[L:.+]] = moe.linear %[[M]] by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    %l = moe.linear %m by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    // CHECK: %[[IDS:.+]], %[[W:.+]] = moe.route %[[L]] top 2 softmax renormalize scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %ids, %w = moe.route %l top 2 softmax renormalize scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    // CHECK: %[[E:.+]] = moe.experts %[[S]] to %[[IDS]], %[[W]] gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %e = moe.experts %s to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    // CHECK: %[[P:.+]] = moe.pick %[[E]] rows %{{.+}} : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %p = moe.pick %e rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %o = moe.linear %p by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %o, %kv1 : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }

  // The other keywords, without the optional parts.
  // CHECK: func.func @variants
  func.func @variants(%x: tensor<?x4xf32>, %i: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 2 x bf16>) {
    // CHECK: moe.norm layer %{{.+}} by @s_norm epsilon 0.0 groups 2
    %0 = moe.norm layer %x by @s_norm epsilon 0.0 groups 2 : tensor<?x4xf32>
    // CHECK: moe.rope %{{.+}} at %{{.+}} by @pairs heads 2
    %1 = moe.rope %0 at %i by @pairs heads 2 : tensor<?x4xf32>, tensor<?xi32>
    // CHECK: moe.attention {{.*}} heads 2 scale 0.7071067811865476 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 2 x bf16>
    %2 = moe.attention %1 over %kv layer 5 at %i, %i heads 2 scale 0.7071067811865476 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 2 x bf16>
    // CHECK: moe.mlp %{{.+}} gate @mg up @mg down @md relu : tensor<?x4xf32>
    %3 = moe.mlp %2 gate @mg up @mg down @md relu : tensor<?x4xf32>
    // CHECK: moe.mlp %{{.+}} gate @mg up @mg down @md identity : tensor<?x4xf32>
    %4 = moe.mlp %3 gate @mg up @mg down @md identity : tensor<?x4xf32>
    // CHECK: moe.route %{{.+}} top 1 sigmoid scale 2.5 :
    %ids, %w = moe.route %4 top 1 sigmoid scale 2.5 : tensor<?x4xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    // CHECK: moe.route %{{.+}} top 4 softmax_selected scale 1.0 :
    %all, %v = moe.route %4 top 4 softmax_selected scale 1.0 : tensor<?x4xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    return
  }
  moe.weight @s_norm : tensor<2xbf16> from [#moe.splat<1.0 : bf16>]

  // Static and dynamic numbers of rows mix.
  // CHECK: func.func @rows
  func.func @rows(%tokens: tensor<3xi32>, %wanted: tensor<1xi32>) -> tensor<1x4xf32> {
    // CHECK: moe.embed %{{.+}} by @embed : tensor<3xi32> -> tensor<?x4xf32>
    %x = moe.embed %tokens by @embed : tensor<3xi32> -> tensor<?x4xf32>
    // CHECK: moe.pick %{{.+}} rows %{{.+}} : tensor<?x4xf32>, tensor<1xi32> -> tensor<1x4xf32>
    %y = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<1xi32> -> tensor<1x4xf32>
    return %y : tensor<1x4xf32>
  }
}

// CHECK: moe.model @empty family "" context 1 vocabulary 1 from ""
moe.model @empty family "" context 1 vocabulary 1 from "" {
}
