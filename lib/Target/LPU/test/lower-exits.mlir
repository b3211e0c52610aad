// RUN: moe-opt %s --lpu-lower-model=context=16 | FileCheck %s
// RUN: moe-opt %s --lpu-lower-model=context=16 --lpu-assign-layout --lpu-schedule | FileCheck %s --check-prefix=SCHEDULE

// Up to the exit, then the head and the score of who asks, what a token needs that
// left (nothing here), and what is behind the exit for those that go on.

// CHECK: %[[SCORE:.*]] = lpu.buffer output "score.0"
// CHECK: %[[LOGITS:.*]] = lpu.buffer output "logits"
// CHECK: lpu.cluster "embed"
// CHECK: lpu.boundary "layers 0"
// CHECK: lpu.install "head"
// CHECK: lpu.cluster "confidence"
// CHECK: lpu.write {{.*}} to %[[SCORE]][0]
// CHECK: lpu.write {{.*}} to %[[LOGITS]][0]
// CHECK: lpu.boundary "ask 0" score %[[SCORE]]
// CHECK-NEXT: lpu.boundary "left 0"
// CHECK: lpu.cluster "add"
// CHECK: lpu.install "head"
// CHECK: lpu.write {{.*}} to %[[LOGITS]][0]
// CHECK: lpu.interface

// SCHEDULE-NOT: lpu.boundary
// SCHEDULE: lpu.segment "layers 0" cycles {{[0-9]+}} outputs
// SCHEDULE: lpu.segment "ask 0" cycles {{[0-9]+}} outputs {{[0-9]+}} score
// SCHEDULE: lpu.segment "left 0"
// SCHEDULE: lpu.segment "step"
moe.model @m family "null" context 16 vocabulary 64 from "." {
  moe.weight @embed : tensor<64x16xbf16> from [#moe.random<1, 0.5 : f32>]
  moe.weight @head : tensor<64x16xbf16> from [#moe.random<2, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x64xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x16xf32>
    %zeros = moe.zeros like %wanted : tensor<?xi32> -> tensor<?x64xf32>
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions
    %who = moe.pick %wanted rows %asking : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %h = moe.pick %x rows %who : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %l = moe.linear %h by @head : tensor<?x16xf32> -> tensor<?x64xf32>
    %s = moe.confidence top1 %l : tensor<?x64xf32> -> tensor<?x1xf32>
    %on, %gone, %still, %kept, %leaving = moe.exit %s by "top1" above 0.9 after 1 asking %asking running %running due %due of %wanted at %sequences, %positions : tensor<?x1xf32>
    %p = moe.place %l rows %asking into %zeros : tensor<?x64xf32>, tensor<?xi32>, tensor<?x64xf32>
    %y = moe.pick %x rows %on : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %z = moe.add %y, %y : tensor<?x16xf32>
    %last = moe.pick %wanted rows %still : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %w = moe.pick %z rows %last : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    %m = moe.linear %w by @head : tensor<?x16xf32> -> tensor<?x64xf32>
    %all = moe.place %m rows %still into %p : tensor<?x64xf32>, tensor<?xi32>, tensor<?x64xf32>
    return %all, %kv : tensor<?x64xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
