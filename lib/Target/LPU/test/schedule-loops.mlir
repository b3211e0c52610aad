// RUN: moe-opt %s --lpu-assign-layout --lpu-schedule --lpu-form-queues | FileCheck %s --check-prefix=QUEUES
// RUN: moe-opt %s --lpu-assign-layout --lpu-schedule | FileCheck %s

// A loop is one instruction with its repetitions. What depends on it waits for each
// vector, not for the last: the second loop starts as soon as the first vector is
// there, 10 cycles later.

// CHECK-LABEL: lpu.program @loops
// QUEUES-LABEL: lpu.program @loops
lpu.program @loops machine "tsp1" {
  %x = lpu.buffer input "x" east : <64 x f32>
  %y = lpu.buffer temporary "y" west at <west, slices = [0, 1, 2, 3], row = 4096, step = 1> : <64 x f32>
  %z = lpu.buffer output "z" east : <64 x f32>
  // CHECK: lpu.issue 35 mem.e{{[0-9]+}}.read read row 0 -> s{{[0-9]+}}.w repeat 64 every 2 step 1 claim 0x{{.*}}, 0x{{.*}} uses 1 of "forth"
  // QUEUES: lpu.text repeat 63 every 2 step 1
  lpu.cluster "forth" repeat 64 every 2 {
    %0 = lpu.read %x[0 step 1] : <64 x f32>
    %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %y[0 step 1] : !lpu.stream<f32>, <64 x f32>
  }
  // CHECK: lpu.issue 45 mem.w{{[0-9]+}}.read read row 4096 -> s{{[0-9]+}}.e repeat 64 every 2 step 1 {{.*}} of "back"
  lpu.cluster "back" repeat 64 every 2 {
    %0 = lpu.read %y[0 step 1] : <64 x f32>
    %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %z[63 step -1] : !lpu.stream<f32>, <64 x f32>
  }
}

// 16 sums run side by side; each adds to what it was 32 cycles before, so the four
// loops follow one another without a gap.

// CHECK-LABEL: lpu.program @sums
lpu.program @sums machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [8, 9, 10, 11], row = 0, step = 1> : <64 x f32>
  %p = lpu.buffer temporary "p" east at <east, slices = [0, 1, 2, 3], row = 4096, step = 1> : <16 x f32>
  // CHECK: lpu.issue 35 mem.e8.read read row 0 {{.*}} repeat 16 every 2 step 1
  lpu.cluster "first" repeat 16 every 2 {
    %0 = lpu.read %x[0 step 1] : <64 x f32>
    %1 = lpu.alu pass %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %p[0 step 1] : !lpu.stream<f32>, <16 x f32>
  }
  // CHECK: lpu.issue 67 mem.e8.read read row 16 {{.*}} repeat 16 every 2 step 1
  lpu.cluster "second" repeat 16 every 2 {
    %0 = lpu.read %x[16 step 1] : <64 x f32>
    %1 = lpu.read %p[0 step 1] : <16 x f32>
    %2 = lpu.alu add %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %2 to %p[0 step 1] : !lpu.stream<f32>, <16 x f32>
  }
  // CHECK: lpu.issue 99 mem.e8.read read row 32 {{.*}} repeat 16 every 2 step 1
  lpu.cluster "third" repeat 16 every 2 {
    %0 = lpu.read %x[32 step 1] : <64 x f32>
    %1 = lpu.read %p[0 step 1] : <16 x f32>
    %2 = lpu.alu add %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %2 to %p[0 step 1] : !lpu.stream<f32>, <16 x f32>
  }
}

// Vectors of a temporary take turns between two columns: so a loop reads and writes
// in each cycle, and each slice every other time.

// CHECK-LABEL: lpu.program @columns
lpu.program @columns machine "tsp1" {
  %x = lpu.buffer input "x" east : <64 x f32>
  // CHECK: temporary "p" east at <east, slices = [{{([0-9]+, ){7}[0-9]+}}], row = 4096
  %p = lpu.buffer temporary "p" east : <16 x f32>
  // CHECK-COUNT-8: write {{.*}} repeat 8 every 2 step 1 {{.*}} of "first"
  lpu.cluster "first" repeat 16 every 1 {
    %0 = lpu.read %x[0 step 1] : <64 x f32>
    %1 = lpu.alu pass %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %p[0 step 1] : !lpu.stream<f32>, <16 x f32>
  }
  lpu.cluster "second" repeat 16 every 1 {
    %0 = lpu.read %x[16 step 1] : <64 x f32>
    %1 = lpu.read %p[0 step 1] : <16 x f32>
    %2 = lpu.alu add %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %2 to %p[0 step 1] : !lpu.stream<f32>, <16 x f32>
  }
}

// Repetitions of two clusters in turn: a queue has them one by one.

// CHECK-LABEL: lpu.program @turns
// QUEUES-LABEL: lpu.program @turns
lpu.program @turns machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [8], row = 0, step = 1> : <8 x i8>
  %a = lpu.buffer output "a" east at <east, slices = [0], row = 0, step = 1> : <4 x i8>
  %b = lpu.buffer output "b" east at <east, slices = [1], row = 0, step = 1> : <4 x i8>
  // CHECK: lpu.issue 35 mem.e8.read read row 0
  // CHECK: lpu.issue 36 mem.e8.read read row 4
  // CHECK: lpu.issue 37 mem.e8.read read row 1
  // CHECK: lpu.issue 38 mem.e8.read read row 5
  // QUEUES: lpu.queue mem.e8.read
  lpu.cluster "a" repeat 4 every 2 {
    %0 = lpu.read %x[0 step 1] : <8 x i8>
    lpu.write %0 to %a[0 step 1] : !lpu.stream<i8>, <4 x i8>
  }
  lpu.cluster "b" repeat 4 every 2 {
    %0 = lpu.read %x[4 step 1] : <8 x i8>
    lpu.write %0 to %b[0 step 1] : !lpu.stream<i8>, <4 x i8>
  }
}
