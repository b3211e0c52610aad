// RUN: moe-opt %s --split-input-file --verify-diagnostics

// Types, buffers, the interface, clusters and installs: one constraint each.

// expected-error @+1 {{element is 'f64', a stream carries i8, i16, i32, f16, f32 or vector<4xi8>}}
func.func private @stream_c1(!lpu.stream<f64>)

// -----
// expected-error @+1 {{has 0 vectors, at least 1 is needed}}
func.func private @vectors_c1(!lpu.vectors<0 x f32>)

// -----
// expected-error @+1 {{element is 'i32', a plane holds i8 or f16}}
func.func private @weights_c1(!lpu.weights<i32>)

// -----
// expected-error @+1 {{run from 5 to 2 does not ascend}}
#a = #lpu.indices<5 to 2>

// -----
// expected-error @+1 {{run of 0 numbers, at least 1 is needed}}
#a = #lpu.indices<5 times 0>

// -----
// expected-error @+1 {{run of 16777217 numbers, at most 16777216 are taken}}
#a = #lpu.indices<0 to 16777216>

// -----
// expected-error @+1 {{"cells" is nothing that is loaded}}
#a = #lpu.load<"q" 5 matrix 0 cells first 0 rows <0> columns <0>>

// -----
// expected-error-re @+1 {{machine "tsp7" is neither one of {{.*}}tsp1{{.*}} nor a file: no such file or directory}}
lpu.program @program_c1 machine "tsp7" {
}

// -----
// expected-error @+1 {{is of 0 chips, 1 to 65535 may be}}
lpu.program @program_c2 machine "tsp1" chips 0 {
}

// -----
// expected-error @+1 {{has a link of chip 2, there are 2}}
lpu.program @program_c2_link machine "tsp1" chips 2 links [#lpu.link<0 link 3 to 2 link 0>] {
}

// -----
// expected-error @+1 {{has a wire at link 16, machine tsp1 has 16}}
lpu.program @program_c2_wire machine "tsp1" chips 2 links [#lpu.link<0 link 16 to 1 link 0>] {
}

// -----
// expected-error @+1 {{has two wires at link 3 of chip 0}}
lpu.program @program_c2_wires machine "tsp1" chips 2 links [#lpu.link<0 link 3 to 1 link 0>, #lpu.link<1 link 1 to 0 link 3>] {
}

// -----
lpu.program @program_c2_buffer machine "tsp1" {
  // expected-error @+1 {{is on chip 1, there are 1}}
  %x = lpu.buffer temporary "x" east on 1 : <1 x f32>
}

// -----
lpu.program @program_c3 machine "tsp1" {
  // expected-note @+1 {{the other one}}
  %x = lpu.buffer temporary "x" east at <east, slices = [4], row = 3, step = 2> : <3 x i8>
  // expected-error @+1 {{"y" and "x" both lie in row 7 of slice 4 in the east}}
  %y = lpu.buffer temporary "y" east at <east, slices = [3, 4], row = 6, step = 1> : <4 x i8>
}

// -----
// expected-error @+1 {{has 2 interfaces, 1 may be}}
lpu.program @program_c4 machine "tsp1" {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  lpu.interface token %t position %p logits %l : <1 x i32>, <1 x i32>, <1 x f32>
  lpu.interface token %t position %p logits %l : <1 x i32>, <1 x i32>, <1 x f32>
}

// -----
lpu.program @program_c5 machine "tsp1" {
  // expected-error @+1 {{"x" has no place in a program of segments}}
  %x = lpu.buffer temporary "x" east : <1 x f32>
  lpu.segment "step" cycles 3 {
  }
}

// -----
lpu.program @program_c5_cluster machine "tsp1" {
  %x = lpu.buffer temporary "x" east at <east, slices = [4], row = 3, step = 1> : <2 x i8>
  // expected-error @+1 {{is beside a segment, which comes of all of them}}
  lpu.cluster {
    %0 = lpu.read %x[0] : <2 x i8>
    lpu.write %0 to %x[1] : <i8>, <2 x i8>
  }
  lpu.segment "step" cycles 3 {
  }
}

// -----
lpu.program @buffer_c1 machine "tsp1" {
  // expected-error @+1 {{constant buffer "x" has no values}}
  %x = lpu.buffer constant "x" east : <1 x f32>
}

