// RUN: moe-opt %s --moe-gpu-lower-model --cse | FileCheck %s

// The model is gone; what is left are launches by the host, over places in the
// workspace, and a kernel for each shape. What surrounds a norm is part of it.

// CHECK: module attributes {gpu.container_module
// CHECK-SAME: moe.operations = ["embed embed", "norm n", "linear a", "norm n", "pick", "linear embed"]
// CHECK-SAME: moe.workspace_fixed = 0
// CHECK-SAME: moe.workspace_per_row = 320
// CHECK-NOT: moe.model
moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @n : tensor<16xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @a : tensor<16x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128>
    from [#moe.random<1, 0.5 : f32>]
  // CHECK: gpu.module @kernels
  // CHECK: llvm.mlir.global external @moe_shared() {addr_space = 3
  // CHECK: gpu.func @embed_{{.*}} kernel attributes {known_block_size = array<i32: [[THREADS:[0-9]+]], 1, 1>, moe.shared_bytes
  // CHECK: gpu.block_id
  // CHECK: gpu.return
  // CHECK: func.func @moert_forward_v1(%[[ENV:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
  // CHECK: gpu.launch_func @kernels::@embed_
  // CHECK-SAME: args({{.*}} : !llvm.ptr<1>,
  // CHECK: gpu.launch_func @kernels::@norm
  // CHECK: scf.if
  // CHECK: gpu.launch_func @kernels::@stored
  // The sum goes with the norm of it.
  // CHECK: gpu.launch_func @kernels::@norm_rms_{{.*}}_add
  // CHECK-NOT: @kernels::@add
  // CHECK: return
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %h = moe.norm rms %x by @n epsilon 1.0e-05 groups 1 : tensor<?x16xf32>
    %l = moe.quantize %h : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %a = moe.linear %l by @a : tensor<?x16x!moe.quantized<i8>> -> tensor<?x16xf32>
    %s = moe.add %x, %a : tensor<?x16xf32>
    %f = moe.norm rms %s by @n epsilon 1.0e-05 groups 1 : tensor<?x16xf32>
    %p = moe.pick %f rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %logits = moe.linear %p by @embed : tensor<?x16xf32> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
