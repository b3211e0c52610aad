// RUN: moe-opt %s --split-input-file --verify-diagnostics

// The schedule and the queues: one constraint each.

lpu.program @segment_c1 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.issue 3 mem.e0.read read row 0 -> s0.w
    // expected-error @+1 {{is in a segment that begins with lpu.issue}}
    lpu.queue mem.e0.read {
    }
  }
}

// -----
lpu.program @segment_c1_other machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{is in a segment, which holds issues or queues}}
    "builtin.unrealized_conversion_cast"() : () -> ()
  }
}

// -----
lpu.program @segment_c2 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
    }
    // expected-error @+1 {{is the second one of track mem.e0.read}}
    lpu.queue mem.e0.read {
    }
  }
}

// -----
lpu.program @segment_c3 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{issues in cycle 30, its segment takes 30}}
    lpu.issue 3 mem.e0.read read row 0 -> s0.w repeat 10 every 3 step 1
  }
}

// -----
lpu.program @segment_c3_negative machine "tsp1" {
  // expected-error @+1 {{takes -1 cycles, at least 0 must be}}
  lpu.segment "step" cycles -1 {
  }
}

// -----
lpu.program @segment_c3_outputs machine "tsp1" {
  // expected-error @+1 {{outputs 4294967296, the field takes 0 to 4294967295}}
  lpu.segment "step" cycles 1 outputs 4294967296 {
  }
}

// -----
lpu.program @segment_c4 machine "tsp1" {
  %s = lpu.buffer temporary "s" east at <east, slices = [0, 1, 2, 3], row = 0, step = 1> : <1 x f32>
  // expected-error @+1 {{has a score of 1 vectors of 'f32', must be 1 of f32 in an output buffer}}
  lpu.segment "ask" cycles 1 score %s : !lpu.vectors<1 x f32> {
  }
}

// -----
lpu.program @issue_c1 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{opcode 7 is none of the instructions}}
    "lpu.issue"() <{claim = 0, cycle = 3, every = 1, high = 0, low = 0xffffffff0007, repeatsClaim = 0, step = 0, times = 1, track = #lpu.track<mem.e0.read>, uses = 0}> : () -> ()
  }
}

// -----
lpu.program @issue_c1_type machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{type 6 of read, types are below 6}}
    "lpu.issue"() <{claim = 0, cycle = 3, every = 1, high = 0, low = 0xffffffff0608, repeatsClaim = 0, step = 0, times = 1, track = #lpu.track<mem.e0.read>, uses = 0}> : () -> ()
  }
}

// -----
lpu.program @issue_c1_port machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{port 96 of read, streams are below 64, ALUs below 80, the latch is 128, nowhere 255}}
    "lpu.issue"() <{claim = 0, cycle = 3, every = 1, high = 0, low = 0xffffff600008, repeatsClaim = 0, step = 0, times = 1, track = #lpu.track<mem.e0.read>, uses = 0}> : () -> ()
  }
}

// -----
lpu.program @issue_c2 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{track vxm.16, machine tsp1 has 16 of its kind}}
    lpu.issue 3 vxm.16 neg f32 s0.w -> s0.e
  }
}

// -----
lpu.program @issue_c2_opcode machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{read on mem.e0.write, it is issued by tracks of kind read}}
    lpu.issue 3 mem.e0.write read row 0 -> s0.w
  }
}

// -----
lpu.program @issue_c2_nop machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{nop is of queues, a schedule has cycles}}
    lpu.issue 3 mem.e0.write nop 7
  }
}

// -----
lpu.program @program_c2_track machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{track mem.e0.read on 1, there are 1 chips}}
    lpu.issue 3 mem.e0.read on 1 read row 0 -> s0.w
  }
}

// -----
lpu.program @issue_c3 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{first source begins at stream 2, must be a multiple of 4}}
    lpu.issue 3 vxm.0 neg f32 s2.w -> s0.e
  }
}

// -----
lpu.program @issue_c3_result machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{result begins at stream 1, must be a multiple of 2}}
    lpu.issue 3 vxm.0 cvt f32 to f16 s4.w -> s1.e
  }
}

// -----
lpu.program @issue_c3_load machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{first source is streams 20 to 35, machine tsp1 has 32 each way}}
    lpu.issue 3 mxm.e0.load lw s20.e imm 20
  }
}

// -----
lpu.program @issue_c3_map machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{map begins at stream 3, must be a multiple of 2}}
    lpu.issue 3 sxm.e0.permute permute f32 s4.e by s3.e -> s0.w
  }
}

// -----
lpu.program @issue_c4 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{takes rows 8190 to 8192, a slice of machine tsp1 has 8192}}
    lpu.issue 3 mem.e0.read read row 8190 -> s0.w repeat 3 every 1 step 1
  }
}

// -----
lpu.program @issue_c4_below machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{takes rows 3 to -1, a slice of machine tsp1 has 8192}}
    lpu.issue 3 mem.e0.write write s0.w row 3 repeat 3 every 1 step -2
  }
}

// -----
lpu.program @issue_c4_queue machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      lpu.text read row 8190 -> s0.w
      // expected-error @+1 {{takes rows 8190 to 8192, a slice of machine tsp1 has 8192}}
      lpu.text repeat 2 every 1 step 1
    }
  }
}