// -----
lpu.program @buffer_c1_values machine "tsp1" {
  // expected-error @+1 {{state buffer "x" has values}}
  %x = lpu.buffer state "x" east values dense<1.0> : tensor<1xf32> : <1 x f32>
}

// -----
lpu.program @buffer_c1_loads machine "tsp1" {
  // expected-error @+1 {{temporary buffer "x" has 0 loads}}
  %x = lpu.buffer temporary "x" east loads [] : <1 x f32>
}

// -----
lpu.program @buffer_c2 machine "tsp1" {
  // expected-error @+1 {{has values of 'tensor<2xf32>', must be 3 or 3x320 of 'f32'}}
  %x = lpu.buffer constant "x" east values dense<1.0> : tensor<2xf32> : <3 x f32>
}

// -----
lpu.program @buffer_c2_lanes machine "tsp1" {
  // expected-error @+1 {{has values of 'tensor<1x319xi8>', must be 1 or 1x320 of 'i32'}}
  %x = lpu.buffer constant "x" east values dense<1> : tensor<1x319xi8> : <1 x vector<4xi8>>
}

// -----
lpu.program @buffer_c2_dense machine "tsp1" {
  // expected-error @+1 {{has values that are not dense}}
  %x = lpu.buffer constant "x" east values sparse<[[0]], [1.0]> : tensor<3xf32> : <3 x f32>
}

