// A file shorter than its extents is named, with both sizes.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python -c "open('weights.bin', 'wb').write(b'0123456789')"
// RUN: not moe-opt --moe-evaluate=function=f %s -o /dev/null 2>&1 | FileCheck %s
// CHECK: error: moe.embed: {{.*}}weights.bin: has 10 bytes, weight @w needs 8 from byte 4
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<2x1xf32> from [#moe.extent<"weights.bin", 4, 8>]
  func.func @f() -> tensor<1x1xf32> {
    %t = arith.constant dense<0> : tensor<1xi32>
    %x = moe.embed %t by @w : tensor<1xi32> -> tensor<1x1xf32>
    return %x : tensor<1x1xf32>
  }
}
