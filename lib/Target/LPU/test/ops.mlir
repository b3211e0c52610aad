// RUN: moe-opt %s --verify-roundtrip | FileCheck %s
// RUN: moe-opt %s --mlir-print-op-generic | moe-opt | FileCheck %s

// Each level prints as it was written: buffers and clusters, the schedule, queues.

// CHECK-LABEL: lpu.program @clusters machine "tsp1" positions 4 vocabulary 300 {
lpu.program @clusters machine "tsp1" positions 4 vocabulary 300 {
  // CHECK-NEXT: %x = lpu.buffer temporary "x" east : <16 x f32>
  %x = lpu.buffer temporary "x" east : <16 x f32>
  // CHECK-NEXT: %half = lpu.buffer constant "half" east values dense<5.000000e-01> : tensor<1xf32> : <1 x f32>
  %half = lpu.buffer constant "half" east values dense<0.5> : tensor<1xf32> : <1 x f32>
  // CHECK-NEXT: loads [#lpu.load<"q" 5 matrix 0 levels first 0 transposed rows <0 to 319> columns <0 to 255, -1 times 64>>] : <320 x i8>
  %q = lpu.buffer parameter "q" west loads [#lpu.load<"q" 5 matrix 0 levels first 0 transposed rows <0 to 319> columns <0 to 255, -1 times 64>>] : <320 x i8>
  %map = lpu.buffer temporary "map" west : <1 x i8>
  %eastmap = lpu.buffer temporary "east map" east : <1 x i8>
  %order = lpu.buffer constant "order" east values dense<7> : tensor<1x320xi16> : <1 x i16>
  %levels = lpu.buffer temporary "levels" west : <1 x i8>
  %token = lpu.buffer input "token" east : <1 x i32>
  %position = lpu.buffer input "position" east : <1 x i32>
  %logits = lpu.buffer output "logits" east : <1 x f32>
  %next = lpu.buffer output "next" east : <1 x i32>
  %keys = lpu.buffer state "keys" west : <4 x f16>
  %low = lpu.buffer state "keys.low" west : <4 x f16>
  %values = lpu.buffer state "values" east : <4 x f32>
  // CHECK: %[[W:.*]] = lpu.install "q" %q[0] by %map : <320 x i8> by !lpu.vectors<1 x i8> -> <i8>
  %w = lpu.install "q" %q[0] by %map : <320 x i8> by !lpu.vectors<1 x i8> -> <i8>
  // CHECK: lpu.cluster "scores" repeat 4 every 2 {
  lpu.cluster "scores" repeat 4 every 2 {
    // CHECK-NEXT: %[[L:.*]] = lpu.read %levels[0] : <1 x i8>
    %0 = lpu.read %levels[0] : <1 x i8>
    // CHECK-NEXT: lpu.multiply %[[L]] by %[[W]] : <i8>, <i8> -> <i32>
    %1 = lpu.multiply %0 by %w : <i8>, <i8> -> <i32>
    // CHECK-NEXT: lpu.alu cvt %{{.*}} : <i32> -> <f32>
    %2 = lpu.alu cvt %1 : <i32> -> <f32>
    // CHECK-NEXT: lpu.read %x[15 step -1] : <16 x f32>
    %3 = lpu.read %x[15 step -1] : <16 x f32>
    // CHECK-NEXT: lpu.alu mul %{{.*}}, %{{.*}} : <f32>, <f32> -> <f32>
    %4 = lpu.alu mul %2, %3 : <f32>, <f32> -> <f32>
    // CHECK-NEXT: lpu.write %{{.*}} to %x[0 step 1] : <f32>, <16 x f32>
    lpu.write %4 to %x[0 step 1] : <f32>, <16 x f32>
  }
  // CHECK: lpu.cluster {
  lpu.cluster {
    %0 = lpu.read %eastmap[0] : <1 x i8>
    // CHECK: lpu.gather %x[0] by %{{.*}} : <16 x f32>, <i8>
    %1 = lpu.gather %x[0] by %0 : <16 x f32>, <i8>
    %2 = lpu.read %order[0] : <1 x i16>
    // CHECK: lpu.permute %{{.*}} by %{{.*}} : <f32>, <i16>
    %3 = lpu.permute %1 by %2 : <f32>, <i16>
    // CHECK-NEXT: lpu.shift %{{.*}} by -3 : <f32>
    %4 = lpu.shift %3 by -3 : <f32>
    // CHECK-NEXT: lpu.distribute %{{.*}} by [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3] : <f32>
    %5 = lpu.distribute %4 by [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3] : <f32>
    // CHECK-NEXT: lpu.alu cvt
    %6 = lpu.alu cvt %5 : <f32> -> <f16>
    %7 = lpu.read %map[0] : <1 x i8>
    // CHECK: lpu.scatter %{{.*}} to %keys[0] by %{{.*}} : <f16>, <4 x f16>, <i8>
    lpu.scatter %6 to %keys[0] by %7 : <f16>, <4 x f16>, <i8>
    // CHECK-NEXT: lpu.write %{{.*}} byte 1 to %levels[0] : <f16>, <1 x i8>
    lpu.write %6 byte 1 to %levels[0] : <f16>, <1 x i8>
  }
  // CHECK: lpu.interface token %token position %position logits %logits next %next keys %keys and %keys.low values %values heads <0 times 160, -1 times 160> dims <0 to 159, -1 times 160>
  lpu.interface token %token position %position logits %logits next %next
    keys %keys and %low values %values
    heads <0 times 160, -1 times 160> dims <0 to 159, -1 times 160>
    : <1 x i32>, <1 x i32>, <1 x f32>, !lpu.vectors<1 x i32>
      keys !lpu.vectors<4 x f16> and !lpu.vectors<4 x f16> values !lpu.vectors<4 x f32>
}

// CHECK-LABEL: lpu.program @schedule machine "tsp1" chips 3 links [#lpu.link<0 link 3 to 1 link 0>] {
lpu.program @schedule machine "tsp1" chips 3 links [#lpu.link<0 link 3 to 1 link 0>] {
  // CHECK: lpu.buffer temporary "x" east at <east, slices = [0, 1, 2, 3], row = 5, step = 2> : <4 x f32>
  %x = lpu.buffer temporary "x" east at <east, slices = [0, 1, 2, 3], row = 5, step = 2> : <4 x f32>
  // CHECK: lpu.buffer temporary "y" east on 2 at
  %y = lpu.buffer temporary "y" east on 2 at <east, slices = [0, 1, 2, 3], row = 5, step = 2> : <4 x f32>
  // CHECK: lpu.segment "step" cycles 1250 {
  lpu.segment "step" cycles 1250 {
    // CHECK-NEXT: lpu.issue 1188 mem.e12.read read row 27 -> s4.w repeat 20 every 1 step -1 claim 0x1234abcd, 0x99aa0011 uses 1 of "layers.0.q"
    lpu.issue 1188 mem.e12.read read row 27 -> s4.w repeat 20 every 1 step -1 claim 0x1234abcd, 0x99aa0011 uses 1 of "layers.0.q"
    // CHECK-NEXT: lpu.issue 7 mem.w3.write scatter s3.e by s0.e row 0
    lpu.issue 7 mem.w3.write scatter s3.e by s0.e row 0
    // CHECK-NEXT: lpu.issue 10 vxm.5 on 2 add saturate i32 alu3, s4.w -> s8.e claim 0x5f uses 1
    lpu.issue 10 vxm.5 on 2 add saturate i32 alu3, s4.w -> s8.e claim 0x5f uses 1
    // CHECK-NEXT: lpu.issue 13 vxm.6 cvt i32 to f16 latch
    lpu.issue 13 vxm.6 cvt i32 to f16 latch
    // CHECK-NEXT: lpu.issue 14 vxm.6 gt i8x4 none, s0.e
    lpu.issue 14 vxm.6 gt i8x4 none, s0.e
    // CHECK-NEXT: lpu.issue 20 mxm.e0.load lw s16.e imm 20
    lpu.issue 20 mxm.e0.load lw s16.e imm 20
    // CHECK-NEXT: lpu.issue 40 mxm.e0.load lwx s9.e row 2 imm 0x10714
    lpu.issue 40 mxm.e0.load lwx s9.e row 2 imm 0x10714
    // CHECK-NEXT: lpu.issue 41 mxm.e0.feed abc f16 to f32 s2.e imm 1
    lpu.issue 41 mxm.e0.feed abc f16 to f32 s2.e imm 1
    // CHECK-NEXT: lpu.issue 41 mxm.e0.drain acc adding f16 -> s4.w imm 1
    lpu.issue 41 mxm.e0.drain acc adding f16 -> s4.w imm 1
    // CHECK-NEXT: lpu.issue 50 sxm.w0.shift shift f32 s4.w -> s8.e imm -3
    lpu.issue 50 sxm.w0.shift shift f32 s4.w -> s8.e imm -3
    // CHECK-NEXT: lpu.issue 51 sxm.w0.distribute distribute s1.w -> s8.e imm 0xfedcba9876543210
    lpu.issue 51 sxm.w0.distribute distribute s1.w -> s8.e imm 0xfedcba9876543210
    // CHECK-NEXT: lpu.issue 52 sxm.w0.permute permute f16 s2.w by s4.w -> s8.e
    lpu.issue 52 sxm.w0.permute permute f16 s2.w by s4.w -> s8.e
    // CHECK-NEXT: lpu.issue 60 c2c.e3 on 1 recv -> s31.w
    lpu.issue 60 c2c.e3 on 1 recv -> s31.w
    // CHECK-NEXT: lpu.issue 61 icu on 2 notify
    lpu.issue 61 icu on 2 notify
  }
  // CHECK: lpu.segment "queues" cycles 1250 {
  lpu.segment "queues" cycles 1250 {
    // CHECK-NEXT: lpu.queue mem.e12.read on 1 resident 3 {
    lpu.queue mem.e12.read on 1 resident 3 {
      // CHECK-NEXT: lpu.text nop 1188
      lpu.text nop 1188
      // CHECK-NEXT: lpu.text read row 17 -> s4.w claim 0x1234abcd uses 1
      lpu.text read row 17 -> s4.w claim 0x1234abcd uses 1
      // CHECK-NEXT: lpu.text repeat 17 every 2 step -1 claim 0x99aa0011 uses 1
      lpu.text repeat 17 every 2 step -1 claim 0x99aa0011 uses 1
    }
  }
}
