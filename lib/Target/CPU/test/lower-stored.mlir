// RUN: moe-opt %s --moe-cpu-lower-model=features=avx512bw,avx512vnni,avx512vbmi | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: moe-opt %s --moe-cpu-lower-model | FileCheck %s --check-prefixes=CHECK,AVX2

// Two maps of the same rows are one kernel, and share the functions of their code
// and row length. What few rows use decodes in registers; what many use goes
// through a panel.
#q4 = #moe.code<"q4", planes, bits = 4, columns = 128, zeros = true>
moe.model @m family "null" context 8 vocabulary 16 from "." {
  moe.weight @embed : tensor<16x128xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @a : tensor<128x128xf32> stored as #q4 columns rotated 128 from [#moe.splat<1.0 : f32>]
  moe.weight @b : tensor<64x128xf32> stored as #q4 columns rotated 128 from [#moe.splat<1.0 : f32>]
  moe.weight @head : tensor<16x64xf32> from [#moe.splat<1.0 : f32>]
  // CHECK: memref.global "private" constant @signs_128
  // CHECK-LABEL: func.func @moert_forward_v1
  // CHECK: call @quantize_128_
  // CHECK: call @linear_q4_128x128_q4_64x128_
  // CHECK: func.func private @panel_q4_128
  // CHECK: func.func private @few_4_q4_128
  // WIDE: vpdpbusd
  // AVX2-NOT: vpdpbusd
  // AVX2: pmadd.wd
  // CHECK-NOT: func.func private @few_4_q4_128
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x128xf32>
    %l = moe.quantize %x : tensor<?x128xf32> -> tensor<?x128x!moe.quantized<i8 rotated 128>>
    %a = moe.linear %l by @a : tensor<?x128x!moe.quantized<i8 rotated 128>> -> tensor<?x128xf32>
    %b = moe.linear %l by @b : tensor<?x128x!moe.quantized<i8 rotated 128>> -> tensor<?x64xf32>
    %p = moe.pick %b rows %wanted : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
    %logits = moe.linear %p by @head : tensor<?x64xf32> -> tensor<?x16xf32>
    return %logits, %kv : tensor<?x16xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