// -----
lpu.program @buffer_c3 machine "tsp1" {
  // expected-error @+1 {{loads 14 vectors from 3 on, it has 16}}
  %x = lpu.buffer parameter "x" east loads [#lpu.load<"q" 0 matrix 0 packed first 3 rows <0 to 31> columns <0 to 319>>] : <16 x i8>
}

// -----
lpu.program @buffer_c3_columns machine "tsp1" {
  // expected-error @+1 {{loads 300 columns, machine tsp1 has 320 lanes}}
  %x = lpu.buffer parameter "x" east loads [#lpu.load<"q" 0 matrix 0 levels first 0 rows <0 to 15> columns <0 to 299>>] : <16 x i8>
}

// -----
lpu.program @buffer_c3_factors machine "tsp1" {
  // expected-error @+1 {{loads 1 factors, machine tsp1 has 320 lanes}}
  %x = lpu.buffer parameter "x" east loads [#lpu.load<"q" 0 matrix 0 values first 0 rows <0> columns <0 to 319> factors array<f32: 1.0>>] : <1 x f32>
}

// -----
lpu.program @buffer_c3_matrix machine "tsp1" {
  // expected-error @+1 {{loads matrix 256 of parameter 7, the fields take 255 and 4294967295}}
  %x = lpu.buffer parameter "x" east loads [#lpu.load<"q" 7 matrix 256 levels first 0 rows <0> columns <0 to 319>>] : <1 x i8>
}

// -----
lpu.program @buffer_c4 machine "tsp1" {
  // expected-error @+1 {{is in the east, its place in the west}}
  %x = lpu.buffer temporary "x" east at <west, slices = [0, 1, 2, 3], row = 0, step = 1> : <1 x f32>
}

// -----
lpu.program @buffer_c4_slices machine "tsp1" {
  // expected-error @+1 {{lies in 3 slices, must be a multiple of 4}}
  %x = lpu.buffer temporary "x" east at <east, slices = [0, 1, 2], row = 0, step = 1> : <1 x f32>
}

// -----
lpu.program @buffer_c4_slice machine "tsp1" {
  // expected-error @+1 {{lies in slice 44, a hemisphere of machine tsp1 has 44}}
  %x = lpu.buffer temporary "x" east at <east, slices = [44], row = 0, step = 1> : <1 x i8>
}

// -----
lpu.program @buffer_c4_twice machine "tsp1" {
  // expected-error @+1 {{names slice 7 twice}}
  %x = lpu.buffer temporary "x" east at <east, slices = [7, 7], row = 0, step = 1> : <1 x f16>
}

// -----
lpu.program @buffer_c4_rows machine "tsp1" {
  // expected-error @+1 {{takes 3 rows from 8189 on, every 2, a slice of machine tsp1 has 8192}}
  %x = lpu.buffer temporary "x" east at <east, slices = [7, 8], row = 8189, step = 2> : <5 x i8>
}

// -----
lpu.program @buffer_c4_step machine "tsp1" {
  // expected-error @+1 {{takes 1 rows from 0 on, every 8193, a slice of machine tsp1 has 8192}}
  %x = lpu.buffer temporary "x" east at <east, slices = [7], row = 0, step = 8193> : <1 x i8>
}

// -----
lpu.program @buffer_c5 machine "tsp1" {
  // expected-error @+1 {{of 'i8' loads scales, which it does not hold}}
  %x = lpu.buffer parameter "x" east loads [#lpu.load<"q" 0 matrix 0 scales first 0 rows <0> columns <0 to 319>>] : <16 x i8>
}

// -----
lpu.program @interface_c1 machine "tsp1" {
  %t = lpu.buffer input "t" east : <1 x f32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  // expected-error @+1 {{token is input buffer of 'f32', must be input buffer of 'i32'}}
  lpu.interface token %t position %p logits %l : <1 x f32>, <1 x i32>, <1 x f32>
}

// -----
lpu.program @interface_c1_count machine "tsp1" {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <2 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  // expected-error @+1 {{buffer "p" has 2 vectors, must have 1}}
  lpu.interface token %t position %p logits %l : <1 x i32>, <2 x i32>, <1 x f32>
}

// -----
lpu.program @interface_c1_logits machine "tsp1" vocabulary 321 {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  // expected-error @+1 {{logits have 1 vectors of 320 lanes, the vocabulary has 321 words}}
  lpu.interface token %t position %p logits %l : <1 x i32>, <1 x i32>, <1 x f32>
}

// -----
lpu.program @interface_c2 machine "tsp1" {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  %k = lpu.buffer state "k" east : <8 x f16>
  %v = lpu.buffer state "v" east : <8 x f32>
  // expected-error @+1 {{has keys of 1 layers, low keys of 2, copies of 0 and values of 1}}
  lpu.interface token %t position %p logits %l keys %k and %k, %k values %v
    : <1 x i32>, <1 x i32>, <1 x f32> keys !lpu.vectors<8 x f16> and !lpu.vectors<8 x f16>, !lpu.vectors<8 x f16> values !lpu.vectors<8 x f32>
}

// -----
lpu.program @interface_c2_positions machine "tsp1" positions 9 {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  %k = lpu.buffer state "k" east : <8 x f16>
  %v = lpu.buffer state "v" east : <9 x f32>
  // expected-error @+1 {{keys have 8 vectors for 9 positions}}
  lpu.interface token %t position %p logits %l keys %k and %k values %v
    : <1 x i32>, <1 x i32>, <1 x f32> keys !lpu.vectors<8 x f16> and !lpu.vectors<8 x f16> values !lpu.vectors<9 x f32>
}

// -----
lpu.program @interface_c3 machine "tsp1" {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  // expected-error @+1 {{names heads or dims of 319 lanes, machine tsp1 has 320}}
  lpu.interface token %t position %p logits %l heads <0 to 318> dims <0 to 319>
    : <1 x i32>, <1 x i32>, <1 x f32>
}

// -----
lpu.program @interface_c3_heads machine "tsp1" {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  // expected-error @+1 {{has dims without heads}}
  "lpu.interface"(%t, %p, %l) <{dims = #lpu.indices<0 to 319>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0>}>
    : (!lpu.vectors<1 x i32>, !lpu.vectors<1 x i32>, !lpu.vectors<1 x f32>) -> ()
}

// -----
lpu.program @interface_c3_parts machine "tsp1" {
  %t = lpu.buffer input "t" east : <1 x i32>
  %p = lpu.buffer input "p" east : <1 x i32>
  %l = lpu.buffer output "l" east : <1 x f32>
  %k = lpu.buffer state "k" east : <8 x f16>
  %v = lpu.buffer state "v" east : <8 x f32>
  // expected-error @+1 {{has 1 keys for layers of 2 parts}}
  lpu.interface token %t position %p logits %l keys %k and %k values %v heads <0 to 639> dims <0 to 639>
    : <1 x i32>, <1 x i32>, <1 x f32> keys !lpu.vectors<8 x f16> and !lpu.vectors<8 x f16> values !lpu.vectors<8 x f32>
}

// -----
lpu.program @boundary_c1 machine "tsp1" {
  %s = lpu.buffer output "s" east : <2 x f32>
  // expected-error @+1 {{has a score of 2 vectors of 'f32' in output buffer, must be 1 of f32 in output buffer}}
  lpu.boundary "ask" score %s : !lpu.vectors<2 x f32>
}

// -----
lpu.program @cluster_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x f32>
  // expected-error @+1 {{writes no stream, 1 must be written}}
  lpu.cluster {
  }
}

// -----
lpu.program @cluster_c1_unused machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x f32>
  lpu.cluster {
    // expected-error @+1 {{has 0 uses, a stream has 1}}
    %0 = lpu.read %x[0] : <1 x f32>
  }
}

// -----
lpu.program @cluster_c1_twice machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x f32>
  lpu.cluster {
    // expected-error @+1 {{has 2 uses, a stream has 1}}
    %0 = lpu.read %x[0] : <1 x f32>
    %1 = lpu.alu mul %0, %0 : <f32>, <f32> -> <f32>
    lpu.write %1 to %x[0] : <f32>, <1 x f32>
  }
}

// -----
lpu.program @cluster_c1_root machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x f32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <1 x f32>
    lpu.write %0 to %x[0] : <f32>, <1 x f32>
    // expected-error @+1 {{is the second stream of its cluster that is written, 1 may be}}
    %1 = lpu.read %x[0] : <1 x f32>
    lpu.write %1 to %x[0] : <f32>, <1 x f32>
  }
}

// -----
lpu.program @cluster_c1_written machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x f32>
  lpu.cluster {
    // expected-error @+1 {{is written 1 times and has 2 uses}}
    %0 = lpu.read %x[0] : <1 x f32>
    lpu.write %0 to %x[0] : <f32>, <1 x f32>
    %1 = lpu.alu neg %0 : <f32> -> <f32>
    lpu.write %1 to %x[0] : <f32>, <1 x f32>
  }
}

