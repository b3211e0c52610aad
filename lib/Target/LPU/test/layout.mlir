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

// Where blocks of 16 slices, or groups of 7, leave no room, weights lie in slices
// that need not be neighbours, from bank to bank, and in few of the inner ones, the
// map of a page further in.

// CHECK-LABEL: lpu.program @packed
lpu.program @packed machine "lpu-plus" {
  // CHECK: "w0" east at <east, slices = [37, {{.*}}, 43], row = 0, step = 1>
  %w0 = lpu.buffer parameter "w0" east : <14560 x i8>
  // CHECK: "w1" east at <east, slices = [30, {{.*}}, 36], row = 0, step = 1>
  %w1 = lpu.buffer parameter "w1" east : <14560 x i8>
  %w2 = lpu.buffer parameter "w2" east : <14560 x i8>
  %w3 = lpu.buffer parameter "w3" east : <14560 x i8>
  // CHECK: "w4" east at <east, slices = [37, {{.*}}, 43], row = 2080, step = 1>
  %w4 = lpu.buffer parameter "w4" east : <14560 x i8>
  %w5 = lpu.buffer parameter "w5" east : <14560 x i8>
  %w6 = lpu.buffer parameter "w6" east : <14560 x i8>
  %w7 = lpu.buffer parameter "w7" east : <14560 x i8>
  // CHECK: "w8" east at <east, slices = [37, {{.*}}, 43], row = 4160, step = 1>
  %w8 = lpu.buffer parameter "w8" east : <14560 x i8>
  // CHECK: "map" east at <east, slices = [{{[0-9]}}], row
  %map = lpu.buffer parameter "map" east : <1 x i8>
  %i0 = lpu.install %w0[0] expand : <14560 x i8> -> <i8>
  %i1 = lpu.install %w1[0] expand : <14560 x i8> -> <i8>
  %i2 = lpu.install %w2[0] expand : <14560 x i8> -> <i8>
  %i3 = lpu.install %w3[0] expand : <14560 x i8> -> <i8>
  %i4 = lpu.install %w4[0] expand : <14560 x i8> -> <i8>
  %i5 = lpu.install %w5[0] expand : <14560 x i8> -> <i8>
  %i6 = lpu.install %w6[0] expand : <14560 x i8> -> <i8>
  %i7 = lpu.install %w7[0] expand : <14560 x i8> -> <i8>
  %i8 = lpu.install %w8[0] by %map expand : <14560 x i8> by !lpu.vectors<1 x i8> -> <i8>
}
