// RUN: moe-opt %s --moe-gpu-lower-model -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: FileCheck %s --check-prefix=HOST < %t.mlir
// RUN: moe-compile %moe_src/lib/Target/CPU/test/Inputs/stored.mlir --quantize=q35 --effort=fast --target=gpu --ptxas=none --gpu-ptx=%t.ptx -o %t.moe
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx

// Two maps of one code are one launch; one row, up to eight, and more are told
// apart where the batch is known.
//
// HOST-LABEL: func.func @moert_forward_v1
// HOST:         arith.cmpi slt, %[[ROWS:[0-9]+]], %c2 : index
// HOST:         arith.cmpi slt, %[[ROWS]], %c9 : index
// HOST:         @stored_vector_q4_128_128_64_m1
// HOST:         @stored_vector_q4_128_128_64_m4
// HOST:         @stored_matrix_q4_128_128_64
// HOST-NOT:     @stored_
// HOST:         return

// Codes come 16 bytes at once, 8 vectors of a step, and meet 16 quads of 4 rows.
//
// CHECK-LABEL: gpu.func @stored_vector_q4_128_128_64_m1
// CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK:         scf.if
// CHECK-COUNT-64: nvvm.dot.accumulate.4way
// CHECK-NOT:     nvvm.dot.accumulate.4way
// CHECK-LABEL: gpu.func @stored_vector_q4_128_128_64_m4
// CHECK-COUNT-256: nvvm.dot.accumulate.4way
// CHECK-NOT:     nvvm.dot.accumulate.4way

// 4 x 16 rows, 2 x 8 outputs, 2 x 32 columns.
//
// CHECK-LABEL: gpu.func @stored_matrix_q4_128_128_64
// CHECK-SAME:    nvvm.minctasm = 3
// CHECK:         nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg
// CHECK:         nvvm.cp.async.wait.group 2
// CHECK:         gpu.barrier
// CHECK-COUNT-16: nvvm.mma.sync
// CHECK-NOT:     nvvm.mma.sync

// A pair of the trellis takes a product for its hash and two look-ups.
//
// PTX-LABEL: .entry stored_vector_q35_160_128b_64_64_m1
// PTX:       .minnctapersm 4
// PTX-COUNT-7: ld.global.v4.b32
// PTX:         st.shared.v4.b32
// PTX:         bar.sync
// PTX-COUNT-2: dp4a.u32.u32
// PTX:         ld.shared.b8
// PTX:         ld.shared.b32
// PTX:         dp4a.u32.s32
// PTX-LABEL: .entry stored_matrix_q35_160_128b_64_64
// PTX:         cp.async.cg.shared.global [{{.*}}], [{{.*}}], 16
// PTX:         cp.async.wait_group 2
// PTX:         bar.sync
// PTX:         ld.shared.v4.b32
// PTX:         mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32
// PTX-LABEL: .entry stored_vector_experts_q35_160_200_200
// PTX:         ld.global.v4.b32
#q4 = #moe.code<"q4", planes, bits = 4, columns = 128, zeros = true>
moe.model @m family "null" context 8 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x128xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @a : tensor<128x128xf32> stored as #q4 from [#moe.splat<1.0 : f32>]
  moe.weight @b : tensor<64x128xf32> stored as #q4 from [#moe.splat<1.0 : f32>]
  moe.weight @head : tensor<16x64xf32> from [#moe.splat<1.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x128xf32>
    %l = moe.quantize %x : tensor<?x128xf32> -> tensor<?x128x!moe.quantized<i8>>
    %a = moe.linear %l by @a : tensor<?x128x!moe.quantized<i8>> -> tensor<?x128xf32>
    %b = moe.linear %l by @b : tensor<?x128x!moe.quantized<i8>> -> tensor<?x64xf32>
    %p = moe.pick %b rows %wanted : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
    %logits = moe.linear %p by @head : tensor<?x64xf32> -> tensor<?x16xf32>
    return %logits, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
