// RUN: moe-opt %s --lpu-assign-layout --lpu-schedule | FileCheck %s

// All tracks wait for the notification, 35 cycles. Then times are distances: from
// slice 8, column 3, a vector takes 1 + 3 cycles to the VXM and 4 into it, comes out
// 3 cycles later in column 1, and is written there.

// CHECK-LABEL: lpu.program @distances
lpu.program @distances machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [8, 9, 10, 11], row = 17, step = 1> : <1 x f32>
  %y = lpu.buffer output "y" east at <east, slices = [0, 1, 2, 3], row = 4096, step = 1> : <1 x f32>
  %z = lpu.buffer output "z" west at <west, slices = [0, 1, 2, 3], row = 4096, step = 1> : <1 x f32>
  // CHECK-NOT: lpu.cluster
  // CHECK: lpu.segment "step" cycles 77 outputs {{[0-9]+}} {
  // CHECK: lpu.issue 0 mem.e8.read sync
  // CHECK: lpu.issue 0 icu notify
  // CHECK: lpu.issue 35 mem.e8.read read row 17 -> [[S:s[0-9]+]].w claim [[X:0x[0-9a-f]+]] uses 1 of "negate"
  // CHECK: lpu.issue 43 vxm.[[ALU:[0-9]+]] neg f32 [[S]].w -> [[R:s[0-9]+]].e claim [[X]] uses 1
  // CHECK: lpu.issue 46 mem.e0.write write [[R]].e row 4096
  // CHECK: lpu.issue 47 mem.e0.read read row 4096
  lpu.cluster "negate" {
    %0 = lpu.read %x[0] : <1 x f32>
    %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %y[0] : !lpu.stream<f32>, <1 x f32>
  }
  // A copy to the other side goes through an ALU.
  // CHECK: vxm.{{[0-9]+}} pass f32
  // CHECK: mem.w0.write write
  lpu.cluster "copy" {
    %0 = lpu.read %y[0] : <1 x f32>
    lpu.write %0 to %z[0] : !lpu.stream<f32>, <1 x f32>
  }
}

// A result leaves the VXM on one side: for both the tree runs twice. Two operands
// that lie in one slice are read one after the other, and one waits in an ALU.

// CHECK-LABEL: lpu.program @sides
lpu.program @sides machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [8, 9, 10, 11], row = 17, step = 1> : <2 x f32>
  %y = lpu.buffer output "y" east at <east, slices = [0, 1, 2, 3], row = 4096, step = 1> : <1 x f32>
  %z = lpu.buffer output "z" west at <west, slices = [0, 1, 2, 3], row = 4096, step = 1> : <1 x f32>
  // CHECK-COUNT-2: vxm.{{[0-9]+}} pass f32
  // CHECK: vxm.{{[0-9]+}} add f32 {{.*}}alu{{.*}} -> s{{[0-9]+}}.{{[ew]}}
  // CHECK: vxm.{{[0-9]+}} add f32 {{.*}}alu{{.*}} -> s{{[0-9]+}}.{{[ew]}}
  lpu.cluster "both" {
    %0 = lpu.read %x[0] : <2 x f32>
    %1 = lpu.read %x[1] : <2 x f32>
    %2 = lpu.alu add %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %2 to %y[0] : !lpu.stream<f32>, <1 x f32>
    lpu.write %2 to %z[0] : !lpu.stream<f32>, <1 x f32>
  }
}

// What needs a large ALU gets one: 0, 2, 5, 7, 8, 10, 13 or 15.

// CHECK-LABEL: lpu.program @large
lpu.program @large machine "tsp1" {
  %x = lpu.buffer input "x" east : <1 x f32>
  %y = lpu.buffer output "y" east : <1 x f32>
  // CHECK: vxm.{{(0|2|5|7|8|10|13|15)}} exp2
  lpu.cluster {
    %0 = lpu.read %x[0] : <1 x f32>
    %1 = lpu.alu exp2 %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %y[0] : !lpu.stream<f32>, <1 x f32>
  }
}
