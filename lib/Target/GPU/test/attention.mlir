// RUN: moe-opt %s --moe-gpu-lower-model | FileCheck %s
// RUN: moe-compile %s --target=gpu --gpu-arch=sm_80 --gpu-ptx=%t.ptx -o %t.moe
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t.ptx

// Exactly, as tiles of rows, by splits of the positions, which are added up if they are
// several: who is not chosen gets no blocks.
//
// CHECK-DAG:     gpu.func @attention_exact_8x2x32{{.*}}known_block_size = array<i32: 128, 1, 1>
// CHECK-DAG:     gpu.func @attention_tiles_8x2x32{{.*}} nvvm.minctasm = 2
// CHECK-DAG:     gpu.func @attention_split_8x2x32{{.*}} moe.shared_bytes = {{[0-9]+}}
// CHECK-DAG:     gpu.func @attention_combine_8x2x32
// CHECK-LABEL: func.func @moert_forward_v1
// CHECK:         %[[EXACT:.*]] = arith.select %{{.*}}, %{{.*}}, %c0{{.*}} : index
// CHECK:         @attention_exact_8x2x32{{.*}} blocks in (%[[EXACT]],
// CHECK:         %[[TILES:.*]] = arith.select %{{.*}}, %{{.*}}, %c0{{.*}} : index
// CHECK:         @attention_tiles_8x2x32{{.*}} blocks in (%[[TILES]],
// CHECK:         @attention_split_8x2x32
// CHECK:         @attention_combine_8x2x32
//
// A window is an argument: one kernel serves layers with and without.
//
// CHECK:         @attention_exact_8x2x32
// CHECK:         @attention_tiles_8x2x32
// CHECK:         @attention_split_8x2x32
// CHECK:         @attention_combine_8x2x32
// CHECK-NOT:     @attention
// CHECK:         return

// PTX-LABEL: .entry attention_exact_8x2x32
// PTX-NOT:   mma.sync
// PTX:       fma.rn.f32
// PTX:       shfl.sync.bfly

// Halves of 32 positions: 2 by 4 products of 16 x 8 x 16 for the scores, 4 by 2 for the
// values, each thrice.
//
// PTX-LABEL: .entry attention_tiles_8x2x32
// PTX:       cp.async.cg.shared.global
// PTX:       cp.async.wait_group 0
// PTX:       bar.sync
// PTX:       ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX-COUNT-24: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX:       ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX-COUNT-24: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-NOT:   mma.sync

// PTX-LABEL: .entry attention_split_8x2x32
// PTX:       cp.async.cg.shared.global
// PTX:       cp.async.wait_group 3
// PTX:       ld.shared.v4
// PTX-LABEL: .entry attention_combine_8x2x32

moe.model @m family "null" context 64 vocabulary 256 from "." {
  moe.weight @embed : tensor<256x256xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @a : tensor<64x256xf32> from [#moe.random<2, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<2 x 2 x 32 x f32>)
      -> (tensor<?x256xf32>, !moe.kv<2 x 2 x 32 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x256xf32>
    %k = moe.linear %x by @a : tensor<?x256xf32> -> tensor<?x64xf32>
    %kv0 = moe.kv_append %k, %k into %kv layer 0 at %sequences, %positions
      : tensor<?x64xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 32 x f32>
    %y = moe.attention %x over %kv0 layer 0 at %sequences, %positions heads 8 scale 0.2
      : tensor<?x256xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 32 x f32>
    %z = moe.attention %y over %kv0 layer 0 at %sequences, %positions heads 8 scale 0.2 window 9
      : tensor<?x256xf32>, tensor<?xi32>, !moe.kv<2 x 2 x 32 x f32>
    %p = moe.pick %z rows %wanted : tensor<?x256xf32>, tensor<?xi32> -> tensor<?x256xf32>
    return %p, %kv0 : tensor<?x256xf32>, !moe.kv<2 x 2 x 32 x f32>
  }
}
