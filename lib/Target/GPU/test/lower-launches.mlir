// RUN: moe-opt %s --moe-gpu-lower-launches | FileCheck %s

// Parameters travel in cells whose addresses are written down once.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[ENV:.*]]: !llvm.ptr,
// CHECK: %[[GPU_AT:.*]] = llvm.getelementptr %[[ENV]][40]
// CHECK: %[[GPU:.*]] = llvm.load %[[GPU_AT]]
// CHECK: %[[LAUNCH_AT:.*]] = llvm.getelementptr %[[GPU]][16]
// CHECK: %[[LAUNCH:.*]] = llvm.load %[[LAUNCH_AT]]
// CHECK: %[[CELLS:.*]] = llvm.alloca
// CHECK: %[[ADDRESSES:.*]] = llvm.alloca
// CHECK-COUNT-2: llvm.store %{{.*}}, %{{.*}} : !llvm.ptr, !llvm.ptr
// CHECK: llvm.store %{{.*}} : !llvm.ptr<1>, !llvm.ptr
// CHECK: llvm.store %{{.*}} : i32, !llvm.ptr
// CHECK: %[[SECOND:.*]] = arith.constant 1 : i64
// CHECK: llvm.call %[[LAUNCH]](%[[GPU]], %[[SECOND]], %{{.*}}, %{{.*}}, %[[ADDRESSES]])
// CHECK: %[[FIRST:.*]] = arith.constant 0 : i64
// CHECK: llvm.call %[[LAUNCH]](%[[GPU]], %[[FIRST]],
// CHECK-NOT: gpu.launch_func
// CHECK: return
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @first(%p: !llvm.ptr<1>) kernel { gpu.return }
    gpu.func @second(%p: !llvm.ptr<1>, %n: i32) kernel { gpu.return }
  }
  func.func @forward(%env: !llvm.ptr, %p: !llvm.ptr<1>, %n: i32, %blocks: index) {
    %one = arith.constant 1 : index
    %threads = arith.constant 32 : index
    gpu.launch_func @kernels::@second blocks in (%blocks, %one, %one)
      threads in (%threads, %one, %one) args(%p : !llvm.ptr<1>, %n : i32)
    gpu.launch_func @kernels::@first blocks in (%blocks, %blocks, %one)
      threads in (%threads, %one, %one) args(%p : !llvm.ptr<1>)
    return
  }
}
