// RUN: moe-opt %s --moe-cpu-lower-model | FileCheck %s
// RUN: sed 's/^    return/    %%seen = moe.confidence top1 %%out : tensor<?x8xf32> -> tensor<?x1xf32>\n    return/' %s \
// RUN:   | moe-opt --moe-cpu-lower-model | FileCheck %s --check-prefix=SEEN

// Where somebody else reads a table of logits on the way, it is copied to where
// forward's go.
// SEEN: call @place
// SEEN: call @copy_rows
// SEEN: call @place

// Code with exits fails under a runtime that does not know them.
// CHECK-LABEL: func.func private @forward_with_exits
// CHECK: call @embed
// The runtime says who runs: the counts of its row sets are loaded.
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
// What has no rows is skipped.
// CHECK: arith.cmpi
// CHECK: scf.if
// CHECK: call @linear
// CHECK: call @confidence_top1
// Logits are written where forward's go: no buffer between.
// CHECK: call @place
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, i64, !llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
// CHECK: call @pick_numbers
// CHECK: call @kv_append
// CHECK: call @kv_append
// CHECK: call @attention
// CHECK-LABEL: func.func @moert_forward_v1
// CHECK: scf.if
// CHECK: call @forward_with_exits
// CHECK: arith.constant 4 : i32
moe.model @exits family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions
    %none = moe.zeros like %wanted : tensor<?xi32> -> tensor<?x8xf32>
    %rows = moe.pick %wanted rows %asking : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %c = moe.pick %x rows %rows : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %l = moe.linear %c by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    %s = moe.confidence top1 %l : tensor<?x8xf32> -> tensor<?x1xf32>
    %out = moe.place %l rows %asking into %none : tensor<?x8xf32>, tensor<?xi32>, tensor<?x8xf32>
    %on, %gone, %still, %kept, %leaving = moe.exit %s by "top1" above 0.9 after 1
      asking %asking running %running due %due of %wanted at %sequences, %positions : tensor<?x1xf32>
    %x1 = moe.pick %x rows %on : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %s1 = moe.pick %sequences rows %on : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %p1 = moe.pick %positions rows %on : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %xg = moe.pick %x rows %gone : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %sg = moe.pick %sequences rows %gone : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %pg = moe.pick %positions rows %gone : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %kvg = moe.kv_append %xg, %xg into %kv layer 0 at %sg, %pg : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %kv1 = moe.kv_append %x1, %x1 into %kvg layer 0 at %s1, %p1 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %a = moe.attention %x1 over %kv1 layer 0 at %s1, %p1 heads 1 scale 0.5 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %all = moe.place %a rows %on into %x : tensor<?x4xf32>, tensor<?xi32>, tensor<?x4xf32>
    %last = moe.pick %wanted rows %still : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %d = moe.pick %all rows %last : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %ld = moe.linear %d by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    %logits = moe.place %ld rows %still into %out : tensor<?x8xf32>, tensor<?xi32>, tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
