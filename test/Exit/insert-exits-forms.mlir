// RUN: moe-opt %s --moe-insert-exits -split-input-file | FileCheck %s

// A norm in front of the pick is the head's.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<2 x 1 x 4 x f32>
// CHECK-LABEL: moe.model @normed
// CHECK: %[[X1:.+]] = moe.add %x, %attention.0
// CHECK-NEXT: %[[ROWS1:.+]] = moe.pick %arg3 rows %asking
// CHECK-NEXT: %[[C1:.+]] = moe.pick %[[X1]] rows %[[ROWS1]]
// CHECK-NEXT: %[[N1:.+]] = moe.norm rms %[[C1]] by @norm
// CHECK-NEXT: moe.linear %[[N1]] by @embed
// CHECK: %[[X2:.+]] = moe.add {{.*}}, %attention.1
// CHECK-NEXT: %[[ALL:.+]] = moe.place %[[X2]] rows %running.1 into %[[X1]]
// CHECK-NEXT: %[[ROWS2:.+]] = moe.pick %arg3 rows %due.1
// CHECK-NEXT: %[[C2:.+]] = moe.pick %[[ALL]] rows %[[ROWS2]]
// CHECK-NEXT: moe.norm rms %[[C2]] by @norm
// CHECK-NEXT: moe.linear
// CHECK-NEXT: moe.place
// CHECK-NEXT: return
moe.model @normed family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @norm : tensor<4xf32> from [#moe.random<2, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x1 = moe.add %x0, %a0 : !rows
    %kv1 = moe.kv_append %x1, %x1 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %x1 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x2 = moe.add %x1, %a1 : !rows
    %n = moe.norm rms %x2 by @norm epsilon 1.0e-05 groups 1 : !rows
    %last = moe.pick %n rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !kv
  }
}

// -----

// If every layer ends with a norm, so does the last.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<2 x 1 x 4 x f32>
// CHECK-LABEL: moe.model @behind
// CHECK: %[[X1:.+]] = moe.norm rms %{{.+}} by @norm
// CHECK-NEXT: moe.pick %arg3 rows %asking
// CHECK-NEXT: %[[C1:.+]] = moe.pick %[[X1]]
// CHECK-NEXT: moe.linear %[[C1]] by @embed
// CHECK: %[[X2:.+]] = moe.norm rms %{{.+}} by @norm
// CHECK-NEXT: moe.place %[[X2]] rows %running.1 into %[[X1]]
// CHECK-NOT: moe.norm
moe.model @behind family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  moe.weight @norm : tensor<4xf32> from [#moe.random<2, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %s0 = moe.add %x0, %a0 : !rows
    %x1 = moe.norm rms %s0 by @norm epsilon 1.0e-05 groups 1 : !rows
    %kv1 = moe.kv_append %x1, %x1 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %x1 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %s1 = moe.add %x1, %a1 : !rows
    %x2 = moe.norm rms %s1 by @norm epsilon 1.0e-05 groups 1 : !rows
    %last = moe.pick %x2 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !kv
  }
}

// -----

// Layers that look at tokens again get those of the rows that run, and keys those
// of the rows that are gone.
!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<2 x 1 x 4 x f32>
// CHECK-LABEL: moe.model @again
// CHECK: moe.exit
// CHECK: %[[T:.+]] = moe.pick %arg0 rows %running.1
// CHECK: %[[XG:.+]] = moe.pick %{{.+}} rows %gone.1 : tensor<?x4xf32>
// CHECK: moe.embed %[[T]] by @embed
// CHECK: %[[TG:.+]] = moe.pick %arg0 rows %gone.1
// CHECK-NEXT: %[[EG:.+]] = moe.embed %[[TG]] by @embed
// CHECK-NEXT: %[[KG:.+]] = moe.add %[[XG]], %[[EG]]
// CHECK-NEXT: moe.kv_append %[[KG]], %[[XG]]
moe.model @again family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x1 = moe.add %x0, %a0 : !rows
    %e1 = moe.embed %tokens by @embed : !tokens -> !rows
    %k1 = moe.add %x1, %e1 : !rows
    %kv1 = moe.kv_append %k1, %x1 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %x1 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x2 = moe.add %x1, %a1 : !rows
    %last = moe.pick %x2 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv1 : tensor<?x8xf32>, !kv
  }
}
