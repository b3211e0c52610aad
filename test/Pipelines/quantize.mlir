// The passes of phase `quantize`, pinned; without a scheme there are none.
// RUN: moe-opt %s --moe-quantize-pipeline=quantize=experts:q8,head:q4 --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s
// RUN: moe-opt %s --moe-quantize-pipeline --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s --check-prefix=NONE

// CHECK:      builtin.module(
// CHECK-NEXT:   moe.model(
// CHECK-NEXT:     moe-assign-codes{scheme=experts:q8,head:q4},
// CHECK-NEXT:     moe-fold-rotations{minimum-block=64}
// CHECK-NEXT:   )
// CHECK-NEXT: )
// NONE-NOT: moe-

// Running it twice changes nothing more.
// RUN: moe-opt %S/../Tools/moe-compile/Inputs/tiny.mlir --moe-quantize-pipeline=quantize=q4 >%t.once
// RUN: moe-opt %t.once --moe-quantize-pipeline=quantize=q4 >%t.twice
// RUN: cmp %t.once %t.twice