// -----
lpu.program @cluster_c2 machine "tsp1" {
  // expected-error @+1 {{repeats 0 times every 2 cycles, both are at least 1}}
  lpu.cluster repeat 0 every 2 {
  }
}

// -----
lpu.program @cluster_c3 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f32>
  lpu.cluster repeat 4 every 2 {
    // expected-error @+1 {{takes vectors 5 to -1 of a buffer of 8}}
    %0 = lpu.read %x[5 step -2] : <8 x f32>
    lpu.write %0 to %x[0 step 1] : <f32>, <8 x f32>
  }
}

// -----
lpu.program @cluster_c3_copies machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  lpu.cluster repeat 2 every 2 {
    %0 = lpu.read %x[5] : <8 x i8>
    // expected-error @+1 {{takes vectors 0 to 4 and 4 more of a buffer of 8}}
    lpu.write %0 to %x[0 step 4] copies 5 : <i8>, <8 x i8>
  }
}

// -----
lpu.program @cluster_c3_overflow machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  lpu.cluster repeat 4611686018427387904 every 2 {
    // expected-error @+1 {{takes vectors 0 to 9223372036854775807 of a buffer of 8}}
    %0 = lpu.read %x[0 step 4] : <8 x i8>
    lpu.write %0 to %x[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @cluster_c4 machine "tsp1" chips 2 {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  %y = lpu.buffer temporary "y" east on 1 : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x i8>
    // expected-error @+1 {{is of chip 1, its cluster is of chip 0}}
    lpu.write %0 to %y[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @cluster_c5 machine "tsp1" {
  lpu.cluster {
    // expected-error @+1 {{is in a cluster, which holds operations on streams}}
    "builtin.unrealized_conversion_cast"() : () -> ()
  }
}

// -----
lpu.program @gather_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x i8>
    %1 = lpu.alu neg %0 : <i8> -> <i8>
    // expected-error @+1 {{takes a map of 'i8' from lpu.alu, it must be i8 from lpu.read}}
    %2 = lpu.gather %x[0] by %1 : <8 x i8>, <i8>
    lpu.write %2 to %x[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @gather_c1_side machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  %y = lpu.buffer temporary "y" west : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %y[0] : <8 x i8>
    // expected-error @+1 {{takes a map from the west, its buffer is in the east}}
    %1 = lpu.gather %x[0] by %0 : <8 x i8>, <i8>
    lpu.write %1 to %x[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @write_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  %y = lpu.buffer temporary "y" east : <8 x f32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x i8>
    // expected-error @+1 {{writes 'i8' to vectors of 'f32'}}
    lpu.write %0 to %y[0] : <i8>, <8 x f32>
  }
}

// -----
lpu.program @write_c1_byte machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f16>
  %y = lpu.buffer temporary "y" east : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f16>
    // expected-error @+1 {{takes byte 2 of 'f16', which has 2}}
    lpu.write %0 byte 2 to %y[0] : <f16>, <8 x i8>
  }
}

// -----
lpu.program @write_c2 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x f32>
  %y = lpu.buffer constant "y" east values dense<1.0> : tensor<1xf32> : <1 x f32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <1 x f32>
    // expected-error @+1 {{writes to constant buffer "y", which may only be read}}
    lpu.write %0 to %y[0] : <f32>, <1 x f32>
  }
}

