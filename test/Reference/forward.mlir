// RUN: rm -rf %t && mkdir %t
// RUN: moe-opt --moe-evaluate=tokens=2,0,3 %s -o /dev/null | FileCheck %s
// RUN: moe-opt "--moe-evaluate=tokens=2,0,3 logits=%t/logits.npy" %s -o /dev/null | count 0
// RUN: %python -c "import numpy, sys; a = numpy.load(sys.argv[1]); \
// RUN:   print(a.dtype, a.shape, a.tolist())" %t/logits.npy | FileCheck %s --check-prefix=FILE
// RUN: not moe-opt "--moe-evaluate=tokens=2 logits=%t/none/logits.npy" %s -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=UNWRITABLE
// RUN: not moe-opt --moe-evaluate=tokens=2,0,3,1,1 %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=LONG
// RUN: not moe-opt --moe-evaluate=tokens=1,4 %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: not moe-opt --moe-evaluate=logits=%t/x.npy %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=NONE

// UNWRITABLE: error: {{.*}}none/logits.npy: cannot write: no such file or directory
// LONG: error: 5 tokens given, the context is 4
// TOKEN: error: moe.embed: token 4 requested, there are 4
// NONE: error: logits are of tokens, and there are 0 tokens

// The table maps token t to the t-th unit vector, the head to its successor.
// CHECK: argmax: 3 1 0
// FILE: float32 (3, 4) {{\[}}[0.0, 0.0, 0.0, 2.0], [0.0, 2.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]]
moe.model @successor family "null" context 4 vocabulary 4 from "." {
  moe.weight @embed : tensor<4x4xf32> from [#moe.values<[
    1.0, 0.0, 0.0, 0.0,  0.0, 1.0, 0.0, 0.0,  0.0, 0.0, 1.0, 0.0,  0.0, 0.0, 0.0, 1.0]>]
  moe.weight @head : tensor<4x4xf32> from [#moe.values<[
    0.0, 0.0, 0.0, 2.0,  2.0, 0.0, 0.0, 0.0,  0.0, 2.0, 0.0, 0.0,  0.0, 0.0, 2.0, 0.0]>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %last = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %logits = moe.linear %last by @head : tensor<?x4xf32> -> tensor<?x4xf32>
    return %logits, %kv : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
