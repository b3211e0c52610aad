// RUN: moe-opt %s --moe-gpu-emulate | FileCheck %s
// RUN: moe-opt %s --moe-gpu-emulate='drop-barrier=1' | FileCheck %s --check-prefix=BARRIER
// RUN: moe-opt %s --moe-gpu-emulate='shift-index=1' | FileCheck %s --check-prefix=INDEX
// RUN: moe-opt %s --moe-gpu-emulate='drop-wait=0' | FileCheck %s --check-prefix=WAIT
// RUN: moe-opt %s --moe-gpu-emulate='kernel=other drop-wait=0' | FileCheck %s --check-prefix=OTHER

// The kernels stay as they are; constants are copied.
// CHECK: gpu.module @kernels
// CHECK: nvvm.barrier0
// CHECK: llvm.mlir.global internal constant @emulated.table

// CHECK-LABEL: llvm.func @emulated.memory(
// CHECK-SAME: %[[SELF:.*]]: !llvm.ptr, %[[PARAMETERS:.*]]: !llvm.ptr)
// CHECK: %[[CELL:.*]] = llvm.getelementptr %[[PARAMETERS]][0]
// CHECK: %[[ADDRESS:.*]] = llvm.load %[[CELL]]
// CHECK: %[[P:.*]] = llvm.load %[[ADDRESS]] : !llvm.ptr -> !llvm.ptr<1>
// CHECK: llvm.getelementptr %[[SELF]][24]
// CHECK: %[[SHARED:.*]] = llvm.call %{{.*}}(%[[SELF]]) : !llvm.ptr, (!llvm.ptr) -> !llvm.ptr
// CHECK: llvm.getelementptr %[[SELF]][32]
// CHECK: %[[ACCESS:.*]] = llvm.load
// CHECK: llvm.br
// A read of 16 bytes of the global memory at site 0.
// CHECK: %[[PLAIN:.*]] = llvm.addrspacecast %[[P]]
// CHECK: llvm.call %[[ACCESS]](%[[SELF]], %[[PLAIN]], %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: llvm.load %[[P]] {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// A write (2) that counts on an alignment of 4.
// CHECK: %[[KIND:.*]] = llvm.mlir.constant(1026 : i32)
// CHECK: llvm.call %[[ACCESS]](%[[SELF]], %{{.*}}, %{{.*}}, %[[KIND]], %{{.*}})
// CHECK: llvm.store %{{.*}} {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr<3>
// Constants are read without a word, through whatever path.
// CHECK-NOT: llvm.call %[[ACCESS]]
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK: llvm.call %[[ACCESS]]
// CHECK: llvm.atomicrmw add

// INDEX-LABEL: llvm.func @emulated.memory(
// INDEX: llvm.load %{{.*}} -> vector<4xf32>
// INDEX: %[[NEXT:.*]] = llvm.getelementptr %{{.*}}[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
// INDEX: llvm.store %{{.*}}, %[[NEXT]] {{.*}} : vector<4xf32>, !llvm.ptr<3>

// BARRIER-LABEL: llvm.func @emulated.threads(
// BARRIER: llvm.getelementptr %{{.*}}[40]
// BARRIER: %[[JOIN:.*]] = llvm.load
// BARRIER: llvm.br
// BARRIER: llvm.call %[[JOIN]](
// BARRIER-NOT: llvm.call %[[JOIN]](
// BARRIER: llvm.return

// CHECK-LABEL: llvm.func @emulated.threads(
// CHECK-SAME: %[[SELF:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK: llvm.getelementptr %[[SELF]][40]
// CHECK: %[[JOIN:.*]] = llvm.load
// CHECK: llvm.getelementptr %[[SELF]][48]
// CHECK: llvm.getelementptr %[[SELF]][56]
// CHECK: llvm.getelementptr %[[SELF]][64]
// CHECK: llvm.br
// CHECK: llvm.call %[[JOIN]]
// CHECK: llvm.call %[[JOIN]]
// CHECK: llvm.bitcast %{{.*}} : f32 to i32
// CHECK: llvm.call {{.*}} -> i32
// CHECK: llvm.bitcast %{{.*}} : i32 to f32
// A ballot that is compared with the mask.
// CHECK: llvm.zext %{{.*}} : i1 to i32
// CHECK: llvm.call {{.*}} -> i32
// CHECK: llvm.icmp "eq"

