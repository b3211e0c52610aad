// A vector goes over a wire: its four byte planes are read so that they are at the
// link 23 cycles apart, come out at the other end 650 cycles later, and are written.
// What depends on it waits.
// RUN: moe-opt %s --lpu-schedule | FileCheck %s
// RUN: moe-opt %s | moe-opt | FileCheck %s --check-prefix=TEXT

// TEXT: lpu.transfer "go" %x[0] to %y[1] over 8 : <1 x f32>, <2 x f32>
// TEXT: lpu.transfer "back" %z[0] to %w[0] over 8 : <1 x f32>, <1 x f32>

// CHECK-NOT: lpu.transfer
// CHECK: lpu.issue 35 mem.e0.read read row 5 -> s[[S:[0-9]+]].e claim [[V:0x[0-9a-f]+]] uses 1 of "go"
// CHECK: lpu.issue 54 c2c.e8 send s[[S]].e claim [[V]] of "go"
// CHECK: lpu.issue 77 c2c.e8 send
// CHECK: lpu.issue 100 c2c.e8 send
// CHECK: lpu.issue 123 c2c.e8 send
// CHECK: lpu.issue 704 c2c.e8 on 1 recv -> s[[T:[0-9]+]].w claim [[V]] uses 1 of "go"
// CHECK: lpu.issue 721 mem.e8.write on 1 write s[[T]].w row 8
// CHECK: lpu.issue 790 mem.e11.write on 1
// CHECK: lpu.issue 791 mem.e8.read on 1 read row 8 {{.*}} of "negate"
// CHECK: c2c.e8 on 1 send {{.*}} of "back"
lpu.program @there_and_back machine "tsp1" chips 2 links [#lpu.link<1 link 8 to 0 link 8>] {
  %x = lpu.buffer input "x" east at <east, slices = [0, 1, 2, 3], row = 5, step = 1> : <1 x f32>
  %y = lpu.buffer temporary "y" east on 1 at <east, slices = [8, 9, 10, 11], row = 7, step = 1> : <2 x f32>
  %z = lpu.buffer temporary "z" east on 1 at <east, slices = [20, 21, 22, 23], row = 7, step = 1> : <1 x f32>
  %w = lpu.buffer output "w" east at <east, slices = [4, 5, 6, 7], row = 5, step = 1> : <1 x f32>
  lpu.transfer "go" %x[0] to %y[1] over 8 : <1 x f32>, <2 x f32>
  lpu.cluster "negate" {
    %0 = lpu.read %y[1] : <2 x f32>
    %1 = lpu.alu neg %0 : <f32> -> <f32>
    lpu.write %1 to %z[0] : <f32>, <1 x f32>
  }
  lpu.transfer "back" %z[0] to %w[0] over 8 : <1 x f32>, <1 x f32>
}
