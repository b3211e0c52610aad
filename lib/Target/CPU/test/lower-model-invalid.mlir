// RUN: moe-opt %s --moe-cpu-lower-model -split-input-file -verify-diagnostics

// expected-error @below {{the cpu backend takes 1 model, the module has 2}}
module {
  moe.model @a family "null" context 16 vocabulary 8 from "." {
  }
  moe.model @b family "null" context 16 vocabulary 8 from "." {
  }
}

// -----

// expected-error @below {{has no function @forward to lower}}
moe.model @a family "null" context 16 vocabulary 8 from "." {
}

// -----

moe.model @a family "null" context 16 vocabulary 4 from "." {
  func.func private @other(%x: tensor<?xi32>) -> tensor<?x4xf32>
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                     %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                     %kv: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    // expected-error @below {{'func.call' op has no lowering to cpu code}}
    %x = func.call @other(%tokens) : (tensor<?xi32>) -> tensor<?x4xf32>
    return %x, %kv : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
