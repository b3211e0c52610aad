// RUN: moe-opt %s --canonicalize --cse | FileCheck %s

moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"

  // Layer 4, of which guesses are.
  func.func @layer(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x4xf32> {
    %t = sched.prefetch %ids of layer 4 in @experts : tensor<?x2xi32>
    %y = sched.launch %t : tensor<?x4xf32> {
      %r = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %r : tensor<?x4xf32>
    }
    return %y : tensor<?x4xf32>
  }

  // A guess that is dropped at once was never made, and nobody needs its scores.
  // CHECK-LABEL: func.func @dropped
  // CHECK-NEXT: return
  func.func @dropped(%logits: tensor<?x8xf32>) {
    %next, %sure = sched.predict %logits for layer 4 choosing 2 top 1 by "pattern" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %guess = sched.prefetch %next confident %sure above 0.5 of layer 4 in @experts : tensor<?x1xi32>, tensor<?x1xf32>
    sched.cancel %guess
    return
  }

  // One that had time to begin may have brought something. Joining a guess ends
  // it, so that fetch stays too.
  // CHECK-LABEL: func.func @begun
  // CHECK: sched.prefetch
  // CHECK: sched.record
  // CHECK: sched.cancel
  // CHECK: %[[GUESS:.+]] = sched.prefetch
  // CHECK: %[[WANTED:.+]] = sched.prefetch {{.*}} joining %[[GUESS]]
  // CHECK: sched.cancel %[[WANTED]]
  func.func @begun(%logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %a = sched.prefetch %ids confident %w above 0.5 of layer 4 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    sched.record %logits, %ids, %w of layer 3 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %a
    %b = sched.prefetch %ids confident %w above 0.5 of layer 4 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    %c = sched.prefetch %ids of layer 4 in @experts joining %b : tensor<?x2xi32>
    sched.cancel %c
    return
  }

  // Dropped only if no row goes on, and at once in any case: never made. Not so
  // where something lies between, or where rows may keep it.
  // CHECK-LABEL: func.func @unless
  // CHECK-SAME: %[[ROWS:[^:]+]]: tensor<?xi32>)
  // CHECK-NEXT: %[[A:.+]] = sched.prefetch
  // CHECK-NEXT: %[[LEFT:.+]] = sched.cancel %[[A]] unless %[[ROWS]]
  // CHECK-NEXT: sched.record
  // CHECK-NEXT: sched.cancel %[[LEFT]]{{$}}
  // CHECK-NEXT: %[[B:.+]] = sched.prefetch
  // CHECK-NEXT: %[[KEPT:.+]] = sched.cancel %[[B]] unless %[[ROWS]]
  // CHECK-NEXT: %[[TWICE:.+]] = sched.cancel %[[KEPT]] unless %[[ROWS]]
  // CHECK-NEXT: %[[WANTED:.+]] = sched.prefetch {{.*}} joining %[[TWICE]]
  // CHECK-NEXT: sched.await %[[WANTED]]
  // CHECK-NEXT: sched.release %[[WANTED]]
  // CHECK-NEXT: return
  func.func @unless(%logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    %never = sched.prefetch %ids confident %w above 0.5 of layer 4 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    %never_left = sched.cancel %never unless %rows : !sched.token
    sched.cancel %never_left
    %a = sched.prefetch %ids confident %w above 0.5 of layer 4 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    %left = sched.cancel %a unless %rows : !sched.token
    sched.record %logits, %ids, %w of layer 3 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %left
    %b = sched.prefetch %ids confident %w above 0.5 of layer 4 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    %kept = sched.cancel %b unless %rows : !sched.token
    %twice = sched.cancel %kept unless %rows : !sched.token
    %c = sched.prefetch %ids of layer 4 in @experts joining %twice : tensor<?x2xi32>
    sched.await %c
    sched.release %c
    return
  }

  // Equal predictions are one, equal fetches are two: between them, what came
  // may have left.
  // CHECK-LABEL: func.func @twice
  // CHECK: sched.predict
  // CHECK-NOT: sched.predict
  // CHECK-COUNT-2: sched.prefetch
  // CHECK-NOT: sched.prefetch
  // CHECK: return
  func.func @twice(%logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %next, %sure = sched.predict %logits for layer 4 choosing 2 top 1 by "pattern" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %same, %same_sure = sched.predict %logits for layer 4 choosing 2 top 1 by "pattern" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %a = sched.prefetch %next confident %sure above 0.5 of layer 4 in @experts : tensor<?x1xi32>, tensor<?x1xf32>
    %b = sched.prefetch %same confident %same_sure above 0.5 of layer 4 in @experts : tensor<?x1xi32>, tensor<?x1xf32>
    sched.record %logits, %ids, %w of layer 3 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %a
    sched.cancel %b
    return
  }
}
