// A backend makes no kernel whose sums may leave int32: one line, no file.
// RUN: rm -f %t.moe
// RUN: not moe-compile %s -o %t.moe 2>&1 | FileCheck %s
// RUN: not test -e %t.moe
// CHECK: error: {{.*}}sums 65794 products with @head to up to 2147516160 when int32 holds at most 2147483647
// CHECK-NOT: {{.}}

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x65794xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @head : tensor<8x65794xbf16> stored as #q8 from [#moe.random<2, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>,
      %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 2 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 2 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x65794xf32>
    %picked = moe.pick %x rows %wanted : tensor<?x65794xf32>, tensor<?xi32> -> tensor<?x65794xf32>
    %levels = moe.quantize %picked : tensor<?x65794xf32> -> tensor<?x65794x!moe.quantized<i8>>
    %logits = moe.linear %levels by @head : tensor<?x65794x!moe.quantized<i8>> -> tensor<?x8xf32>
    return %logits, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 2 x f32>
  }
}
