// The passes of phase `model`, pinned: a pass that comes twice or goes missing
// changes this text.
// RUN: moe-opt %s --moe-model-pipeline --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s

// CHECK:      builtin.module(
// CHECK-NEXT:   moe.model(
// CHECK-NEXT:     canonicalize{{{.*}}},
// CHECK-NEXT:     cse,
// CHECK-NEXT:     moe-drop-unused-weights
// CHECK-NEXT:   )
// CHECK-NEXT: )

// Running it twice changes nothing more.
// RUN: moe-opt %S/../Tools/moe-compile/Inputs/tiny.mlir --moe-model-pipeline >%t.once
// RUN: moe-opt %t.once --moe-model-pipeline >%t.twice
// RUN: cmp %t.once %t.twice
