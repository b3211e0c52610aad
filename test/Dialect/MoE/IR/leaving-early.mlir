// RUN: moe-opt %s --verify-roundtrip | FileCheck %s
// RUN: moe-opt %s --mlir-print-op-generic | moe-opt | FileCheck %s
// RUN: moe-opt %s --emit-bytecode | moe-opt | FileCheck %s

// Every operation of rows that leave early, in the form in which it is printed, and
// how values are called.

// CHECK: func.func @propagate(%[[WANTED:.+]]: tensor<?xi32>, %[[SEQUENCES:.+]]: tensor<?xi32>, %[[POSITIONS:.+]]: tensor<?xi32>, %[[X:.+]]: tensor<?x4xf32>, %[[LOGITS:.+]]: tensor<?x8xf32>)
func.func @propagate(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %x: tensor<?x4xf32>, %logits: tensor<?x8xf32>) {
  // CHECK: %running, %due, %asking = moe.enter %[[WANTED]] at %[[SEQUENCES]], %[[POSITIONS]]{{$}}
  %0:3 = moe.enter %wanted at %sequences, %positions
  // CHECK: %zeros = moe.zeros like %[[WANTED]] : tensor<?xi32> -> tensor<?x8xf32>
  %1 = moe.zeros like %wanted : tensor<?xi32> -> tensor<?x8xf32>
  // CHECK: %placed = moe.place %[[LOGITS]] rows %asking into %zeros : tensor<?x8xf32>, tensor<?xi32>, tensor<?x8xf32>
  %2 = moe.place %logits rows %0#2 into %1 : tensor<?x8xf32>, tensor<?xi32>, tensor<?x8xf32>
  // CHECK: %top1 = moe.confidence top1 %[[LOGITS]] : tensor<?x8xf32> -> tensor<?x1xf32>
  %3 = moe.confidence top1 %logits : tensor<?x8xf32> -> tensor<?x1xf32>
  // CHECK: %margin = moe.confidence margin %[[LOGITS]] : tensor<?x8xf32> -> tensor<?x1xf32>
  %4 = moe.confidence margin %logits : tensor<?x8xf32> -> tensor<?x1xf32>
  // CHECK: %entropy = moe.confidence entropy %[[LOGITS]] : tensor<?x8xf32> -> tensor<?x1xf32>
  %5 = moe.confidence entropy %logits : tensor<?x8xf32> -> tensor<?x1xf32>
  // CHECK: %similarity = moe.similarity %[[X]], %[[X]] : tensor<?x4xf32> -> tensor<?x1xf32>
  %6 = moe.similarity %x, %x : tensor<?x4xf32> -> tensor<?x1xf32>
  // CHECK: %best = moe.best %[[LOGITS]] : tensor<?x8xf32> -> tensor<?xi32>
  %7 = moe.best %logits : tensor<?x8xf32> -> tensor<?xi32>
  // CHECK: %streak = moe.streak %best : tensor<?xi32> -> tensor<?x1xf32>
  %8 = moe.streak %7 : tensor<?xi32> -> tensor<?x1xf32>
  // CHECK: %likelihood = moe.logistic %top1, %margin by [2.5, -1.0e-30] bias -1.5 : tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>
  %9 = moe.logistic %3, %4 by [2.5, -1.0e-30] bias -1.5 : tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>
  // CHECK: %running.2, %gone.2, %due.2, %kept.2, %leaving.2 = moe.exit %likelihood by "learned" above 0.9 after 2 taken 0.25 asking %asking running %running due %due of %[[WANTED]] at %[[SEQUENCES]], %[[POSITIONS]] watched %entropy, %similarity : tensor<?x1xf32>, tensor<?x1xf32> : tensor<?x1xf32>
  %10:5 = moe.exit %9 by "learned" above 0.9 after 2 taken 0.25 asking %0#2 running %0#0 due %0#1 of %wanted at %sequences, %positions watched %5, %6 : tensor<?x1xf32>, tensor<?x1xf32> : tensor<?x1xf32>
  // CHECK: %{{.+}} = moe.pick %asking rows %kept.2 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
  %11 = moe.pick %0#2 rows %10#3 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
  // CHECK: moe.streak %best after %best, %streak : tensor<?xi32>, tensor<?xi32>, tensor<?x1xf32> -> tensor<?x1xf32>
  %12 = moe.streak %7 after %7, %8 : tensor<?xi32>, tensor<?xi32>, tensor<?x1xf32> -> tensor<?x1xf32>
  // CHECK: %running.4, {{.*}} = moe.exit %{{.+}} by "patience" above inf after 4 asking %{{.+}} running %running.2 due %due.2 of %[[WANTED]] at %[[SEQUENCES]], %[[POSITIONS]] : tensor<?x1xf32>
  %13:5 = moe.exit %12 by "patience" above 0x7FF0000000000000 after 4 asking %11 running %10#0 due %10#2 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// CHECK: func.func @recompute(%[[WANTED:.+]]: tensor<?xi32>, %[[SEQUENCES:.+]]: tensor<?xi32>, %[[POSITIONS:.+]]: tensor<?xi32>, %[[X:.+]]: tensor<?x4xf32>, %[[SURE:.+]]: tensor<?x1xf32>, %[[KV:.+]]: !moe.kv
func.func @recompute(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %x: tensor<?x4xf32>, %sure: tensor<?x1xf32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // CHECK: %running, %due, %asking = moe.enter %[[WANTED]] at %[[SEQUENCES]], %[[POSITIONS]] from %[[KV]] : !moe.kv<6 x 2 x 4 x f32>
  %0:3 = moe.enter %wanted at %sequences, %positions from %kv : !moe.kv<6 x 2 x 4 x f32>
  // CHECK: %resumed = moe.resume %[[X]] at %[[SEQUENCES]], %[[POSITIONS]] from %[[KV]] : tensor<?x4xf32>, !moe.kv<6 x 2 x 4 x f32>
  %1 = moe.resume %x at %sequences, %positions from %kv : tensor<?x4xf32>, !moe.kv<6 x 2 x 4 x f32>
  // CHECK: %running.1, %gone.1, %due.1, %kept.1, %leaving.1 = moe.exit %[[SURE]] by "top1" above 0.5 after 1 asking %asking running %running due %due of %[[WANTED]] at %[[SEQUENCES]], %[[POSITIONS]] from %[[KV]] : !moe.kv<6 x 2 x 4 x f32> : tensor<?x1xf32>
  %2:5 = moe.exit %sure by "top1" above 0.5 after 1 asking %0#2 running %0#0 due %0#1 of %wanted at %sequences, %positions from %kv : !moe.kv<6 x 2 x 4 x f32> : tensor<?x1xf32>
  // CHECK: %kv.parked = moe.park %resumed rows %gone.1 into %[[KV]] at %[[SEQUENCES]], %[[POSITIONS]] : tensor<?x4xf32>, !moe.kv<6 x 2 x 4 x f32>
  %3 = moe.park %1 rows %2#1 into %kv at %sequences, %positions : tensor<?x4xf32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// CHECK: moe.model @shortlist
moe.model @shortlist family "null" context 16 vocabulary 8 from "." {
  moe.weight @slack : tensor<5x2xf32> from [#moe.splat<0.5 : f32>]
  // CHECK: func.func @f(%[[INSIDE:.+]]: tensor<?x3xf32>, %[[OUTSIDE:.+]]: tensor<?x5xf32>, %[[X:.+]]: tensor<?x4xf32>, %[[Y:.+]]: tensor<?x4xf32>)
  func.func @f(%inside: tensor<?x3xf32>, %outside: tensor<?x5xf32>, %x: tensor<?x4xf32>, %y: tensor<?x4xf32>) {
    // CHECK: %surplus = moe.surplus %[[INSIDE]] over %[[OUTSIDE]] within @slack of %[[X]] near %[[Y]] : tensor<?x3xf32>, tensor<?x5xf32>, tensor<?x4xf32> -> tensor<?x1xf32>
    %0 = moe.surplus %inside over %outside within @slack of %x near %y : tensor<?x3xf32>, tensor<?x5xf32>, tensor<?x4xf32> -> tensor<?x1xf32>
    // CHECK: %certain, %unsure = moe.certain %surplus : tensor<?x1xf32>
    %1:2 = moe.certain %0 : tensor<?x1xf32>
    // CHECK: %spread = moe.spread %[[INSIDE]] to [0, 3, 7] : tensor<?x3xf32> -> tensor<?x8xf32>
    %2 = moe.spread %inside to [0, 3, 7] : tensor<?x3xf32> -> tensor<?x8xf32>
    return
  }
}

// Static and dynamic numbers of rows mix.
// CHECK: func.func @rows
func.func @rows(%x: tensor<3x8xf32>, %i: tensor<3xi32>, %rows: tensor<2xi32>, %s: tensor<3x1xf32>) {
  // CHECK: moe.zeros like %{{.+}} : tensor<3xi32> -> tensor<?x8xf32>
  %0 = moe.zeros like %i : tensor<3xi32> -> tensor<?x8xf32>
  // CHECK: moe.place %{{.+}} rows %{{.+}} into %{{.+}} : tensor<?x8xf32>, tensor<2xi32>, tensor<3x8xf32>
  %1 = moe.place %0 rows %rows into %x : tensor<?x8xf32>, tensor<2xi32>, tensor<3x8xf32>
  // CHECK: moe.pick %{{.+}} rows %{{.+}} : tensor<3xi32>, tensor<2xi32> -> tensor<?xi32>
  %2 = moe.pick %i rows %rows : tensor<3xi32>, tensor<2xi32> -> tensor<?xi32>
  // CHECK: moe.confidence entropy %{{.+}} : tensor<?x8xf32> -> tensor<3x1xf32>
  %3 = moe.confidence entropy %0 : tensor<?x8xf32> -> tensor<3x1xf32>
  // CHECK: moe.logistic %{{.+}} by [1.0] bias 0.0 : tensor<3x1xf32> -> tensor<?x1xf32>
  %4 = moe.logistic %3 by [1.0] bias 0.0 : tensor<3x1xf32> -> tensor<?x1xf32>
  return
}
