// What integer arithmetic relies on, as a script that z3 decides. A statement's
// assumptions must be met by something ("assumes sat"); it "expects unsat" if no
// counterexample may exist, and "sat" if one must.
// REQUIRES: z3
// RUN: moe-opt %s --moe-export-proofs=output=%t.smt2 -o %t.mlir
// RUN: z3 %t.smt2 | paste -d ' ' - - | FileCheck %s

// The IR stays as it is.
// RUN: moe-opt %s -o %t.same && cmp %t.mlir %t.same

// CHECK: {{^}}sum-step assumes sat sat{{$}}
// CHECK-NEXT: {{^}}sum-step expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}sum-fits assumes sat sat{{$}}
// CHECK-NEXT: {{^}}sum-fits expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}product-of-signs assumes sat sat{{$}}
// CHECK-NEXT: {{^}}product-of-signs expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}byte-product assumes sat sat{{$}}
// CHECK-NEXT: {{^}}byte-product expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}byte-sum-65793 assumes sat sat{{$}}
// CHECK-NEXT: {{^}}byte-sum-65793 expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}byte-sum-65794 assumes sat sat{{$}}
// CHECK-NEXT: {{^}}byte-sum-65794 expects sat sat{{$}}
// CHECK-NEXT: {{^}}wrapping-add assumes sat sat{{$}}
// CHECK-NEXT: {{^}}wrapping-add expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}wrapping-add-beyond assumes sat sat{{$}}
// CHECK-NEXT: {{^}}wrapping-add-beyond expects sat sat{{$}}
// CHECK-NEXT: {{^}}rounding-error assumes sat sat{{$}}
// CHECK-NEXT: {{^}}rounding-error expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}rounding-error-anywhere assumes sat sat{{$}}
// CHECK-NEXT: {{^}}rounding-error-anywhere expects sat sat{{$}}
// CHECK-NEXT: {{^}}clamping-is-nearest assumes sat sat{{$}}
// CHECK-NEXT: {{^}}clamping-is-nearest expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}multiples-follow-sign assumes sat sat{{$}}
// CHECK-NEXT: {{^}}multiples-follow-sign expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}zero-point assumes sat sat{{$}}
// CHECK-NEXT: {{^}}zero-point expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}zero-point-as-offset assumes sat sat{{$}}
// CHECK-NEXT: {{^}}zero-point-as-offset expects sat sat{{$}}
// CHECK-NEXT: {{^}}no-offset-is-right assumes sat sat{{$}}
// CHECK-NEXT: {{^}}no-offset-is-right expects unsat unsat{{$}}

// Then each code and number of columns of the model, once.
// CHECK-NEXT: {{^}}q8-65793-columns assumes sat sat{{$}}
// CHECK-NEXT: {{^}}q8-65793-columns expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}q4-96-columns assumes sat sat{{$}}
// CHECK-NEXT: {{^}}q4-96-columns expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}window-64-columns assumes sat sat{{$}}
// CHECK-NEXT: {{^}}window-64-columns expects unsat unsat{{$}}
// CHECK-NEXT: {{^}}window-window assumes sat sat{{$}}
// CHECK-NEXT: {{^}}window-window expects unsat unsat{{$}}
// CHECK-NOT: expects

#q8 = #moe.code<"q8", planes, bits = 8, offset = 128>
#q4 = #moe.code<"q4", planes, bits = 4, columns = 64, zeros = true>
#window = #moe.code<"window", pairs, bits = 7, offset = 128, window = [-117, 19], levels = [
  0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
  32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62,
  64, 66, 68, 70, 72, 74, 76, 78, 80, 82, 84, 86, 88, 90, 92, 94,
  96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122, 124, 126,
  128, 130, 132, 134, 136, 138, 140, 142, 144, 146, 148, 150, 152, 154, 156, 158,
  160, 162, 164, 166, 168, 170, 172, 174, 176, 178, 180, 182, 184, 186, 188, 190,
  192, 194, 196, 198, 200, 202, 204, 206, 208, 210, 212, 214, 216, 218, 220, 222,
  224, 226, 228, 230, 232, 234, 236, 238, 240, 242, 244, 246, 248, 250, 252, 254]>

moe.model @m family "null" context 16 vocabulary 8 from "." {
  moe.weight @long : tensor<8x65793xbf16> stored as #q8 from [#moe.random<1, 0.5 : f32>]
  moe.weight @a : tensor<8x96xbf16> stored as #q4 from [#moe.random<1, 0.5 : f32>]
  moe.weight @b : tensor<8x96xbf16> stored as #q4 from [#moe.random<2, 0.5 : f32>]
  moe.weight @c : tensor<8x64xbf16> stored as #window from [#moe.random<2, 0.5 : f32>]
  moe.weight @unused : tensor<8x32xbf16> stored as #q8 from [#moe.random<2, 0.5 : f32>]
  func.func @f(%x: tensor<?x65793x!moe.quantized<i8>>, %y: tensor<?x96x!moe.quantized<i8>>,
      %z: tensor<?x64x!moe.quantized<i8>>) {
    %0 = moe.linear %x by @long : tensor<?x65793x!moe.quantized<i8>> -> tensor<?x8xf32>
    %1 = moe.linear %y by @a : tensor<?x96x!moe.quantized<i8>> -> tensor<?x8xf32>
    %2 = moe.linear %y by @b : tensor<?x96x!moe.quantized<i8>> -> tensor<?x8xf32>
    %3 = moe.linear %z by @c : tensor<?x64x!moe.quantized<i8>> -> tensor<?x8xf32>
    return
  }
}
