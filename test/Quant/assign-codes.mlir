// Each class gets its scheme, and nothing else does.
// RUN: moe-opt %s --moe-assign-codes=scheme=experts:q35-vq,mlp:q4,attention:q8,head:q5 -split-input-file | FileCheck %s
// A scheme without a class is for the classes that are not named.
// RUN: moe-opt %s --moe-assign-codes=scheme=q8,head:q5,mlp:q4,experts:q35-vq -split-input-file | FileCheck %s
// What has codes is left alone, also by other schemes.
// RUN: moe-opt %s --moe-assign-codes=scheme=experts:q35-vq,mlp:q4,attention:q8,head:q5 --moe-assign-codes=scheme=q2 -split-input-file | FileCheck %s
// RUN: moe-opt %s --moe-assign-codes=scheme=none -split-input-file | FileCheck %s --check-prefix=NONE --implicit-check-not=stored --implicit-check-not=quantize
// NONE: moe.model @classes
// RUN: moe-opt %s --moe-assign-codes=scheme=head:q5 -split-input-file | FileCheck %s --check-prefix=HEAD --implicit-check-not=stored
// HEAD: moe.weight @head_0 {{.*}}stored as
// HEAD: moe.weight @bare {{.*}}stored as
// HEAD: moe.weight @head {{.*}}stored as

