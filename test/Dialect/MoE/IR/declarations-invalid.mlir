// RUN: moe-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{'moe.model' op context is 0 when it should lie between 1 and 2147483647}}
moe.model @model_c1_context family "null" context 0 vocabulary 8 from "." {
}

// -----

// expected-error @+1 {{'moe.model' op vocabulary is 2147483648 when it should lie between 1 and 2147483647}}
moe.model @model_c1_vocabulary family "null" context 16 vocabulary 2147483648 from "." {
}

// -----

moe.model @model_c2_kind family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op is called forward, so it should be a func.func}}
  moe.weight @forward : tensor<4xf32> from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @model_c2_body family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'func.func' op is called forward, so it should have a body}}
  func.func private @forward()
}

// -----

moe.model @model_c2_inputs family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'func.func' op has inputs ('tensor<?xi32>') when forward should have four tensor<?xi32> and a !moe.kv}}
  func.func @forward(%tokens: tensor<?xi32>) {
    return
  }
}

// -----

moe.model @model_c2_last_input family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'func.func' op has inputs}}
  func.func @forward(%a: tensor<?xi32>, %b: tensor<?xi32>, %c: tensor<?xi32>, %d: tensor<?xi32>, %e: tensor<?xi32>) {
    return
  }
}

// -----

// The logits have a column for each word of the vocabulary.
moe.model @model_c2_vocabulary family "null" context 16 vocabulary 9 from "." {
  moe.weight @embed : tensor<9x8xf32> from [#moe.splat<1.0 : f32>]
  // expected-error @+1 {{'func.func' op has type '(tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>)' when forward should have '(tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x9xf32>, !moe.kv<1 x 1 x 4 x f32>)'}}
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x8xf32>
    return %x, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}

// -----

moe.model @model_c3 family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'builtin.module' op lies in a moe.model, which holds only moe.weight, moe.rope_table, func.func and operations that lie only in a moe.model}}
  builtin.module {
  }
}

// -----

moe.model @weight_c1_dynamic family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has type 'tensor<?x4xf32>' when every dimension should be a number of at least 1}}
  moe.weight @w : tensor<?x4xf32> from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c1_empty family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has type 'tensor<4x0xf32>' when every dimension should be a number of at least 1}}
  moe.weight @w : tensor<4x0xf32> from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c1_element family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has elements of 'f64' when they should be f32, f16 or bf16}}
  moe.weight @w : tensor<4xf64> from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c1_bytes family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has type 'tensor<4294967296x4294967296xf32>', which has more than 9223372036854775807 bytes}}
  moe.weight @w : tensor<4294967296x4294967296xf32> from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c2_none family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has sources [] when it should have extents, or one splat, random or values}}
  moe.weight @w : tensor<4xf32> from []
}

// -----

moe.model @weight_c2_mixed family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has sources [#moe.extent<"f", 0, 16>, #moe.splat<1.000000e+00 : f32>] when it should have extents, or one splat, random or values}}
  moe.weight @w : tensor<4xf32> from [#moe.extent<"f", 0, 16>, #moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c2_foreign family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has sources ["f"] when it should have extents, or one splat, random or values}}
  moe.weight @w : tensor<4xf32> from ["f"]
}

// -----

moe.model @weight_c3_short family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has extents of 14 bytes when its type has 16}}
  moe.weight @w : tensor<4xf32> from [#moe.extent<"f", 0, 8>, #moe.extent<"f", 8, 6>]
}

// -----

// The sum of lengths does not wrap around.
moe.model @weight_c3_long family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has extents of 18446744073709551615 bytes when its type has 16}}
  moe.weight @w : tensor<4xf32> from [#moe.extent<"f", 0, 9223372036854775807>, #moe.extent<"f", 0, 9223372036854775807>, #moe.extent<"f", 0, 18>]
}

// -----

moe.model @weight_c3_values family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op lists 2 values when its type has 4}}
  moe.weight @w : tensor<4xf32> from [#moe.values<[1.0, 2.0]>]
}

// -----

moe.model @rope_table_c1_none family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.rope_table' op has 0 frequencies when it should have at least 1}}
  moe.rope_table @rope half frequencies [] gain 1.0
}

// -----

moe.model @rope_table_c1_finite family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.rope_table' op frequency 1 is inf when it should be finite}}
  moe.rope_table @rope half frequencies [1.0, 0x7FF0000000000000 : f64] gain 1.0
}

// -----

moe.model @rope_table_c2 family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.rope_table' op gain is nan when it should be finite}}
  moe.rope_table @rope half frequencies [1.0] gain 0x7FF8000000000000
}

// -----

// A weight belongs to a model.
// expected-error @+1 {{'moe.weight' op expects parent op 'moe.model'}}
moe.weight @w : tensor<4xf32> from [#moe.splat<1.0 : f32>]
