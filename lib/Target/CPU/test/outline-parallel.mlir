// RUN: moe-opt %s --moe-cpu-outline-parallel --cse | FileCheck %s

// A buffer travels as address and size, an index as it is; constants are made
// again in the body.

// CHECK-LABEL: func.func @fill(
// CHECK-SAME: %[[ENV:.*]]: !llvm.ptr, %[[BUFFER:.*]]: memref<?x4xf32>, %[[N:.*]]: index)
// CHECK: %[[CELLS:.*]] = llvm.alloca %{{.*}} x i64
// CHECK: memref.extract_aligned_pointer_as_index %[[BUFFER]]
// CHECK: memref.dim %[[BUFFER]]
// CHECK: %[[BODY:.*]] = constant @fill.slice0
// CHECK: %[[POINTER:.*]] = builtin.unrealized_conversion_cast %[[BODY]] : {{.*}} to !llvm.ptr
// CHECK: llvm.call %{{.*}}(%[[ENV]], %[[POINTER]], %[[CELLS]], %{{.*}}) : !llvm.ptr,
// CHECK-NOT: scf.parallel
func.func @fill(%env: !llvm.ptr, %buffer: memref<?x4xf32>, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %value = arith.constant 1.0 : f32
  scf.parallel (%i) = (%zero) to (%n) step (%one) {
    memref.store %value, %buffer[%i, %zero] : memref<?x4xf32>
  }
  return
}

// CHECK-LABEL: func.func private @fill.slice0(
// CHECK-SAME: %[[C:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %{{.*}}: i64)
// CHECK-DAG: llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK-DAG: %[[B:.*]] = arith.index_cast %[[BEGIN]]
// CHECK-DAG: %[[E:.*]] = arith.index_cast %[[END]]
// CHECK: scf.for %[[I:.*]] = %[[B]] to %[[E]]
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: memref.store %[[ONE]], %{{.*}}[%[[I]], %{{.*}}] : memref<?x4xf32>