// CHECK-LABEL: llvm.func @emulated.products(
// CHECK-SAME: %[[SELF:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-COUNT-4: llvm.alloca
// CHECK: llvm.br
// CHECK-COUNT-10: llvm.store %{{.*}}, %{{.*}} : {{i32|f32}}, !llvm.ptr
// CHECK: llvm.call
// CHECK-COUNT-4: llvm.insertvalue
// Four products of bytes.
// CHECK: llvm.sext %{{.*}} : vector<4xi8> to vector<4xi32>
// CHECK: llvm.zext %{{.*}} : vector<4xi8> to vector<4xi32>
// CHECK: llvm.intr.vector.reduce.add

// CHECK-LABEL: llvm.func @emulated.copies(
// CHECK: llvm.getelementptr %{{.*}}[88]
// CHECK: llvm.getelementptr %{{.*}}[96]
// CHECK: llvm.getelementptr %{{.*}}[104]
// CHECK-COUNT-3: llvm.call
// CHECK: llvm.return

// WAIT-LABEL: llvm.func @emulated.copies(
// WAIT-NOT: [104]
// WAIT: llvm.return

// OTHER-LABEL: llvm.func @emulated.copies(
// OTHER: [104]
// OTHER: llvm.return
gpu.module @kernels {
  llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>
  llvm.mlir.global internal constant @table(dense<[1.0, 2.0]> : tensor<2xf32>) {addr_space = 1 : i32, alignment = 16 : i64} : !llvm.array<2 x f32>

  llvm.func @memory(%p: !llvm.ptr<1>, %c: i1) attributes {nvvm.kernel} {
    %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
    %t = llvm.mlir.addressof @table : !llvm.ptr<1>
    %one = llvm.mlir.constant(1 : i32) : i32
    %v = llvm.load %p invariant {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
    llvm.store %v, %s {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr<3>
    %t1 = llvm.getelementptr %t[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    %either = llvm.select %c, %t, %t1 : i1, !llvm.ptr<1>
    llvm.br ^next(%either : !llvm.ptr<1>)
  ^next(%constant: !llvm.ptr<1>):
    %w = llvm.load %constant : !llvm.ptr<1> -> f32
    %old = llvm.atomicrmw add %p, %one monotonic : !llvm.ptr<1>, i32
    llvm.return
  }

  llvm.func @threads(%x: f32, %c: i1) attributes {nvvm.kernel} {
    %all = llvm.mlir.constant(-1 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %four = llvm.mlir.constant(4 : i32) : i32
    %threads = llvm.mlir.constant(64 : i32) : i32
    nvvm.barrier0
    nvvm.barrier id = %one number_of_threads = %threads
    nvvm.bar.warp.sync %all : i32
    %y = nvvm.shfl.sync bfly %all, %x, %four, %all : f32 -> f32
    %vote = nvvm.vote.sync all %all, %c -> i1
    llvm.return
  }

  llvm.func @products(%a: i32, %c: f32, %b: vector<4xi8>) attributes {nvvm.kernel} {
    %d = nvvm.mma.sync A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>,
       shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    %e = nvvm.dot.accumulate.4way %b <signed>, %b <unsigned>, %a : vector<4xi8>, vector<4xi8>
    llvm.return
  }

  llvm.func @copies(%p: !llvm.ptr<1>) attributes {nvvm.kernel} {
    %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
    nvvm.cp.async.shared.global %s, %p, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    llvm.return
  }
}
