// RUN: moe-opt %s --lpu-form-queues --split-input-file --verify-diagnostics

lpu.program @twice machine "tsp1" {
  lpu.segment "step" cycles 100 {
    lpu.issue 5 mem.e0.read read row 18 -> s4.w
    // expected-error @+1 {{mem.e0.read issues in cycle 5, it is free again in cycle 6}}
    lpu.issue 5 mem.e0.read read row 19 -> s4.w
  }
}

// -----
lpu.program @between_repetitions machine "tsp1" {
  lpu.segment "step" cycles 100 {
    lpu.issue 5 mem.e0.read read row 18 -> s4.w repeat 3 every 4
    // expected-error @+1 {{mem.e0.read issues in cycle 6, it is free again in cycle 14}}
    lpu.issue 6 mem.e0.read read row 19 -> s4.w
  }
}

// -----
lpu.program @nobody_notifies machine "tsp1" chips 2 {
  lpu.segment "step" cycles 100 {
    // expected-error @+1 {{sync of mem.e0.read in cycle 5, no notify of chip 0 comes behind it}}
    lpu.issue 5 mem.e0.read sync
    lpu.issue 3 icu notify
    lpu.issue 9 icu on 1 notify
  }
}
