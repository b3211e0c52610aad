// Chips that share a layer have heads, features between up and down, and words each;
// what is but a part of a sum goes both ways and is added up on both.
// RUN: moe-opt %s --lpu-lower-model="context=16 chips=2" | FileCheck %s
// RUN: moe-opt %s --lpu-lower-model="context=16 chips=2" --lpu-assign-layout --lpu-schedule --lpu-form-queues --lpu-assemble=output=%t.lpu -o /dev/null
// RUN: moert_lpu_run %t.lpu
// RUN: moe-opt %s --lpu-lower-model="context=16 stages=2 chips=2" | FileCheck %s --check-prefix=STAGES
// One chip for all: its wires end at itself, and there is nothing for the host to read.
// RUN: moe-opt %s --lpu-lower-model="context=16 chips=2 stages=2 mirrored part=layers" | FileCheck %s --check-prefix=MIRROR --implicit-check-not=lpu.interface
// RUN: moe-opt %s --lpu-lower-model="context=16 chips=2 mirrored part=head" | FileCheck %s --check-prefix=HEAD --implicit-check-not=layers.

// CHECK: lpu.program @shared machine "tsp1" chips 2 {{.*}}links [#lpu.link<0 link 8 to 1 link 8>]
// CHECK-DAG: lpu.buffer parameter "layers.0.q" {{(west|east)}} loads [{{.*}} rows <0 to 7, -1 times 312> columns <0 to 15, -1 times 304>
// CHECK-DAG: lpu.buffer parameter "layers.0.q" {{(west|east)}} on 1 loads [{{.*}} rows <8 to 15, -1 times 312> columns
// CHECK-DAG: lpu.buffer parameter "layers.0.down" {{(west|east)}} on 1 loads [{{.*}} columns <16 to 31, -1 times 304>
// CHECK: lpu.transfer "token"
// CHECK: lpu.transfer "position"
// CHECK: lpu.transfer "all-reduce"
// CHECK: lpu.transfer "all-reduce"
// CHECK: lpu.cluster "all-reduce"
// CHECK: lpu.transfer "logits" {{.*}} over 8 : <1 x f32>, <2 x f32>

// STAGES: chips 4 {{.*}}links [#lpu.link<0 link 8 to 1 link 8>, #lpu.link<0 link 15 to 2 link 0>, #lpu.link<1 link 15 to 3 link 0>, #lpu.link<2 link 8 to 3 link 8>]
// STAGES: lpu.transfer "stage" {{.*}} over 15
// STAGES: lpu.transfer "stage" {{.*}} over 15

// MIRROR: links [#lpu.link<0 link 8 to 0 link 8>, #lpu.link<0 link 15 to 0 link 0>]
// MIRROR: lpu.buffer input "x" east
// MIRROR: lpu.transfer "stage"
// HEAD: lpu.buffer input "x" east
// HEAD: lpu.buffer output "logits" east

moe.model @shared family "null" context 16 vocabulary 400 from "." {
  moe.weight @embed : tensor<400x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.rope_table @rope half frequencies [1.0, 0.5] gain 1.0
  moe.weight @n : tensor<16xbf16> from [#moe.random<2, 0.5 : f32>]
  moe.weight @layers.0.q : tensor<16x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.random<3, 0.5 : f32>]
  moe.weight @layers.0.o : tensor<16x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.random<6, 0.5 : f32>]
  moe.weight @layers.0.gate : tensor<32x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.random<7, 0.5 : f32>]
  moe.weight @layers.0.down : tensor<16x32xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.random<9, 0.5 : f32>]
  moe.weight @head : tensor<400x16xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.random<10, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<2 x 4 x 4 x f32>) -> (tensor<?x400xf32>, !moe.kv<2 x 4 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %n0 = moe.norm rms %x by @n epsilon 1.0e-06 groups 1 : tensor<?x16xf32>
    %l0 = moe.quantize %n0 : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %q0 = moe.linear %l0 by @layers.0.q : tensor<?x16x!moe.quantized<i8>> -> tensor<?x16xf32>
    %k0 = moe.linear %l0 by @layers.0.q : tensor<?x16x!moe.quantized<i8>> -> tensor<?x16xf32>
    %kv0 = moe.kv_append %k0, %k0 into %kv layer 0 at %sequences, %positions : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<2 x 4 x 4 x f32>
    %a0 = moe.attention %q0 over %kv0 layer 0 at %sequences, %positions heads 4 scale 0.5 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<2 x 4 x 4 x f32>
    %al0 = moe.quantize %a0 : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %o0 = moe.linear %al0 by @layers.0.o : tensor<?x16x!moe.quantized<i8>> -> tensor<?x16xf32>
    %y0 = moe.add %x, %o0 : tensor<?x16xf32>
    %m0 = moe.norm rms %y0 by @n epsilon 1.0e-06 groups 1 : tensor<?x16xf32>
    %ml0 = moe.quantize %m0 : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %f0 = moe.mlp %ml0 gate @layers.0.gate up @layers.0.gate down @layers.0.down silu : tensor<?x16x!moe.quantized<i8>>
    %x1 = moe.add %y0, %f0 : tensor<?x16xf32>
    %n1 = moe.norm rms %x1 by @n epsilon 1.0e-06 groups 1 : tensor<?x16xf32>
    %l1 = moe.quantize %n1 : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %q1 = moe.linear %l1 by @layers.0.q : tensor<?x16x!moe.quantized<i8>> -> tensor<?x16xf32>
    %kv1 = moe.kv_append %q1, %q1 into %kv0 layer 1 at %sequences, %positions : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<2 x 4 x 4 x f32>
    %a1 = moe.attention %q1 over %kv1 layer 1 at %sequences, %positions heads 4 scale 0.5 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<2 x 4 x 4 x f32>
    %al1 = moe.quantize %a1 : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %o1 = moe.linear %al1 by @layers.0.o : tensor<?x16x!moe.quantized<i8>> -> tensor<?x16xf32>
    %y1 = moe.add %x1, %o1 : tensor<?x16xf32>
    %p = moe.pick %y1 rows %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %pn = moe.norm rms %p by @n epsilon 1.0e-06 groups 1 : tensor<?x16xf32>
    %pl = moe.quantize %pn : tensor<?x16xf32> -> tensor<?x16x!moe.quantized<i8>>
    %logits = moe.linear %pl by @head : tensor<?x16x!moe.quantized<i8>> -> tensor<?x400xf32>
    return %logits, %kv1 : tensor<?x400xf32>, !moe.kv<2 x 4 x 4 x f32>
  }
}
