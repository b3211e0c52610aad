// RUN: moe-opt %s --pass-pipeline='builtin.module(gpu.module(moe-gpu-lower-kernels))' | FileCheck %s

// Float functions are instructions that round, and no calls of a library; blocks
// have exactly the size that the kernel says.
// CHECK-LABEL: llvm.func @numbers
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.reqntid = array<i32: 64, 1, 1>
// CHECK-NOT: maxntid
// CHECK: llvm.intr.sqrt
// CHECK: llvm.intr.fma
// CHECK: llvm.intr.roundeven
// CHECK: llvm.intr.fabs
// CHECK: nvvm.barrier0
// CHECK: llvm.extractelement
// CHECK-NOT: llvm.call
gpu.module @kernels {
  gpu.func @numbers(%x: !llvm.ptr<1>) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>} {
    %thread = gpu.thread_id x
    %number = arith.index_cast %thread : index to i64
    %at = llvm.getelementptr %x[%number] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<4xf32>
    %v = llvm.load %at : !llvm.ptr<1> -> vector<4xf32>
    %root = math.sqrt %v : vector<4xf32>
    %sum = math.fma %root, %v, %v : vector<4xf32>
    %round = math.roundeven %sum : vector<4xf32>
    %size = math.absf %round : vector<4xf32>
    gpu.barrier
    %one = vector.extract %size[1] : f32 from vector<4xf32>
    llvm.store %one, %x : f32, !llvm.ptr<1>
    gpu.return
  }
}
