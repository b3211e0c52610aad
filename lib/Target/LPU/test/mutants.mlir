// A program as the scheduler makes it, changed 1,500 times: each mutant is refused, or
// has the outputs of the original. The simulator's own tests change programs of other
// kinds.

// RUN: moe-opt %s --lpu-assign-layout --lpu-schedule --lpu-form-queues --lpu-assemble=output=%t.lpu -o /dev/null
// RUN: moert_lpu_mutants %t.lpu 1500 | FileCheck %s
// CHECK: refused {{[1-9][0-9]*}}, the same {{[1-9][0-9]*}}

lpu.program @step machine "lpu-plus" {
  %x = lpu.buffer input "x" east : <16 x f32>
  %p = lpu.buffer temporary "p" east : <4 x f32>
  %y = lpu.buffer output "y" west : <4 x f32>
  lpu.cluster "first" repeat 4 every 2 {
    %0 = lpu.read %x[0 step 1] : <16 x f32>
    %1 = lpu.alu pass %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %p[0 step 1] : !lpu.stream<f32>, <4 x f32>
  }
  lpu.cluster "second" repeat 4 every 2 {
    %0 = lpu.read %x[4 step 1] : <16 x f32>
    %1 = lpu.read %p[0 step 1] : <4 x f32>
    %2 = lpu.alu add %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %2 to %p[0 step 1] : !lpu.stream<f32>, <4 x f32>
  }
  lpu.cluster "third" repeat 4 every 2 {
    %0 = lpu.read %p[0 step 1] : <4 x f32>
    %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
    lpu.write %1 to %y[3 step -1] : !lpu.stream<f32>, <4 x f32>
  }

  %b = lpu.buffer input "bytes" east : <2 x i8>
  %w = lpu.buffer parameter "w" east : <640 x i8>
  %c = lpu.buffer parameter "codes" west : <140 x i8>
  %map = lpu.buffer constant "map" east values dense<0> : tensor<1xi8> : <1 x i8>
  %z = lpu.buffer output "z" east : <3 x i32>
  %w0 = lpu.install "expert" %w[0] by %map : <640 x i8> by !lpu.vectors<1 x i8> -> <i8>
  lpu.cluster "z" {
    %0 = lpu.read %b[0] : <2 x i8>
    %1 = lpu.multiply %0 by %w0 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %z[0] : !lpu.stream<i32>, <3 x i32>
  }
  %w1 = lpu.install "w" %w[320] : <640 x i8> -> <i8>
  lpu.cluster "z" {
    %0 = lpu.read %b[1] : <2 x i8>
    %1 = lpu.multiply %0 by %w1 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %z[1] : !lpu.stream<i32>, <3 x i32>
  }
  %w2 = lpu.install "packed" %c[0] expand : <140 x i8> -> <i8>
  lpu.cluster "z" {
    %0 = lpu.read %b[0] : <2 x i8>
    %1 = lpu.multiply %0 by %w2 : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
    lpu.write %1 to %z[2] : !lpu.stream<i32>, <3 x i32>
  }

  // A row of keys where the map says, then all of them as another map says.
  %k = lpu.buffer state "keys" west : <4 x f16>
  %h = lpu.buffer output "h" west : <2 x f16>
  %n = lpu.buffer input "new" west : <1 x f16>
  %m = lpu.buffer constant "row" west values dense<0> : tensor<1xi8> : <1 x i8>
  lpu.cluster "store" {
    %0 = lpu.read %n[0] : <1 x f16>
    %1 = lpu.shift %0 by 2 : !lpu.stream<f16>
    %2 = lpu.read %m[0] : <1 x i8>
    lpu.scatter %1 to %k[1] by %2 : !lpu.stream<f16>, <4 x f16>, !lpu.stream<i8>
  }
  lpu.cluster "fetch" {
    %0 = lpu.read %m[0] : <1 x i8>
    %1 = lpu.gather %k[1] by %0 : <4 x f16>, !lpu.stream<i8>
    lpu.write %1 to %h[0] : !lpu.stream<f16>, <2 x f16>
  }
  lpu.cluster "read" {
    %0 = lpu.read %k[2] : <4 x f16>
    lpu.write %0 to %h[1] : !lpu.stream<f16>, <2 x f16>
  }
}
