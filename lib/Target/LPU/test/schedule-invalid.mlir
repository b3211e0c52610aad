// RUN: moe-opt %s --lpu-schedule --split-input-file --verify-diagnostics

lpu.program @place machine "tsp1" {
  // expected-error @+1 {{buffer "x" has no place yet}}
  %x = lpu.buffer input "x" east : <1 x f32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <1 x f32>
    lpu.write %0 to %x[0] : !lpu.stream<f32>, <1 x f32>
  }
}

// -----

lpu.program @ports machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [0], row = 0, step = 1> : <128 x i8>
  %y = lpu.buffer output "y" east at <east, slices = [1], row = 0, step = 1> : <64 x i8>
  // expected-error @+1 {{cluster "sum" can never be placed: it reads "x" and "x" in one cycle in slice 0}}
  lpu.cluster "sum" repeat 64 every 1 {
    %0 = lpu.read %x[0 step 1] : <128 x i8>
    %1 = lpu.read %x[64 step 1] : <128 x i8>
    %2 = lpu.alu add %0, %1 : !lpu.stream<i8>, !lpu.stream<i8> -> !lpu.stream<i8>
    lpu.write %2 to %y[0 step 1] : !lpu.stream<i8>, <64 x i8>
  }
}

// -----

lpu.program @repetitions machine "tsp1" {
  %x = lpu.buffer output "x" east at <east, slices = [0, 1, 2, 3], row = 0, step = 1> : <8 x f32>
  // expected-error @+1 {{repetition 1 of "chain" reads vector 1 of "x" in cycle 4, those before it are done in cycle 10}}
  lpu.cluster "chain" repeat 4 every 4 {
    %0 = lpu.read %x[0 step 1] : <8 x f32>
    %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %x[1 step 1] : !lpu.stream<f32>, <8 x f32>
  }
}

// -----

lpu.program @large machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [0, 1, 2, 3], row = 0, step = 1> : <64 x f32>
  %y = lpu.buffer output "y" west at <west, slices = [0, 1, 2, 3], row = 0, step = 1> : <64 x f32>
  // expected-error @+1 {{cluster "powers" can never be placed: ALUs that reach the streams that are free are missing even when nothing else runs}}
  lpu.cluster "powers" repeat 64 every 1 {
    %0 = lpu.read %x[0 step 1] : <64 x f32>
    %1 = lpu.alu exp2 %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    %2 = lpu.alu exp2 %1 : !lpu.stream<f32> -> !lpu.stream<f32>
    %3 = lpu.alu exp2 %2 : !lpu.stream<f32> -> !lpu.stream<f32>
    %4 = lpu.alu exp2 %3 : !lpu.stream<f32> -> !lpu.stream<f32>
    %5 = lpu.alu exp2 %4 : !lpu.stream<f32> -> !lpu.stream<f32>
    %6 = lpu.alu exp2 %5 : !lpu.stream<f32> -> !lpu.stream<f32>
    %7 = lpu.alu exp2 %6 : !lpu.stream<f32> -> !lpu.stream<f32>
    %8 = lpu.alu exp2 %7 : !lpu.stream<f32> -> !lpu.stream<f32>
    %9 = lpu.alu exp2 %8 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %9 to %y[0 step 1] : !lpu.stream<f32>, <64 x f32>
  }
}

// -----

lpu.program @blocks machine "tsp1" {
  %w = lpu.buffer parameter "w" east at <east, slices = [12], row = 0, step = 1> : <320 x i8>
  // expected-error @+1 {{weights in "w" lie in 1 slices, a load takes 16}}
  %i = lpu.install %w[0] : <320 x i8> -> <i8>
}

// -----

lpu.program @map machine "tsp1" {
  %w = lpu.buffer parameter "w" east at <east, slices = [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27], row = 0, step = 1> : <320 x i8>
  %m = lpu.buffer input "m" east at <east, slices = [40], row = 0, step = 1> : <1 x i8>
  // expected-error @+1 {{map lies in column 11, weights in column 4, which it cannot flow to}}
  %i = lpu.install %w[0] by %m : <320 x i8> by !lpu.vectors<1 x i8> -> <i8>
}

// -----

lpu.program @gather machine "tsp1" {
  %x = lpu.buffer parameter "x" east at <east, slices = [2, 3, 4, 5], row = 0, step = 1> : <4 x f32>
  %m = lpu.buffer input "m" east at <east, slices = [0], row = 0, step = 1> : <1 x i8>
  %y = lpu.buffer output "y" west at <west, slices = [0, 1, 2, 3], row = 0, step = 1> : <1 x f32>
  lpu.cluster {
    %0 = lpu.read %m[0] : <1 x i8>
    // expected-error @+1 {{map in column 1 cannot flow with data of columns 1 to 2}}
    %1 = lpu.gather %x[0] by %0 : <4 x f32>, !lpu.stream<i8>
    %2 = lpu.alu neg %1 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %2 to %y[0] : !lpu.stream<f32>, <1 x f32>
  }
}

// -----

lpu.program @planes machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [0], row = 0, step = 1> : <3 x i8>
  %w = lpu.buffer parameter "w" east at <east, slices = [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27], row = 0, step = 1> : <960 x i8>
  %y = lpu.buffer output "y" west at <west, slices = [0, 1, 2, 3], row = 0, step = 1> : <1 x i32>
  %0 = lpu.install %w[0] : <960 x i8> -> <i8>
  %1 = lpu.install %w[320] : <960 x i8> -> <i8>
  %2 = lpu.install %w[640] : <960 x i8> -> <i8>
  // expected-error @+1 {{cluster "three" can never be placed: it needs more weights at once than the 2 planes of a hemisphere hold}}
  lpu.cluster "three" {
    %a = lpu.read %x[0] : <3 x i8>
    %b = lpu.read %x[1] : <3 x i8>
    %c = lpu.read %x[2] : <3 x i8>
    %p = lpu.multiply %a by %0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %q = lpu.multiply %b by %1 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %r = lpu.multiply %c by %2 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %s = lpu.alu add %p, %q : !lpu.stream<i32>, !lpu.stream<i32> -> !lpu.stream<i32>
    %t = lpu.alu add %s, %r : !lpu.stream<i32>, !lpu.stream<i32> -> !lpu.stream<i32>
    lpu.write %t to %y[0] : !lpu.stream<i32>, <1 x i32>
  }
}

// -----

lpu.program @activations machine "tsp1" {
  %x = lpu.buffer input "x" east at <east, slices = [0], row = 0, step = 1> : <1 x i8>
  %z = lpu.buffer input "z" east at <east, slices = [1], row = 0, step = 1> : <1 x i8>
  %w = lpu.buffer parameter "w" east at <east, slices = [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27], row = 0, step = 1> : <320 x i8>
  %y = lpu.buffer output "y" west at <west, slices = [0, 1, 2, 3], row = 0, step = 1> : <1 x i32>
  %0 = lpu.install %w[0] : <320 x i8> -> <i8>
  // expected-error @+1 {{cluster "twice" can never be placed: two activations come to its weights in cycle}}
  lpu.cluster "twice" {
    %a = lpu.read %x[0] : <1 x i8>
    %b = lpu.read %z[0] : <1 x i8>
    %p = lpu.multiply %a by %0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %q = lpu.multiply %b by %0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %s = lpu.alu add %p, %q : !lpu.stream<i32>, !lpu.stream<i32> -> !lpu.stream<i32>
    lpu.write %s to %y[0] : !lpu.stream<i32>, <1 x i32>
  }
}
