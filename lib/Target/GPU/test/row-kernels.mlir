// RUN: moe-opt %s --moe-gpu-lower-model -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: FileCheck %s --input-file=%t.mlir --check-prefix=HOST

// A sum, its norm and the levels of that are one kernel.
// HOST-LABEL: func.func @moert_forward_v1
// HOST: gpu.launch_func @kernels::@embed_
// HOST: gpu.launch_func @kernels::@norm_rms_{{[0-9a-f]+}}_added_levels_1024_
// HOST: gpu.launch_func @kernels::@dequantize_1024_
// HOST: gpu.launch_func @kernels::@norm_layer_{{[0-9a-f]+}}_groups_
// HOST: gpu.launch_func @kernels::@clamp_

// A row is read once, 16 bytes at a time; the first warp adds up the squares in 16
// lanes, halves of 8, of 4, then pairs.
// CHECK-LABEL: gpu.func @norm_rms_{{[0-9a-f]+}}_added_levels_1024_
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK-NOT: math.fma
// CHECK: arith.addf
// CHECK: %[[EIGHT:.*]] = arith.constant 8 : i32
// CHECK: nvvm.shfl.sync bfly {{.*}}, %[[EIGHT]], {{.*}} : f32 -> f32
// CHECK: math.sqrt
// CHECK: gpu.barrier
// Blocks of 128 features in a warp, then three levels at once across warps.
// CHECK: nvvm.shfl.sync bfly
// CHECK: math.fma
// CHECK: gpu.barrier
// CHECK: math.roundeven
// CHECK: llvm.store {{.*}} {alignment = 4 : i64} : i32, !llvm.ptr<1>

// Head norms need neither memory of the block nor a barrier.
// CHECK-LABEL: gpu.func @norm_layer_
// CHECK-NOT: gpu.barrier
// CHECK: nvvm.shfl.sync bfly
// CHECK: gpu.return

moe.model @m family "null" context 16 vocabulary 7 from "." {
  moe.weight @embed : tensor<7x2048xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @scale : tensor<2048xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @head_scale : tensor<128xf32> from [#moe.random<3, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x7xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x2048xf32>
    %s = moe.add %x, %x : tensor<?x2048xf32>
    %n = moe.norm rms %s by @scale epsilon 1.0e-06 groups 1 : tensor<?x2048xf32>
    %l = moe.quantize %n : tensor<?x2048xf32> -> tensor<?x2048x!moe.quantized<i8 rotated 1024>>
    %d = moe.dequantize %l : tensor<?x2048x!moe.quantized<i8 rotated 1024>>
    %h = moe.norm layer %d by @head_scale epsilon 1.0e-06 groups 16 : tensor<?x2048xf32>
    %c = moe.clamp %h to 2.0 : tensor<?x2048xf32>
    %p = moe.pick %c rows %wanted : tensor<?x2048xf32>, tensor<?xi32> -> tensor<?x2048xf32>
    %logits = moe.linear %p by @embed : tensor<?x2048xf32> -> tensor<?x7xf32>
    return %logits, %kv : tensor<?x7xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