// -----
lpu.program @write_c3 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <1 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <1 x i8>
    // expected-error @+1 {{writes 0 copies, at least 1 is needed}}
    lpu.write %0 to %x[0] copies 0 : <i8>, <1 x i8>
  }
}

// -----
lpu.program @scatter_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f32>
  %m = lpu.buffer temporary "m" east : <1 x i16>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f32>
    %1 = lpu.read %m[0] : <1 x i16>
    // expected-error @+1 {{takes a map of 'i16' from lpu.read, it must be i8 from lpu.read}}
    lpu.scatter %0 to %x[0] by %1 : <f32>, <8 x f32>, <i16>
  }
}

// -----
lpu.program @scatter_c2 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f32>
  %y = lpu.buffer state "y" east : <8 x f16>
  %m = lpu.buffer temporary "m" east : <1 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f32>
    %1 = lpu.read %m[0] : <1 x i8>
    // expected-error @+1 {{writes 'f32' to vectors of 'f16'}}
    lpu.scatter %0 to %y[0] by %1 : <f32>, <8 x f16>, <i8>
  }
}

// -----
lpu.program @alu_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f32>
    %1 = lpu.read %x[0] : <8 x f32>
    // expected-error @+1 {{neg has 2 operands, takes 1}}
    %2 = lpu.alu neg %0, %1 : <f32>, <f32> -> <f32>
    lpu.write %2 to %x[0] : <f32>, <8 x f32>
  }
}

// -----
lpu.program @alu_c1_types machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f32>
  %y = lpu.buffer temporary "y" east : <8 x i32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f32>
    %1 = lpu.read %y[0] : <8 x i32>
    %2 = lpu.alu mask %0, %1 : <f32>, <i32> -> <f32>
    %3 = lpu.read %y[0] : <8 x i32>
    // expected-error @+1 {{add is of 'f32' and 'i32'}}
    %4 = lpu.alu add %2, %3 : <f32>, <i32> -> <f32>
    lpu.write %4 to %x[0] : <f32>, <8 x f32>
  }
}

// -----
lpu.program @alu_c2 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f16>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f16>
    // expected-error @+1 {{tanh of 'f16' to 'f16' is no operation of an ALU}}
    %1 = lpu.alu tanh %0 : <f16> -> <f16>
    lpu.write %1 to %x[0] : <f16>, <8 x f16>
  }
}

// -----
lpu.program @alu_c2_compare machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f32>
    %1 = lpu.read %x[0] : <8 x f32>
    // expected-error @+1 {{gt of 'f32' to 'f32' is no operation of an ALU}}
    %2 = lpu.alu gt %0, %1 : <f32>, <f32> -> <f32>
    lpu.write %2 to %x[0] : <f32>, <8 x f32>
  }
}

