// A solver finds the counterexample where sums may leave int32, so the proof of
// a kernel can fail. And a file that cannot be written is an error.
// REQUIRES: z3
// RUN: moe-opt %s --moe-export-proofs -o /dev/null | z3 -in | FileCheck %s
// CHECK: {{^}}q8-65794-columns expects unsat
// CHECK-NEXT: {{^}}sat

// RUN: not moe-opt %s --moe-export-proofs=output=%t.no/such/file -o /dev/null 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: error: {{.*}}no/such/file

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x65794xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  func.func @f(%x: tensor<?x65794x!moe.quantized<i8>>) -> tensor<?x8xf32> {
    %y = moe.linear %x by @w : tensor<?x65794x!moe.quantized<i8>> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
