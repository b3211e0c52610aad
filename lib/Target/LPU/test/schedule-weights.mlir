// RUN: moe-opt %s --lpu-assign-layout --lpu-schedule | FileCheck %s

// A load takes 20 cycles, the array has the weights in the cycle after; the next load
// begins behind the activation that comes between: a round is 22 cycles.

// CHECK-LABEL: lpu.program @rounds
lpu.program @rounds machine "tsp1" {
  %x = lpu.buffer input "x" east : <3 x i8>
  %w = lpu.buffer parameter "w" east : <960 x i8>
  %y = lpu.buffer output "y" east : <3 x i32>
  %v = lpu.buffer parameter "v" east : <960 x i8>
  %z = lpu.buffer output "z" east : <3 x i32>
  // CHECK: mem.e12.read read row 0 -> s0.e repeat 20 every 1 step 1 {{.*}} of "w"
  // CHECK: lpu.issue [[#L:]] mxm.e0.load lw s0.e imm 20
  // CHECK: lpu.issue [[#L+20]] mxm.e0.load iw
  // CHECK: lpu.issue [[#L+21]] mxm.e0.feed abc
  // CHECK: lpu.issue [[#L+21]] mxm.e0.drain acc
  // CHECK: lpu.issue [[#L+22]] mxm.e0.load lw s0.e imm 20
  // CHECK: lpu.issue [[#L+44]] mxm.e0.load lw s0.e imm 20
  %w0 = lpu.install "w" %w[0] : <960 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <3 x i8>
    %1 = lpu.multiply %0 by %w0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %y[0] : !lpu.stream<i32>, <3 x i32>
  }
  %v0 = lpu.install "v" %v[0] : <960 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <3 x i8>
    %1 = lpu.multiply %0 by %v0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %z[0] : !lpu.stream<i32>, <3 x i32>
  }
  %w1 = lpu.install "w" %w[320] : <960 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[1] : <3 x i8>
    %1 = lpu.multiply %0 by %w1 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %y[1] : !lpu.stream<i32>, <3 x i32>
  }
  %v1 = lpu.install "v" %v[320] : <960 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[1] : <3 x i8>
    %1 = lpu.multiply %0 by %v1 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %z[1] : !lpu.stream<i32>, <3 x i32>
  }
  %w2 = lpu.install "w" %w[640] : <960 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[2] : <3 x i8>
    %1 = lpu.multiply %0 by %w2 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %y[2] : !lpu.stream<i32>, <3 x i32>
  }
  %v2 = lpu.install "v" %v[640] : <960 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[2] : <3 x i8>
    %1 = lpu.multiply %0 by %v2 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %z[2] : !lpu.stream<i32>, <3 x i32>
  }
}

// Weights whose rows a map chooses: one vector of the map is for all 16 slices. f16
// takes both planes.

// CHECK-LABEL: lpu.program @maps
lpu.program @maps machine "tsp1" {
  %x = lpu.buffer input "x" west : <1 x f16>
  %low = lpu.buffer parameter "low" west : <640 x i8>
  %high = lpu.buffer parameter "high" west : <640 x i8>
  %map = lpu.buffer input "map" west at <west, slices = [5], row = 9, step = 1> : <1 x i8>
  %y = lpu.buffer output "y" west : <1 x f32>
  // CHECK: mem.w5.read read row 9 -> [[MAP:s[0-9]+]].w repeat 20 every 1 claim {{.*}} uses 16 of "expert"
  // CHECK: mem.w12.read gather by [[MAP]].w row 0 -> s0.w repeat 20 every 1 step 1
  // CHECK: mxm.w0.load lw s0.w imm 20
  // CHECK: mxm.w1.load lw s16.w imm 20
  // CHECK: mxm.w0.load iw f16
  // CHECK: mxm.w0.feed abc f16
  %w = lpu.install "expert" %low and %high[0] by %map : <640 x i8> and !lpu.vectors<640 x i8> by !lpu.vectors<1 x i8> -> <f16>
  lpu.cluster {
    %0 = lpu.read %x[0] : <1 x f16>
    %1 = lpu.multiply %0 by %w : !lpu.stream<f16>, !lpu.weights<f16> -> !lpu.stream<f32>
    lpu.write %1 to %y[0] : !lpu.stream<f32>, <1 x f32>
  }
}

// Three weights and two planes: what was replaced too early comes again.

// CHECK-LABEL: lpu.program @again
lpu.program @again machine "tsp1" {
  %x = lpu.buffer input "x" east : <8 x i8>
  %w = lpu.buffer parameter "w" east : <960 x i8>
  %y = lpu.buffer output "y" east : <8 x i32>
  %b = lpu.buffer temporary "b" east : <8 x i8>
  // CHECK-COUNT-4: mxm.e{{[01]}}.load lw
  // CHECK-NOT: load lw
  %w0 = lpu.install "first" %w[0] : <960 x i8> -> <i8>
  %w1 = lpu.install "second" %w[320] : <960 x i8> -> <i8>
  %w2 = lpu.install "third" %w[640] : <960 x i8> -> <i8>
  lpu.cluster "a" {
    %0 = lpu.read %x[0] : <8 x i8>
    %1 = lpu.multiply %0 by %w0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %2 = lpu.alu cvt %1 : !lpu.stream<i32> -> !lpu.stream<i8>
    lpu.write %2 to %b[0] : !lpu.stream<i8>, <8 x i8>
  }
  lpu.cluster "b" {
    %0 = lpu.read %b[0] : <8 x i8>
    %1 = lpu.multiply %0 by %w1 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %2 = lpu.alu cvt %1 : !lpu.stream<i32> -> !lpu.stream<i8>
    lpu.write %2 to %b[1] : !lpu.stream<i8>, <8 x i8>
  }
  lpu.cluster "c" {
    %0 = lpu.read %b[1] : <8 x i8>
    %1 = lpu.multiply %0 by %w2 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    %2 = lpu.alu cvt %1 : !lpu.stream<i32> -> !lpu.stream<i8>
    lpu.write %2 to %b[2] : !lpu.stream<i8>, <8 x i8>
  }
  lpu.cluster "d" {
    %0 = lpu.read %b[2] : <8 x i8>
    %1 = lpu.multiply %0 by %w0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %y[0] : !lpu.stream<i32>, <8 x i32>
  }
  lpu.cluster "e" {
    %0 = lpu.read %b[2] : <8 x i8>
    %1 = lpu.multiply %0 by %w1 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %y[1] : !lpu.stream<i32>, <8 x i32>
  }
}

// Packed codes come on 7 streams.

// CHECK-LABEL: lpu.program @packed
lpu.program @packed machine "lpu-plus" {
  %x = lpu.buffer input "x" west : <1 x i8>
  %w = lpu.buffer parameter "w" west : <140 x i8>
  %y = lpu.buffer output "y" west : <1 x i32>
  // CHECK: mxm.w0.load lwx
  %i = lpu.install "packed" %w[0] expand : <140 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <1 x i8>
    %1 = lpu.multiply %0 by %i : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %y[0] : !lpu.stream<i32>, <1 x i32>
  }
}
