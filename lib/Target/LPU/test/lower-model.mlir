// RUN: moe-opt %s --lpu-lower-model=context=32 | FileCheck %s

// One layer: a product of levels, attention over 32 positions, and the head. Keys are
// each for the query heads that they serve.

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
// CHECK: lpu.program @m machine "tsp1" positions 32 vocabulary 64 {
// CHECK-DAG: %[[TABLE:.*]] = lpu.buffer parameter "embed" east loads [#lpu.load<"embed" 0 matrix 0 values first 0 rows {{.*}} columns {{.*}}>] : <64 x f32>
// CHECK-DAG: lpu.buffer parameter "q" {{.*}}loads [#lpu.load<"q" {{[0-9]+}} matrix 0 levels {{.*}} : <320 x i8>
// CHECK-DAG: lpu.buffer parameter "q.scales" {{.*}} scales first 0 transposed
// CHECK-DAG: %[[KEYS:.*]] = lpu.buffer state "layers.0.keys" west : <32 x f16>
// CHECK-DAG: %[[COPY:.*]] = lpu.buffer state "layers.0.keys.copy" east : <32 x f16>
// CHECK-DAG: %[[HIDDEN:.*]] = lpu.buffer constant "hidden" {{.*}} : <63 x f32>

// CHECK: lpu.cluster "embed"
// CHECK: lpu.gather %[[TABLE]][0] by
// CHECK: lpu.install "q"
// CHECK: lpu.multiply {{.*}} : <i8>, <i8> -> <i32>
// CHECK: lpu.scatter {{.*}} to %[[KEYS]][0] by
// CHECK: lpu.scatter {{.*}} to %[[COPY]][0] by
// CHECK: lpu.install "attention.0.query"
// CHECK: lpu.cluster "attention.0.scores" repeat 32 every 2
// CHECK: lpu.read %[[KEYS]][0 step 1]
// CHECK: lpu.multiply {{.*}} : <f16>, <f16> -> <f32>
// CHECK: lpu.gather %[[HIDDEN]][0 step 1] by
// CHECK: lpu.cluster "attention.0.powers" repeat 32 every 1
// CHECK: lpu.alu exp2
// CHECK: lpu.interface token {{.*}} heads <0 times 8, -1 times 312> dims <0 to 3, 0 to 3, -1 times 312>
// CHECK-NOT: moe.model
moe.model @m family "null" context 64 vocabulary 64 from "." {
  moe.weight @embed : tensor<64x8xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @q : tensor<8x8xbf16> stored as #q8 from [#moe.random<2, 0.5 : f32>]
  moe.weight @k : tensor<4x8xbf16> stored as #q8 from [#moe.random<3, 0.5 : f32>]
  moe.weight @v : tensor<4x8xbf16> stored as #q8 from [#moe.random<4, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x64xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x8xf32>
    %l = moe.quantize %x : tensor<?x8xf32> -> tensor<?x8x!moe.quantized<i8>>
    %q = moe.linear %l by @q : tensor<?x8x!moe.quantized<i8>> -> tensor<?x8xf32>
    %k = moe.linear %l by @k : tensor<?x8x!moe.quantized<i8>> -> tensor<?x4xf32>
    %v = moe.linear %l by @v : tensor<?x8x!moe.quantized<i8>> -> tensor<?x4xf32>
    %s = moe.kv_append %k, %v into %kv layer 0 at %sequences, %positions : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %a = moe.attention %q over %s layer 0 at %sequences, %positions heads 2 scale 0.5 : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %p = moe.pick %a rows %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %logits = moe.linear %p by @embed : tensor<?x8xf32> -> tensor<?x64xf32>
    return %logits, %s : tensor<?x64xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
