// RUN: moe-opt %s --moe-gpu-lower-model -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: FileCheck %s --check-prefix=HOST < %t.mlir
// RUN: moe-compile %s --target=gpu --ptxas=none --gpu-ptx=%t.ptx -o %t.moe
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx

// Exact results, few rows, many rows: chosen where the batch is known.
//
// HOST-LABEL: func.func @moert_forward_v1
// HOST:         arith.cmpi slt, %[[ROWS:[0-9]+]], %c2 : index
// HOST:         @linear_exact_1_by1_bf16_64_a16_64
// HOST:         @linear_exact_4_by1_bf16_64_a16_64
// HOST:         @linear_tensor_128_bf16_64_a16_64
// HOST:         @linear_tensor_64_bf16_64_a16_64
// HOST:         @linear_vector_1_by1_bf16_64_a16_64
// HOST:         @linear_vector_8_by1_bf16_64_a16_64
//
// Numbers of 32 bits and rows that 16 bytes do not divide have no tensor cores.
//
// HOST-NOT:     @linear_tensor
// HOST:         @linear_exact_1_by1_f32_64_a16_21
// HOST-NOT:     @linear_tensor
// HOST:         @linear_exact_1_by1_bf16_21_a2_36_bias_f32
// HOST-NOT:     @linear_tensor

// CHECK-LABEL: gpu.func @linear_exact_1_by1_bf16_64
// CHECK:         nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg
// CHECK:         nvvm.cp.async.wait.group 1
// CHECK:         gpu.barrier
// CHECK:         math.fma
// CHECK:         nvvm.shfl.sync bfly

// Two parts of 4 x 16 rows, 8 x 8 outputs, 2 x 16 features; two blocks share the
// registers of a multiprocessor.
//
// CHECK-LABEL: gpu.func @linear_tensor_128_bf16_64
// CHECK-SAME:    known_block_size = array<i32: 128, 1, 1>
// CHECK-SAME:    nvvm.minctasm = 2
// CHECK-COUNT-128: nvvm.mma.sync
// CHECK-NOT:      nvvm.mma.sync
// CHECK-LABEL: gpu.func @linear_tensor_64_bf16_64

// CHECK-LABEL: gpu.func @linear_vector_1_by1_bf16_64
// CHECK-COUNT-2: llvm.load %{{.*}} invariant {alignment = 16 : i64, nontemporal} : !llvm.ptr<1> -> vector<4xi32>

// PTX-LABEL: .entry linear_exact_1_by1_bf16_64
// PTX:         cp.async.cg.shared.global [{{.*}}], [{{.*}}], 16
// PTX:         cp.async.wait_group 1
// PTX:         bar.sync
// PTX:         fma.rn.f32
// PTX:         shfl.sync.bfly.b32
// PTX-LABEL: .entry linear_tensor_128_bf16_64
// PTX:       .minnctapersm 2
// PTX:         cp.async.cg.shared.global [{{.*}}], [{{.*}}], 16
// PTX:         ld.shared.v4.b32
// PTX:         mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX:         st.global.v2.b32
// PTX-LABEL: .entry linear_vector_1_by1_bf16_64
// PTX-NOT:     ld.global.v4
// PTX:         ld.global.nc{{.*}}v4.b32

moe.model @m family "null" context 64 vocabulary 36 from "." {
  moe.weight @embed : tensor<36x64xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @a : tensor<64x64xbf16> from [#moe.random<2, 0.5 : f32>]
  moe.weight @b : tensor<21x64xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @c : tensor<36x21xbf16> from [#moe.random<4, 0.5 : f32>]
  moe.weight @c_bias : tensor<36xf32> from [#moe.random<5, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x36xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x64xf32>
    %y = moe.linear %x by @a : tensor<?x64xf32> -> tensor<?x64xf32>
    %z = moe.linear %y by @b : tensor<?x64xf32> -> tensor<?x21xf32>
    %p = moe.pick %z rows %wanted : tensor<?x21xf32>, tensor<?xi32> -> tensor<?x21xf32>
    %o = moe.linear %p by @c bias @c_bias : tensor<?x21xf32> -> tensor<?x36xf32>
    return %o, %kv : tensor<?x36xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
