// RUN: moe-opt --moe-evaluate %s -o /dev/null | FileCheck %s

// However experts are fetched, guessed right or wrong, what they compute is the
// same: see experts.mlir.
// CHECK: f32 2x2: [[VALUES:21.9812118 26.8160893 24.8102638 29.5571634]]
// CHECK-NEXT: f32 2x2: [[VALUES]]

moe.model @fetches family "null" context 4 vocabulary 1 from "." {
  sched.cache @experts policy "lru" holds 2
  moe.weight @g : tensor<3x1x2xf32> from [#moe.values<[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]>]
  moe.weight @u : tensor<3x1x2xf32> from [#moe.values<[1.0, 1.0, 1.0, -1.0, 2.0, 0.0]>]
  moe.weight @d : tensor<3x2x1xf32> from [#moe.values<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]>]

  func.func @main() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
    %x = arith.constant dense<[[1.0, 2.0], [3.0, -1.0]]> : tensor<2x2xf32>
    %logits = arith.constant dense<[[1.0, 0.0, 2.0], [0.0, 2.0, 1.0]]> : tensor<2x3xf32>
    %ids = arith.constant dense<[[2, 0], [1, 2]]> : tensor<2x2xi32>
    %w = arith.constant dense<[[0.75, 0.25], [0.5, 0.5]]> : tensor<2x2xf32>
    sched.record %logits, %ids, %w of layer 0 : tensor<2x3xf32>, tensor<2x2xi32>, tensor<2x2xf32>

    // One guess is dropped, another is joined by what is wanted.
    %next, %sure = sched.predict %logits for layer 0 choosing 2 top 1 by "test" calibrated [1.0, 0.0]
      : tensor<2x3xf32> -> tensor<2x1xi32>, tensor<2x1xf32>
    %dropped = sched.prefetch %next confident %sure above 0.5 of layer 0 in @experts
      : tensor<2x1xi32>, tensor<2x1xf32>
    sched.cancel %dropped
    %guess = sched.prefetch %next confident %sure above 0.5 of layer 0 in @experts
      : tensor<2x1xi32>, tensor<2x1xf32>
    %wanted = sched.prefetch %ids of layer 0 in @experts joining %guess : tensor<2x2xi32>
    %a = sched.launch %wanted : tensor<2x2xf32> {
      %y = moe.experts %x to %ids, %w gate @g up @u down @d silu
        : tensor<2x2xf32>, tensor<2x2xi32>, tensor<2x2xf32>
      sched.yield %y : tensor<2x2xf32>
    }

    %again = sched.prefetch %ids of layer 0 in @experts : tensor<2x2xi32>
    sched.await %again
    %b = moe.experts %x to %ids, %w gate @g up @u down @d silu
      : tensor<2x2xf32>, tensor<2x2xi32>, tensor<2x2xf32>
    sched.release %again
    return %a, %b : tensor<2x2xf32>, tensor<2x2xf32>
  }
}
