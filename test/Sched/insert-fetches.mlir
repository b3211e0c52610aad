// Each moe.experts gets a fetch of its choice, under the number of its decoder
// layer, of which the dense layer 1 is one.

// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches="policy=arc entries=12" | FileCheck %s
// CHECK: sched.cache @experts policy "arc" holds 12{{$}}
// CHECK: %chosen, %weights = moe.route %[[LOGITS:[^ ]+]]
// CHECK-NEXT: %wanted.0 = sched.prefetch %chosen of layer 0 in @experts : tensor<?x2xi32>
// CHECK-NEXT: sched.record %[[LOGITS]], %chosen, %weights of layer 0
// CHECK-NEXT: sched.await %wanted.0
// CHECK-NEXT: moe.experts
// CHECK-NEXT: sched.release %wanted.0
// CHECK-NOT: sched.prefetch
// CHECK: %wanted.2 = sched.prefetch {{.*}} of layer 2
// CHECK: %wanted.3 = sched.prefetch {{.*}} of layer 3
// CHECK-NOT: sched.prefetch

// A budget counts whole pages, of which each of the 24 experts takes one; no
// more entries than experts.

// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches | FileCheck %s --check-prefix=OPEN
// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches=budget=8192 | FileCheck %s --check-prefix=LEAST
// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches=budget=47K | FileCheck %s --check-prefix=KILO
// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches=budget=12.5% | FileCheck %s --check-prefix=SHARE
// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches=budget=100% | FileCheck %s --check-prefix=ALL
// RUN: moe-opt %S/Inputs/layers.mlir --sched-insert-fetches=budget=2G | FileCheck %s --check-prefix=ALL
// OPEN: sched.cache @experts policy "lrfu"{{$}}
// LEAST: holds 2{{$}}
// KILO: holds 11{{$}}
// SHARE: holds 3{{$}}
// ALL: holds 24{{$}}

// What no router chose is fetched, but not recorded, and a name that is taken is
// left to who has it.

// RUN: moe-opt %s --sched-insert-fetches | FileCheck %s --check-prefix=GIVEN
// GIVEN: sched.cache @experts.1
// GIVEN: sched.prefetch %arg2 of layer 0 in @experts.1 : tensor<?x2xi32>
// GIVEN-NEXT: sched.await
moe.model @given family "null" context 4 vocabulary 8 from "." {
  moe.weight @experts : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @down : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %at: tensor<?xi32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>,
               %kv: !moe.kv<1 x 1 x 4 x f32>) -> tensor<?x4xf32> {
    %a = moe.attention %x over %kv layer 0 at %at, %at heads 1 scale 1.0
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %y = moe.experts %a to %ids, %w gate @experts up @experts down @down silu
      : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return %y : tensor<?x4xf32>
  }
}
