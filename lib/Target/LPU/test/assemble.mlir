// RUN: moe-opt %s --lpu-form-queues --lpu-assemble=output=%t.lpu > %t.mlir
// RUN: echo "module {}" | moe-opt --lpu-disassemble=input=%t.lpu > %t.back.mlir
// RUN: FileCheck %s < %t.back.mlir
// RUN: moe-opt %t.back.mlir --lpu-assemble=output=%t.again.lpu -o /dev/null
// RUN: cmp %t.lpu %t.again.lpu
// RUN: moe-opt %t.mlir --lpu-assemble=output=%t.third.lpu -o /dev/null
// RUN: cmp %t.lpu %t.third.lpu

// All that a file says comes back from it; names of the program, of loads and of issues
// are for people, and stay behind.

// CHECK: lpu.program @program machine "tsp1" chips 2 positions 4 vocabulary 300 links [#lpu.link<0 link 3 to 1 link 0>] {
lpu.program @step machine "tsp1" chips 2 positions 4 vocabulary 300 links [#lpu.link<0 link 3 to 1 link 0>] {
  // CHECK-NEXT: %x = lpu.buffer temporary "x" east on 1 at <east, slices = [0, 1, 2, 3], row = 9, step = 2> : <8 x f32>
  %x = lpu.buffer temporary "x" east on 1 at <east, slices = [0, 1, 2, 3], row = 9, step = 2> : <8 x f32>
  // CHECK-NEXT: input "token"
  %t = lpu.buffer input "token" east at <east, slices = [4, 5, 6, 7], row = 0, step = 1> : <1 x i32>
  // CHECK-NEXT: input "position"
  %p = lpu.buffer input "position" east at <east, slices = [4, 5, 6, 7], row = 1, step = 1> : <1 x i32>
  // CHECK-NEXT: output "logits"
  %l = lpu.buffer output "logits" east at <east, slices = [4, 5, 6, 7], row = 2, step = 1> : <1 x f32>
  // CHECK-NEXT: output "next"
  %n = lpu.buffer output "next" east at <east, slices = [4, 5, 6, 7], row = 3, step = 1> : <1 x i32>
  // CHECK-NEXT: values dense<[1.500000e+00, -2.500000e+00]> : tensor<2xf32>
  %c = lpu.buffer constant "c" west values dense<[1.5, -2.5]> : tensor<2xf32> at <west, slices = [4, 5, 6, 7], row = 2, step = 1> : <2 x f32>
  // CHECK-NEXT: values dense<-7> : tensor<1x320xi16>
  %d = lpu.buffer constant "d" west values dense<-7> : tensor<1x320xi16> at <west, slices = [4, 5], row = 4, step = 1> : <1 x i16>
  // CHECK-NEXT: values dense<16909060> : tensor<2xi32>
  %e = lpu.buffer constant "e" west values dense<0x01020304> : tensor<2xi32> at <west, slices = [8, 9, 10, 11], row = 4, step = 1> : <2 x vector<4xi8>>
  // CHECK-NEXT: values dense<[1.500000e+00, 0x7E00]> : tensor<2xf16>
  %f = lpu.buffer constant "f" west values dense<[1.5, 0x7e00]> : tensor<2xf16> at <west, slices = [16, 17, 18, 19], row = 4, step = 1> : <2 x f16>
  // CHECK-NEXT: loads [#lpu.load<"" 5 matrix 2 levels first 1 transposed rows <0 to 30> columns <0 to 255, -1 times 64>>, #lpu.load<"" 6 matrix 0 half_low first 0 rows <7> columns <0 to 319> factors array<f32: {{.*}}>>]
  %w = lpu.buffer parameter "w" west loads [#lpu.load<"layers.0.q" 5 matrix 2 levels first 1 transposed rows <0 to 30> columns <0 to 255, -1 times 64>>,
    #lpu.load<"r" 6 matrix 0 half_low first 0 rows <7> columns <0 to 319> factors array<f32: 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5>>] at <west, slices = [12], row = 4, step = 1> : <32 x i8>
  // CHECK-NEXT: state "keys"
  %k = lpu.buffer state "keys" west at <west, slices = [12, 13], row = 100, step = 1> : <4 x f16>
  // CHECK-NEXT: state "values"
  %v = lpu.buffer state "values" west at <west, slices = [12, 13, 14, 15], row = 200, step = 1> : <4 x f32>
  // CHECK-NEXT: text "program"
  %i = lpu.buffer text "program" west values dense<0> : tensor<2xi8> at <west, slices = [43], row = 0, step = 1> : <2 x i8>
  // CHECK-NEXT: lpu.interface token %token position %position logits %logits next %next keys %keys, %keys and %keys, %keys values %values, %values again %keys, %keys heads <0 times 320> dims <0 to 319>
  lpu.interface token %t position %p logits %l next %n keys %k, %k and %k, %k values %v, %v again %k, %k heads <0 times 320> dims <0 to 319>
    : <1 x i32>, <1 x i32>, <1 x f32>, !lpu.vectors<1 x i32>
      keys !lpu.vectors<4 x f16>, !lpu.vectors<4 x f16> and !lpu.vectors<4 x f16>, !lpu.vectors<4 x f16> values !lpu.vectors<4 x f32>, !lpu.vectors<4 x f32>
      again !lpu.vectors<4 x f16>, !lpu.vectors<4 x f16>
  // CHECK-NEXT: lpu.segment "step" cycles 70000 {
  lpu.segment "step" cycles 70000 {
    // CHECK-NEXT: lpu.queue mem.e12.read {
    // CHECK-NEXT: lpu.text nop 65535
    // CHECK-NEXT: lpu.text nop 5
    // CHECK-NEXT: lpu.text read row 17 -> s4.w claim 0x1234abcd uses 1
    // CHECK-NEXT: lpu.text repeat 19 every 1 step 1 claim 0x99aa0011 uses 1
    lpu.issue 65540 mem.e12.read read row 17 -> s4.w repeat 20 every 1 step 1 claim 0x1234abcd, 0x99aa0011 uses 1 of "layers.0.q"
    // CHECK: lpu.queue sxm.w0.shift on 1 {
    // CHECK-NEXT: lpu.text nop 1195
    // CHECK-NEXT: lpu.text shift f32 to f32 s4.w -> s8.e imm -3 claim 0xffffffff uses 65535
    lpu.issue 1195 sxm.w0.shift on 1 shift f32 to f32 s4.w -> s8.e imm -3 claim 0xffffffff uses 65535
  }
  // CHECK: lpu.segment "exit" cycles 20 outputs 4294967295 score %logits : !lpu.vectors<1 x f32> {
  // CHECK-NEXT: lpu.queue mem.e0.read resident 1 {
  lpu.segment "exit" cycles 20 outputs 4294967295 score %l : !lpu.vectors<1 x f32> {
    lpu.queue mem.e0.read resident 1 {
      lpu.text ifetch s3.w
      lpu.text nop 7
    }
  }
}
