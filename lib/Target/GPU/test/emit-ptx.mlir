// RUN: moe-opt %s --pass-pipeline='builtin.module(gpu.module(moe-gpu-emit-ptx))' -o /dev/null | FileCheck %s
// RUN: moe-opt %s --pass-pipeline='builtin.module(gpu.module(moe-gpu-emit-ptx{arch=sm_90 output=%t.ptx}))' -o /dev/null
// RUN: FileCheck %s --check-prefixes=SM90 --input-file=%t.ptx

// SM90: .version 8.0
// SM90: .target sm_90

// CHECK: .version 8.0
// CHECK: .target sm_80
// CHECK: .extern .shared .align 128 .b8 shared[];

// A block's size is exact. What is loaded as 128 bits stays so; what nobody writes
// comes through the read-only path, and is not kept if it streams.
// CHECK: .visible .entry loads(
// CHECK: .reqntid 64
// CHECK-DAG: ld.global.v4.b32
// CHECK-DAG: ld.global.nc.v4.b32
// CHECK-DAG: st.shared.v4.b32
// CHECK: ret;

// Nothing is fused, approximated or flushed to zero.
// CHECK: .visible .entry floats(
// CHECK-NOT: {{approx|ftz}}
// CHECK: mul.rn.f32
// CHECK-NOT: {{approx|ftz|fma}}
// CHECK: add.rn.f32
// CHECK-NOT: {{approx|ftz}}
// CHECK: fma.rn.f32
// CHECK-NOT: {{approx|ftz|fma}}
// CHECK: sqrt.rn.f32
// CHECK-NOT: {{approx|ftz|fma}}
// CHECK: div.rn.f32
// CHECK-NOT: {{approx|ftz|fma}}
// CHECK: ret;

// CHECK: .visible .entry tensors(
// CHECK: cp.async.cg.shared.global
// CHECK: cp.async.commit_group
// CHECK: cp.async.wait_group
// CHECK: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
// CHECK: dp4a
gpu.module @kernels {
  llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>

  llvm.func @loads(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 64, 1, 1>} {
    %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
    %v = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
    %w = llvm.load %q invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
    %x = llvm.fadd %v, %w : vector<4xf32>
    llvm.store %x, %s {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    llvm.return
  }

  llvm.func @floats(%p: !llvm.ptr<1>, %a: f32, %b: f32)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    %product = llvm.fmul %a, %b : f32
    %sum = llvm.fadd %product, %b : f32
    %fused = llvm.intr.fma(%sum, %a, %b) : (f32, f32, f32) -> f32
    %root = llvm.intr.sqrt(%fused) : (f32) -> f32
    %share = llvm.fdiv %a, %root : f32
    llvm.store %share, %p : f32, !llvm.ptr<1>
    llvm.return
  }

  llvm.func @tensors(%p: !llvm.ptr<1>, %b: vector<4xi8>)
      attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
    nvvm.cp.async.shared.global %s, %p, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %m = nvvm.ldmatrix %s {num = 4 : i32, layout = #nvvm.mma_layout<row>,
      shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>}
      : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %0 = llvm.extractvalue %m[0] : !llvm.struct<(i32, i32, i32, i32)>
    %1 = llvm.extractvalue %m[1] : !llvm.struct<(i32, i32, i32, i32)>
    %2 = llvm.extractvalue %m[2] : !llvm.struct<(i32, i32, i32, i32)>
    %3 = llvm.extractvalue %m[3] : !llvm.struct<(i32, i32, i32, i32)>
    %d = nvvm.mma.sync A[%0, %1, %2, %3] B[%0, %1] C[%0, %1, %2, %3]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>,
       multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<s8>,
       shape = #nvvm.shape<m = 16, n = 8, k = 32>} : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
    %e = llvm.extractvalue %d[0] : !llvm.struct<(i32, i32, i32, i32)>
    %f = nvvm.dot.accumulate.4way %b <signed>, %b <signed>, %e : vector<4xi8>, vector<4xi8>
    llvm.store %f, %p : i32, !llvm.ptr<1>
    llvm.return
  }
}
