// The value projection rotates what the output projection would have rotated.
// RUN: moe-opt %s --moe-fold-rotations | FileCheck %s
// It is folded once.
// RUN: moe-opt %s --moe-fold-rotations --moe-fold-rotations | FileCheck %s
// A pipeline folds what it assigns.
// RUN: moe-opt %s --moe-quantize-pipeline=quantize=attention:q8 | FileCheck %s
// Small heads keep their large blocks.
// RUN: moe-opt %s --moe-fold-rotations=minimum-block=128 | FileCheck %s --check-prefix=SMALL
// SMALL-NOT: rows rotated
// SMALL-NOT: arrived
// SMALL: return

// The same numbers come out, but for roundings.
// RUN: moe-opt %s -o /dev/null --moe-evaluate >%t.plain
// RUN: moe-opt %s --moe-fold-rotations -o %t.mlir
// RUN: moe-opt %t.mlir -o /dev/null --moe-evaluate >%t.folded
// RUN: %python %S/Inputs/near.py 0.03 %t.plain %t.folded

#code = #moe.code<"q8", planes, bits = 8, offset = 128>

moe.model @m family "null" context 4 vocabulary 4 from "." {
  moe.weight @embed : tensor<4x128xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @q : tensor<128x128xf32> from [#moe.random<2, 0.1 : f32>]
  // CHECK: moe.weight @v : {{.*}}columns rotated 128 rows rotated 64 from
  moe.weight @v : tensor<128x128xf32> stored as #code columns rotated 128 from [#moe.random<3, 0.1 : f32>]
  // CHECK: moe.weight @o : {{.*}}columns rotated 64 from
  moe.weight @o : tensor<128x128xf32> stored as #code columns rotated 128 from [#moe.random<4, 0.1 : f32>]
  func.func @main(%kv: !moe.kv<1 x 2 x 64 x f32>) -> tensor<3x128xf32> {
    %tokens = arith.constant dense<[2, 0, 3]> : tensor<3xi32>
    %sequences = arith.constant dense<0> : tensor<3xi32>
    %positions = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
    %x = moe.embed %tokens by @embed : tensor<3xi32> -> tensor<3x128xf32>
    %xl = moe.quantize %x : tensor<3x128xf32> -> tensor<3x128x!moe.quantized<i8 rotated 128>>
    %q = moe.linear %x by @q : tensor<3x128xf32> -> tensor<3x128xf32>
    %v = moe.linear %xl by @v : tensor<3x128x!moe.quantized<i8 rotated 128>> -> tensor<3x128xf32>
    %kv1 = moe.kv_append %q, %v into %kv layer 0 at %sequences, %positions : tensor<3x128xf32>, tensor<3xi32>, !moe.kv<1 x 2 x 64 x f32>
    // CHECK: %[[A:.*]] = moe.attention
    // CHECK: %[[L:.*]] = moe.quantize %[[A]] arrived rotated : {{.*}}!moe.quantized<i8 rotated 64>>
    // CHECK: moe.linear %[[L]] by @o
    %a = moe.attention %q over %kv1 layer 0 at %sequences, %positions heads 2 scale 0.125 : tensor<3x128xf32>, tensor<3xi32>, !moe.kv<1 x 2 x 64 x f32>
    %al = moe.quantize %a : tensor<3x128xf32> -> tensor<3x128x!moe.quantized<i8 rotated 128>>
    %o = moe.linear %al by @o : tensor<3x128x!moe.quantized<i8 rotated 128>> -> tensor<3x128xf32>
    return %o : tensor<3x128xf32>
  }
}
