// RUN: moe-opt %s --lpu-assign-layout | FileCheck %s

// Weights stream from 16 of the outer slices, two buffers from different ones; all
// else lies inside, what a cluster reads together in different slices, what is
// written in the other bank. A place that is there stays.

// CHECK-LABEL: lpu.program @rows
lpu.program @rows machine "tsp1" {
  // CHECK: "w0" east at <east, slices = [12, 13, {{.*}}, 27], row = 0, step = 1>
  %w0 = lpu.buffer parameter "w0" east : <640 x i8>
  // CHECK: "w1" east at <east, slices = [28, 29, {{.*}}, 43], row = 0, step = 1>
  %w1 = lpu.buffer parameter "w1" east : <320 x i8>
  // CHECK: "x" east at <east, slices = [[[X:[0-9, ]+]]], row = 0, step = 1>
  %x = lpu.buffer input "x" east : <2 x f32>
  // CHECK-NOT: slices = [[[X]]]
  // CHECK: "scale" east at <east, slices = [{{[0-9, ]+}}], row = 0, step = 1>
  %scale = lpu.buffer parameter "scale" east : <2 x f32>
  // CHECK: "y" east at <east, slices = [{{[0-9, ]+}}], row = 4096, step = 1>
  %y = lpu.buffer temporary "y" east : <2 x f32>
  // CHECK: "fixed" west at <west, slices = [3], row = 77, step = 1>
  %fixed = lpu.buffer parameter "fixed" west at <west, slices = [3], row = 77, step = 1> : <1 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <2 x f32>
    %1 = lpu.read %scale[0] : <2 x f32>
    %2 = lpu.alu mul %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %2 to %y[0] : !lpu.stream<f32>, <2 x f32>
  }
  %i0 = lpu.install %w0[320] : <640 x i8> -> <i8>
  %i1 = lpu.install %w1[0] : <320 x i8> -> <i8>
}

// Bytes of f16 weights lie apart, so that both planes load at once; a map takes one
// byte, and two values that are written at once do not share a slice.

// CHECK-LABEL: lpu.program @halves
lpu.program @halves machine "tsp1" {
  // CHECK: "low" west at <west, slices = [12, {{.*}}, 27]
  %low = lpu.buffer parameter "low" west : <320 x i8>
  // CHECK: "high" west at <west, slices = [28, {{.*}}, 43]
  %high = lpu.buffer parameter "high" west : <320 x i8>
  // CHECK: "map" west at <west, slices = [{{[0-9]+}}],
  %map = lpu.buffer input "map" west : <1 x i8>
  // CHECK: "a" west at <west, slices = [[[A:[0-9, ]+]]]
  %a = lpu.buffer output "a" west : <1 x f32>
  // CHECK-NOT: slices = [[[A]]]
  // CHECK: "b" west
  %b = lpu.buffer output "b" west : <1 x f32>
  %i = lpu.install %low and %high[0] by %map : <320 x i8> and !lpu.vectors<320 x i8> by !lpu.vectors<1 x i8> -> <f16>
  lpu.cluster {
    %0 = lpu.read %a[0] : <1 x f32>
    %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %a[0] : !lpu.stream<f32>, <1 x f32>
    lpu.write %1 to %b[0] : !lpu.stream<f32>, <1 x f32>
  }
}