// CHECK-LABEL: moe.model @classes
moe.model @classes family "null" context 4 vocabulary 8 from "." {
  // A table that is also the head is stored twice, under a name that is free.
  // CHECK-DAG: moe.weight @embed : tensor<8x64xf32> from
  // CHECK-DAG: moe.weight @head : tensor<64xf32> from
  // CHECK-DAG: moe.weight @head_0 : tensor<8x64xf32> stored as {{.*}}q5
  moe.weight @embed : tensor<8x64xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @head : tensor<64xf32> from [#moe.splat<1.0 : f32>]
  // CHECK-DAG: moe.weight @q : tensor<64x64xf32> stored as {{.*}}q8{{.*}} from
  // CHECK-DAG: moe.weight @k : tensor<64x64xf32> stored as {{.*}}q8{{.*}} from
  // CHECK-DAG: moe.weight @b : tensor<64xf32> from
  // CHECK-DAG: moe.weight @r : tensor<4x64xf32> from
  moe.weight @q : tensor<64x64xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @k : tensor<64x64xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @b : tensor<64xf32> from [#moe.splat<0.0 : f32>]
  moe.weight @r : tensor<4x64xf32> from [#moe.random<3, 0.5 : f32>]
  // Rotated blocks are powers of two that divide the columns.
  // CHECK-DAG: moe.weight @g : tensor<4x96x64xf32> stored as {{.*}} columns rotated 64 from
  // CHECK-DAG: moe.weight @u : tensor<4x96x64xf32> stored as {{.*}} columns rotated 64 from
  // CHECK-DAG: moe.weight @d : tensor<4x64x96xf32> stored as {{.*}} columns rotated 32 from
  moe.weight @g : tensor<4x96x64xf32> from [#moe.random<4, 0.5 : f32>]
  moe.weight @u : tensor<4x96x64xf32> from [#moe.random<5, 0.5 : f32>]
  moe.weight @d : tensor<4x64x96xf32> from [#moe.random<6, 0.5 : f32>]
  // CHECK-DAG: moe.weight @mg : tensor<32x64xf32> stored as {{.*}}q4
  // CHECK-DAG: moe.weight @mu : tensor<32x64xf32> stored as {{.*}}q4
  // CHECK-DAG: moe.weight @md : tensor<64x32xf32> stored as {{.*}}q4
  // CHECK-DAG: moe.weight @s : tensor<1x64xf32> from
  moe.weight @mg : tensor<32x64xf32> from [#moe.random<7, 0.5 : f32>]
  moe.weight @mu : tensor<32x64xf32> from [#moe.random<8, 0.5 : f32>]
  moe.weight @md : tensor<64x32xf32> from [#moe.random<9, 0.5 : f32>]
  moe.weight @s : tensor<1x64xf32> from [#moe.random<10, 0.5 : f32>]
  func.func @f(%tokens: tensor<?xi32>) -> tensor<?x8xf32> {
    // CHECK: %[[X:.*]] = moe.embed
    // CHECK-NEXT: %[[XL:.*]] = moe.quantize %[[X]] : {{.*}}!moe.quantized<i8>
    // CHECK-NEXT: %[[Q:.*]] = moe.linear %[[XL]] by @q bias @b
    // CHECK-NEXT: %[[K:.*]] = moe.linear %[[XL]] by @k :
    // CHECK: %[[H:.*]] = moe.norm
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x64xf32>
    %q = moe.linear %x by @q bias @b : tensor<?x64xf32> -> tensor<?x64xf32>
    %k = moe.linear %x by @k : tensor<?x64xf32> -> tensor<?x64xf32>
    %a = moe.add %q, %k : tensor<?x64xf32>
    %h = moe.norm rms %a by @head epsilon 1.0e-06 groups 1 : tensor<?x64xf32>
    // One value, two rotations; the router and the shared gate take it as it is.
    // CHECK-DAG: %[[HP:.*]] = moe.quantize %[[H]] : {{.*}}!moe.quantized<i8>>
    // CHECK-DAG: %[[HR:.*]] = moe.quantize %[[H]] : {{.*}}!moe.quantized<i8 rotated 64>>
    // CHECK: moe.linear %[[H]] by @r
    // CHECK: moe.experts %[[HR]] to
    // CHECK: moe.mlp %[[HP]] gate @mg up @mu down @md silu gated by @s of %[[H]]
    %l = moe.linear %h by @r : tensor<?x64xf32> -> tensor<?x4xf32>
    %c = moe.clamp %l to 8.0 : tensor<?x4xf32>
    %ids, %w = moe.route %c top 2 softmax scale 1.0 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %h to %ids, %w gate @g up @u down @d silu : tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %z = moe.mlp %h gate @mg up @mu down @md silu gated by @s : tensor<?x64xf32>
    %o = moe.add %y, %z : tensor<?x64xf32>
    // CHECK: %[[L:.*]] = moe.linear %{{.*}} by @head_0 : tensor<?x64x!moe.quantized<i8>>
    %logits = moe.linear %o by @embed : tensor<?x64xf32> -> tensor<?x8xf32>
    return %logits : tensor<?x8xf32>
  }
}

// -----

// A limited result is still the head's; an argument is quantised at the top.
// CHECK-LABEL: moe.model @clamped
moe.model @clamped family "null" context 4 vocabulary 8 from "." {
  // CHECK: moe.weight @bare {{.*}}q5
  moe.weight @bare : tensor<8x64xf32> from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x64xf32>) -> tensor<?x8xf32> {
    // CHECK-NEXT: func.func @f(%[[X:.*]]: tensor
    // CHECK-NEXT: moe.quantize %[[X]]
    %o = moe.linear %x by @bare : tensor<?x64xf32> -> tensor<?x8xf32>
    %c = moe.clamp %o to 8.0 : tensor<?x8xf32>
    return %c : tensor<?x8xf32>
  }
}

// -----

// Two classes, two codes, two weights. One weight may be named by itself.
// CHECK-LABEL: moe.model @shared
moe.model @shared family "null" context 4 vocabulary 8 from "." {
  // CHECK: moe.weight @w : {{.*}}q8
  // CHECK: moe.weight @head : {{.*}}q5
  moe.weight @w : tensor<64x64xf32> from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    // CHECK: moe.linear %{{.*}} by @w :
    // CHECK: moe.linear %{{.*}} by @w :
    // CHECK: moe.linear %{{.*}} by @head :
    %a = moe.linear %x by @w : tensor<?x64xf32> -> tensor<?x64xf32>
    %b = moe.linear %a by @w : tensor<?x64xf32> -> tensor<?x64xf32>
    %c = moe.linear %b by @w : tensor<?x64xf32> -> tensor<?x64xf32>
    return %c : tensor<?x64xf32>
  }
}