// -----
lpu.program @alu_c3 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x f32>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x f32>
    %1 = lpu.read %x[0] : <8 x f32>
    // expected-error @+1 {{add of 'f32' cannot saturate}}
    %2 = lpu.alu add saturate %0, %1 : <f32>, <f32> -> <f32>
    lpu.write %2 to %x[0] : <f32>, <8 x f32>
  }
}

// -----
lpu.program @permute_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x i8>
    %1 = lpu.read %x[0] : <8 x i8>
    // expected-error @+1 {{takes a map of 'i8' from lpu.read, it must be i16 from lpu.read}}
    %2 = lpu.permute %0 by %1 : <i8>, <i8>
    lpu.write %2 to %x[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @shift_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x i8>
    // expected-error @+1 {{is by -20 superlanes, machine tsp1 has 20}}
    %1 = lpu.shift %0 by -20 : <i8>
    lpu.write %1 to %x[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @distribute_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x i8>
    // expected-error @+1 {{names 2 lanes, a superlane of machine tsp1 has 16}}
    %1 = lpu.distribute %0 by [0, 1] : <i8>
    lpu.write %1 to %x[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @distribute_c1_lane machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <8 x i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <8 x i8>
    // expected-error @+1 {{takes lane 16, a superlane of machine tsp1 has 16}}
    %1 = lpu.distribute %0 by [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 16] : <i8>
    lpu.write %1 to %x[0] : <i8>, <8 x i8>
  }
}

// -----
lpu.program @multiply_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <320 x i8>
  %y = lpu.buffer temporary "y" east : <1 x f32>
  %w = lpu.install %x[0] : <320 x i8> -> <i8>
  lpu.cluster {
    %0 = lpu.read %x[0] : <320 x i8>
    // expected-error @+1 {{'i8' by 'i8' to 'f32', a plane multiplies i8 to i32 and f16 to f32}}
    %1 = lpu.multiply %0 by %w : <i8>, <i8> -> <f32>
    lpu.write %1 to %y[0] : <f32>, <1 x f32>
  }
}

// -----
lpu.program @install_c1 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <320 x f32>
  // expected-error @+1 {{is of vectors of 'f32', weights lie in i8}}
  %w = lpu.install %x[0] : <320 x f32> -> <i8>
}

// -----
lpu.program @install_c1_halves machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <320 x i8>
  // expected-error @+1 {{weights of 'f16' come from 1 buffers, must be 2}}
  %w = lpu.install %x[0] : <320 x i8> -> <f16>
}

// -----
lpu.program @install_c1_apart machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <320 x i8>
  %y = lpu.buffer temporary "y" west : <320 x i8>
  // expected-error @+1 {{low bytes are 320 vectors in the east of chip 0, high bytes 320 in the west of chip 0}}
  %w = lpu.install %x and %y[0] : <320 x i8> and !lpu.vectors<320 x i8> -> <f16>
}

// -----
lpu.program @install_c2 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <639 x i8>
  // expected-error @+1 {{takes vectors 320 to 639 of a buffer of 639}}
  %w = lpu.install %x[320] : <639 x i8> -> <i8>
}

// -----
lpu.program @install_c3 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <320 x i8>
  // expected-error @+1 {{takes a map of 320 vectors of 'i8', it must be 1 of i8}}
  %w = lpu.install %x[0] by %x : <320 x i8> by !lpu.vectors<320 x i8> -> <i8>
}

// -----
lpu.program @install_c3_side machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <320 x i8>
  %m = lpu.buffer temporary "m" west : <1 x i8>
  // expected-error @+1 {{takes a map from the west, its buffer is in the east}}
  %w = lpu.install %x[0] by %m : <320 x i8> by !lpu.vectors<1 x i8> -> <i8>
}

// -----
lpu.program @install_c4 machine "tsp1" {
  %x = lpu.buffer temporary "x" east : <140 x i8>
  // expected-error @+1 {{expands codes, machine tsp1 has 0 expanders}}
  %w = lpu.install %x[0] expand : <140 x i8> -> <i8>
}

// -----
lpu.program @install_c4_halves machine "lpu-plus" {
  %x = lpu.buffer temporary "x" east : <320 x i8>
  // expected-error @+1 {{expands weights of f16, must be i8}}
  %w = lpu.install %x and %x[0] expand : <320 x i8> and !lpu.vectors<320 x i8> -> <f16>
}
