// Weights that are no code go to the LPU as halves, which do not hold any number.
// RUN: moe-compile %s --target=lpu -o %t.moe
// RUN: not moe-run %t.moe --tokens 1 -n 1 2>&1 | FileCheck %s
// CHECK: error: {{.*}}.moe: {{.*}}head{{.*}} loads 76800, f16 holds -65504 to 65504
moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @head : tensor<8x4xbf16> from [#moe.splat<300.0 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %s = moe.kv_append %x, %x into %kv layer 0 at %sequences, %positions : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %a = moe.attention %x over %s layer 0 at %sequences, %positions heads 1 scale 0.5 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %h = moe.pick %a rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %l = moe.linear %h by @head : tensor<?x4xf32> -> tensor<?x8xf32>
    return %l, %s : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
