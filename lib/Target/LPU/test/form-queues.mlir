// RUN: moe-opt %s --lpu-form-queues --split-input-file | FileCheck %s

// Issues come in any order. Two that are neighbours need no repeat, three do; the
// claim of the repeat is mix(mix(0, 2), 3).

// CHECK-LABEL: lpu.program @runs
// CHECK-NEXT: lpu.segment "step" cycles 100 {
// CHECK-NEXT: lpu.queue mem.e0.read {
// CHECK-NEXT: lpu.text nop 3
// CHECK-NEXT: lpu.text read row 17 -> s4.w claim 0x1 uses 1
// CHECK-NEXT: lpu.text repeat 2 every 2 step 1 claim 0x8b325208 uses 1
// CHECK-NEXT: lpu.text read row 0 -> s4.w claim 0x4 uses 2
// CHECK-NEXT: lpu.text repeat 1 every 3 step 4 claim 0x150730f1 uses 2
// CHECK-NEXT: lpu.text nop 4
// CHECK-NEXT: lpu.text read row 1 -> s4.w claim 0x6 uses 2
// CHECK-NEXT: }
// CHECK-NEXT: lpu.queue mem.w1.write {
// CHECK-NEXT: lpu.text write s0.w row 7
// CHECK-NEXT: lpu.text write s0.w row 8
// CHECK-NEXT: }
// CHECK-NEXT: lpu.queue vxm.3 {
lpu.program @runs machine "tsp1" {
  lpu.segment "step" cycles 100 {
    lpu.issue 5 mem.e0.read read row 18 -> s4.w claim 0x2 uses 1
    lpu.issue 0 vxm.3 neg f32 s0.w -> s0.e
    lpu.issue 3 mem.e0.read read row 17 -> s4.w claim 0x1 uses 1
    lpu.issue 7 mem.e0.read read row 19 -> s4.w claim 0x3 uses 1
    lpu.issue 8 mem.e0.read read row 0 -> s4.w claim 0x4 uses 2
    lpu.issue 11 mem.e0.read read row 4 -> s4.w claim 0x5 uses 2
    lpu.issue 16 mem.e0.read read row 1 -> s4.w claim 0x6 uses 2
    lpu.issue 0 mem.w1.write write s0.w row 7
    lpu.issue 1 mem.w1.write write s0.w row 8
  }
}

// -----
// What repeats in the schedule keeps its claims. A pair does not take from the run
// behind it; another stream or another number of uses ends one.

// CHECK-LABEL: lpu.program @schedule
// CHECK: lpu.text read row 30 -> s4.w claim 0x1 uses 1
// CHECK-NEXT: lpu.text repeat 19 every 4 step -1 claim 0x77 uses 1
// CHECK-NEXT: lpu.text nop 3
// CHECK-NEXT: lpu.text read row 9 -> s4.w
// CHECK-NEXT: lpu.text nop 1
// CHECK-NEXT: lpu.text read row 20 -> s4.w
// CHECK-NEXT: lpu.text repeat 2 every 1 step 1
// CHECK-NEXT: lpu.text read row 23 -> s5.w
// CHECK-NEXT: lpu.text read row 24 -> s5.w uses 1
lpu.program @schedule machine "tsp1" {
  lpu.segment "step" cycles 100 {
    lpu.issue 0 mem.e0.read read row 30 -> s4.w repeat 20 every 4 step -1 claim 0x1, 0x77 uses 1
    lpu.issue 80 mem.e0.read read row 9 -> s4.w
    lpu.issue 82 mem.e0.read read row 20 -> s4.w
    lpu.issue 83 mem.e0.read read row 21 -> s4.w
    lpu.issue 84 mem.e0.read read row 22 -> s4.w
    lpu.issue 85 mem.e0.read read row 23 -> s5.w
    lpu.issue 86 mem.e0.read read row 24 -> s5.w uses 1
  }
}

// -----
// Fields have 16 bits: a long wait is several, a long distance no repeat.

// CHECK-LABEL: lpu.program @long
// CHECK: lpu.text nop 65535
// CHECK-NEXT: lpu.text nop 65535
// CHECK-NEXT: lpu.text nop 30
// CHECK-NEXT: lpu.text abc s0.e
// CHECK-NEXT: lpu.text repeat 1 every 65535
// CHECK-NEXT: lpu.text nop 65535
// CHECK-NEXT: lpu.text abc s0.e
lpu.program @long machine "tsp1" {
  lpu.segment "step" cycles 300000 {
    lpu.issue 131100 mxm.e0.feed abc s0.e imm 1
    lpu.issue 196635 mxm.e0.feed abc s0.e imm 1
    lpu.issue 262171 mxm.e0.feed abc s0.e imm 1
  }
}

// -----
// Whoever waits in a sync goes on 35 cycles behind the notify of its chip.

// CHECK-LABEL: lpu.program @barrier
// CHECK: lpu.queue mem.e0.read {
// CHECK-NEXT: lpu.text sync
// CHECK-NEXT: lpu.text nop 5
// CHECK-NEXT: lpu.text read row 1
// CHECK: lpu.queue icu {
// CHECK-NEXT: lpu.text nop 10
// CHECK-NEXT: lpu.text notify
lpu.program @barrier machine "tsp1" chips 2 {
  lpu.segment "step" cycles 100 {
    lpu.issue 0 mem.e0.read sync
    lpu.issue 50 mem.e0.read read row 1 -> s0.w
    lpu.issue 4 icu on 1 notify
    lpu.issue 10 icu notify
    lpu.issue 20 icu notify
  }
}
