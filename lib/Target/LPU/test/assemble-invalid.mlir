// RUN: rm -f %t.lpu
// RUN: moe-opt %s --lpu-assemble=output=%t.lpu --split-input-file --verify-diagnostics -o /dev/null
// RUN: not ls %t.lpu
// RUN: echo 'lpu.program @p machine "tsp1" {}' | not moe-opt --lpu-assemble=output=%t.absent/x.lpu 2>&1 | FileCheck %s
// CHECK: error: {{.*}}.absent{{.*}}no such file or directory

// expected-error @+1 {{module has 0 programs, 1 is assembled}}
module {
}

// -----
// expected-error @+1 {{buffer "x" has no place}}
lpu.program @no_place machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x f32>
}

// -----
// expected-error @+1 {{program still has lpu.cluster, it is not scheduled}}
lpu.program @clusters machine "tsp1" {
  %x = lpu.buffer temporary "x" east at <east, slices = [0], row = 0, step = 1> : <2 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <2 x i8>
    lpu.write %0 to %x[1] : <i8>, <2 x i8>
  }
}

// -----
// expected-error @+1 {{segment "step" is a schedule, not queues}}
lpu.program @schedule machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.issue 3 mem.e0.read read row 0 -> s0.w
  }
}
