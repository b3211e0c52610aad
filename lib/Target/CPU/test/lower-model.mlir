// RUN: moe-opt %s --moe-cpu-lower-model --cse | FileCheck %s

// The model is gone; what is left is the ABI's entry and one kernel for each
// shape. Values whose life has ended lend their place to later ones: 5 values of
// 64 bytes per row take 3 places, and the logits none.

// CHECK: module attributes
// CHECK-SAME: moe.operations = ["embed embed", "linear a", "linear b", "add", "pick", "linear embed"]
// CHECK-SAME: moe.workspace_fixed = 0
// CHECK-SAME: moe.workspace_per_row = 192
// CHECK-NOT: moe.model
moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @a : tensor<16x16xbf16> from [#moe.random<2, 0.5 : f32>]
  moe.weight @b : tensor<16x16xbf16> from [#moe.random<3, 0.5 : f32>]
  // CHECK: func.func @moert_forward_v1(%[[ENV:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
  // CHECK: call @embed_{{.*}}(%[[ENV]],
  // CHECK: call @[[LINEAR:linear_16xf32_16x16xbf16_16xf32]](%[[ENV]],
  // CHECK: call @[[LINEAR]](%[[ENV]],
  // CHECK: call @add_
  // CHECK: call @pick_
  // CHECK: call @linear_16xf32_8x16xbf16_8xf32(
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %a = moe.linear %x by @a : tensor<?x16xf32> -> tensor<?x16xf32>
    %b = moe.linear %a by @b : tensor<?x16xf32> -> tensor<?x16xf32>
    %s = moe.add %x, %b : tensor<?x16xf32>
    %p = moe.pick %s rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %logits = moe.linear %p by @embed : tensor<?x16xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
// CHECK: func.func private @[[LINEAR]](
// CHECK: scf.parallel
// CHECK: vector.load {{.*}} vector<16xbf16>
// CHECK: math.fma {{.*}} vector<16xf32>
// CHECK-NOT: func.func private @[[LINEAR]](
