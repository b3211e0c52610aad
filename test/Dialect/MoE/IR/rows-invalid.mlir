// RUN: moe-opt %s -split-input-file -verify-diagnostics

// A symbol of the name exists outside of the model only.
func.func private @embed()
moe.model @embed_c1_missing family "null" context 16 vocabulary 8 from "." {
  func.func @f(%tokens: tensor<?xi32>) {
    // expected-error @+1 {{'moe.embed' op table @embed is not declared in the model}}
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    return
  }
}

// -----

moe.model @embed_c1_kind family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.rope_table @rope half frequencies [1.0] gain 1.0
  func.func @f(%tokens: tensor<?xi32>) {
    // expected-error @+1 {{'moe.embed' op table @rope is a moe.rope_table when it should be a moe.weight}}
    %x = moe.embed %tokens by @rope : tensor<?xi32> -> tensor<?x4xf32>
    return
  }
}

// -----

moe.model @embed_c1_features family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @embed : tensor<8x5xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%tokens: tensor<?xi32>) {
    // expected-error @+1 {{'moe.embed' op table @embed is 8x5 when it should be ?x4}}
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    return
  }
}

// -----

moe.model @embed_c1_rank family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @embed : tensor<8x4x1xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%tokens: tensor<?xi32>) {
    // expected-error @+1 {{'moe.embed' op table @embed is 8x4x1 when it should be ?x4}}
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    return
  }
}

// -----

func.func @embed_c2(%tokens: tensor<3xi32>) {
  // expected-error @+1 {{'moe.embed' op 'result' has 2 rows when 'tokens' has 3}}
  %x = moe.embed %tokens by @embed : tensor<3xi32> -> tensor<2x4xf32>
  return
}

// -----

moe.model @embed_c3 family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<7x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%tokens: tensor<?xi32>) {
    // expected-error @+1 {{'moe.embed' op table @embed has 7 rows when the vocabulary of the model has 8 tokens}}
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    return
  }
}

// -----

func.func @pick_c1(%x: tensor<?x4xf32>, %wanted: tensor<?xi32>) {
  // expected-error @+1 {{'moe.pick' op result has 5 features when the input has 4}}
  %y = moe.pick %x rows %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x5xf32>
  return
}

// -----

// The input may have any number of rows.
func.func @pick_c2(%x: tensor<5x4xf32>, %wanted: tensor<2xi32>) {
  // expected-error @+1 {{'moe.pick' op 'result' has 5 rows when 'rows' has 2}}
  %y = moe.pick %x rows %wanted : tensor<5x4xf32>, tensor<2xi32> -> tensor<5x4xf32>
  return
}

// -----

func.func @norm_c1_negative(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.norm' op epsilon is -1.0 when it should be finite and at least 0}}
  %y = moe.norm rms %x by @w epsilon -1.0 groups 1 : tensor<?x4xf32>
  return
}

// -----

func.func @norm_c1_infinite(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.norm' op epsilon is inf when it should be finite and at least 0}}
  %y = moe.norm rms %x by @w epsilon 0x7FF0000000000000 groups 1 : tensor<?x4xf32>
  return
}

// -----

func.func @norm_c2_zero(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.norm' op groups is 0 when it should divide 4 features}}
  %y = moe.norm rms %x by @w epsilon 0.0 groups 0 : tensor<?x4xf32>
  return
}

// -----

func.func @norm_c2_divides(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.norm' op groups is 3 when it should divide 4 features}}
  %y = moe.norm rms %x by @w epsilon 0.0 groups 3 : tensor<?x4xf32>
  return
}

// -----

moe.model @norm_c3 family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @w : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.norm' op scale @w is 4 when it should be 2}}
    %y = moe.norm layer %x by @w epsilon 0.0 groups 2 : tensor<?x4xf32>
    return
  }
}

// -----

moe.model @linear_c1 family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @w : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.linear' op weight @w is 4x6 when it should be 6x4}}
    %y = moe.linear %x by @w : tensor<?x4xf32> -> tensor<?x6xf32>
    return
  }
}

// -----

moe.model @linear_c2 family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  // expected-note @+1 {{declared here}}
  moe.weight @b : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.linear' op bias @b is 4 when it should be 6}}
    %y = moe.linear %x by @w bias @b : tensor<?x4xf32> -> tensor<?x6xf32>
    return
  }
}

// -----

func.func @linear_c3(%x: tensor<3x4xf32>) {
  // expected-error @+1 {{'moe.linear' op 'result' has 1 rows when 'input' has 3}}
  %y = moe.linear %x by @w : tensor<3x4xf32> -> tensor<1x6xf32>
  return
}

// -----

func.func @clamp_c1_zero(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.clamp' op limit is 0.0 when it should be finite and above 0}}
  %y = moe.clamp %x to 0.0 : tensor<?x4xf32>
  return
}

// -----

func.func @clamp_c1_negative(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.clamp' op limit is -8.0 when it should be finite and above 0}}
  %y = moe.clamp %x to -8.0 : tensor<?x4xf32>
  return
}

// -----

func.func @clamp_c1_nan(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.clamp' op limit is nan when it should be finite and above 0}}
  %y = moe.clamp %x to 0x7FF8000000000000 : tensor<?x4xf32>
  return
}