// -----
lpu.program @issue_c5 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{cycle -1, the field takes 0 to 281474976710656}}
    lpu.issue -1 mem.e0.read read row 0 -> s0.w
  }
}

// -----
lpu.program @issue_c5_times machine "tsp1" {
  lpu.segment "step" cycles 300000 {
    // expected-error @+1 {{repeat 65537, the field takes 1 to 65536}}
    lpu.issue 1 mem.e0.read read row 0 -> s0.w repeat 65537 every 1
  }
}

// -----
lpu.program @issue_c5_every machine "tsp1" {
  lpu.segment "step" cycles 300000 {
    // expected-error @+1 {{every 65536, the field takes 1 to 65535}}
    lpu.issue 1 mem.e0.read read row 0 -> s0.w repeat 2 every 65536
  }
}

// -----
lpu.program @issue_c5_step machine "tsp1" {
  lpu.segment "step" cycles 300000 {
    // expected-error @+1 {{step 32768, the field takes -32768 to 32767}}
    lpu.issue 1 mem.e0.read read row 0 -> s0.w repeat 2 every 1 step 32768
  }
}

// -----
lpu.program @issue_c5_claim machine "tsp1" {
  lpu.segment "step" cycles 300000 {
    // expected-error @+1 {{claim 4294967296, the field takes 0 to 4294967295}}
    lpu.issue 1 mem.e0.read read row 0 -> s0.w claim 0x100000000
  }
}

// -----
lpu.program @issue_c5_uses machine "tsp1" {
  lpu.segment "step" cycles 300000 {
    // expected-error @+1 {{uses 65536, the field takes 0 to 65535}}
    lpu.issue 1 mem.e0.read read row 0 -> s0.w uses 65536
  }
}

// -----
lpu.program @queue_c1 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      // expected-error @+1 {{repeats nothing in word 0}}
      lpu.text repeat 2 every 1
    }
  }
}

// -----
lpu.program @queue_c1_repeat machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      lpu.text read row 0 -> s0.w
      lpu.text repeat 2 every 1
      // expected-error @+1 {{repeats repeat in word 2}}
      lpu.text repeat 2 every 1
    }
  }
}

// -----
lpu.program @queue_c1_other machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      // expected-error @+1 {{is in a queue, which holds text}}
      "builtin.unrealized_conversion_cast"() : () -> ()
    }
  }
}

// -----
lpu.program @queue_c2 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{has 2 resident words of 1}}
    lpu.queue mem.e0.read resident 2 {
      lpu.text nop 7
    }
  }
}

// -----
lpu.program @text_c1 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      // expected-error @+1 {{write on mem.e0.read, it is issued by tracks of kind write}}
      lpu.text write s0.w row 3
    }
  }
}

// -----
lpu.program @text_c1_opcode machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      // expected-error @+1 {{opcode 7 is none of the instructions}}
      "lpu.text"() <{claim = 0, high = 0, low = 0xffffffff0007, uses = 0}> : () -> ()
    }
  }
}

// -----
lpu.program @text_c2 machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      // expected-error @+1 {{nop 0, the field takes 1 to 65535}}
      lpu.text nop 0
    }
  }
}

// -----
lpu.program @text_c2_repeat machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      lpu.text read row 0 -> s0.w
      // expected-error @+1 {{every 0, the field takes 1 to 65535}}
      lpu.text repeat 2 every 0
    }
  }
}

// -----
lpu.program @text_c2_claim machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      // expected-error @+1 {{claim 4294967296, the field takes 0 to 4294967295}}
      lpu.text read row 0 -> s0.w claim 0x100000000
    }
  }
}

// -----
// expected-error @+1 {{"mem.e12.vxm" is no track, which are like mem.e12.read, vxm.5, mxm.e0.load, sxm.w0.permute, c2c.e3, icu}}
#t = #lpu.track<mem.e12.vxm>

// -----
lpu.program @parsed_port machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{"s32.e" is no port, which are s0.e to s31.w, alu0 to alu15, latch}}
    lpu.issue 3 vxm.0 add f32 s0.e, s32.e -> s0.w
  }
}

// -----
lpu.program @parsed_opcode machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{"fma" is no instruction}}
    lpu.issue 3 vxm.0 fma f32 s0.e, s32.e -> s0.w
  }
}

// -----
lpu.program @parsed_type machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{"f64" is no type}}
    lpu.issue 3 vxm.0 cvt f32 to f64 s0.e -> s0.w
  }
}

// -----
lpu.program @parsed_row machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{row 65536, the field takes 0 to 65535}}
    lpu.issue 3 mem.e0.read read row 65536 -> s0.w
  }
}

// -----
lpu.program @parsed_nop machine "tsp1" {
  lpu.segment "step" cycles 30 {
    lpu.queue mem.e0.read {
      // expected-error @+1 {{nop 65536, the field takes 0 to 65535}}
      lpu.text nop 65536
    }
  }
}

// -----
lpu.program @parsed_immediate machine "tsp1" {
  lpu.segment "step" cycles 30 {
    // expected-error @+1 {{expected an immediate of 64 bits}}
    lpu.issue 3 sxm.e0.shift shift s0.e -> s0.w imm up
  }
}
