// A name counts before the class; gate and up take one input, so they are
// rotated alike, whatever their codes.
// RUN: moe-opt %s --moe-assign-codes=scheme=@u:q8,mlp:q35-vq,@k:none,attention:q8 | FileCheck %s

// CHECK: moe.weight @g {{.*}}q35-vq{{.*}} columns rotated 64 from
// CHECK: moe.weight @u {{.*}}q8{{.*}} columns rotated 64 from
// CHECK: moe.weight @d {{.*}}q35-vq{{.*}} columns rotated 32 from
// CHECK: moe.weight @k : tensor<64x64xf32> from
moe.model @m family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<32x64xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @u : tensor<32x64xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @d : tensor<64x32xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @k : tensor<64x64xf32> from [#moe.random<4, 0.5 : f32>]
  func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
    // CHECK: %[[L:.*]] = moe.quantize %{{.*}} -> tensor<?x64x!moe.quantized<i8 rotated 64>>
    // CHECK: moe.mlp %[[L]] gate @g up @u down @d
    %y = moe.mlp %x gate @g up @u down @d silu : tensor<?x64xf32>
    %k = moe.linear %y by @k : tensor<?x64xf32> -> tensor<?x64xf32>
    %s = moe.add %y, %k : tensor<?x64xf32>
    return %s : tensor<?x64xf32>
  }
}
