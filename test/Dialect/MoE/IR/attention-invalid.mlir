// RUN: moe-opt %s -split-input-file -verify-diagnostics

func.func @rope_c1_divides(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'moe.rope' op heads is 3 when it should divide 8 features}}
  %y = moe.rope %x at %p by @rope heads 3 : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_c1_negative(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'moe.rope' op heads is -2 when it should divide 8 features}}
  %y = moe.rope %x at %p by @rope heads -2 : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

moe.model @rope_c2_missing family "null" context 16 vocabulary 8 from "." {
  func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
    // expected-error @+1 {{'moe.rope' op table @rope is not declared in the model}}
    %y = moe.rope %x at %p by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    return
  }
}

// -----

moe.model @rope_c2_kind family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @w : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
    // expected-error @+1 {{'moe.rope' op table @w is a moe.weight when it should be a moe.rope_table}}
    %y = moe.rope %x at %p by @w heads 2 : tensor<?x8xf32>, tensor<?xi32>
    return
  }
}

// -----

moe.model @rope_c2_frequencies family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.rope_table @rope half frequencies [1.0, 0.1, 0.01] gain 1.0
  func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
    // expected-error @+1 {{'moe.rope' op table @rope turns 6 features when a head has 4}}
    %y = moe.rope %x at %p by @rope heads 2 : tensor<?x8xf32>, tensor<?xi32>
    return
  }
}

// -----

func.func @rope_c3(%x: tensor<2x8xf32>, %p: tensor<3xi32>) {
  // expected-error @+1 {{'moe.rope' op 'positions' has 3 rows when 'input' has 2}}
  %y = moe.rope %x at %p by @rope heads 2 : tensor<2x8xf32>, tensor<3xi32>
  return
}

// -----

func.func @kv_append_c1(%k: tensor<?x8xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.kv_append' op layer 6 requested, the state has 6}}
  %y = moe.kv_append %k, %k into %kv layer 6 at %p, %p : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @kv_append_c2(%k: tensor<?x6xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.kv_append' op keys and values have 6 features when they should have 2 heads of 4}}
  %y = moe.kv_append %k, %k into %kv layer 0 at %p, %p : tensor<?x6xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @kv_append_c3(%k: tensor<2x8xf32>, %p: tensor<1xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.kv_append' op 'positions' has 1 rows when 'keys' has 2}}
  %y = moe.kv_append %k, %k into %kv layer 0 at %p, %p : tensor<2x8xf32>, tensor<1xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @attention_c1(%q: tensor<?x16xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.attention' op layer -1 requested, the state has 6}}
  %y = moe.attention %q over %kv layer -1 at %p, %p heads 4 scale 0.5 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @attention_c2_multiple(%q: tensor<?x12xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.attention' op heads is 3 when it should be a positive multiple of 2}}
  %y = moe.attention %q over %kv layer 0 at %p, %p heads 3 scale 0.5 : tensor<?x12xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @attention_c2_zero(%q: tensor<?x16xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.attention' op heads is 0 when it should be a positive multiple of 2}}
  %y = moe.attention %q over %kv layer 0 at %p, %p heads 0 scale 0.5 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @attention_c3(%q: tensor<?x8xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.attention' op queries have 8 features when they should have 4 heads of 4}}
  %y = moe.attention %q over %kv layer 0 at %p, %p heads 4 scale 0.5 : tensor<?x8xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @attention_c4(%q: tensor<?x16xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.attention' op window is 0 when it should be at least 1}}
  %y = moe.attention %q over %kv layer 0 at %p, %p heads 4 scale 0.5 window 0 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @attention_c5(%q: tensor<2x16xf32>, %p: tensor<3xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.attention' op 'positions' has 3 rows when 'queries' has 2}}
  %y = moe.attention %q over %kv layer 0 at %p, %p heads 4 scale 0.5 : tensor<2x16xf32>, tensor<3xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}

// -----

func.func @attention_c6(%q: tensor<?x16xf32>, %p: tensor<?xi32>, %kv: !moe.kv<6 x 2 x 4 x f32>) {
  // expected-error @+1 {{'moe.attention' op scale is -inf when it should be finite}}
  %y = moe.attention %q over %kv layer 0 at %p, %p heads 4 scale 0xFFF0000000000000 : tensor<?x16xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 4 x f32>
  return
}
