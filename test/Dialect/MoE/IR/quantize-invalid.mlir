// RUN: moe-opt %s -split-input-file -verify-diagnostics

func.func @quantize_c1(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'moe.quantize' op rotates blocks of 4 features when that should divide 6}}
  %q = moe.quantize %x : tensor<?x6xf32> -> tensor<?x6x!moe.quantized<i8 rotated 4>>
  return
}

// -----

func.func @quantize_c2_features(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'moe.quantize' op result is 'tensor<?x4x!moe.quantized<i8>>' when the input is 'tensor<?x6xf32>'}}
  %q = moe.quantize %x : tensor<?x6xf32> -> tensor<?x4x!moe.quantized<i8>>
  return
}

// -----

func.func @quantize_c2_rows(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'moe.quantize' op result is 'tensor<2x6x!moe.quantized<i8>>' when the input is 'tensor<?x6xf32>'}}
  %q = moe.quantize %x : tensor<?x6xf32> -> tensor<2x6x!moe.quantized<i8>>
  return
}

// -----

func.func @quantize_c3(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{'moe.quantize' op input arrived rotated when the result is not rotated}}
  %q = moe.quantize %x arrived rotated : tensor<?x6xf32> -> tensor<?x6x!moe.quantized<i8>>
  return
}

// -----

func.func @dequantize_of_features(%x: tensor<?x6xf32>) {
  // expected-error @+1 {{custom op 'moe.dequantize' 'input' must be 2D tensor with a static second dimension of !moe.quantized values, but got 'tensor<?x6xf32>'}}
  %y = moe.dequantize %x : tensor<?x6xf32>
  return
}

// -----

moe.model @embed_c4 family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  func.func @f(%t: tensor<?xi32>) {
    // expected-error @+1 {{'moe.embed' op table @w is stored as a code when it should not be}}
    %x = moe.embed %t by @w : tensor<?xi32> -> tensor<?x4xf32>
    return
  }
}

// -----

moe.model @linear_c4_plain family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>) {
    // expected-error @+1 {{'moe.linear' op weight @w is not stored as a code when the input is 'tensor<?x4x!moe.quantized<i8>>'}}
    %y = moe.linear %x by @w : tensor<?x4x!moe.quantized<i8>> -> tensor<?x8xf32>
    return
  }
}

// -----

moe.model @linear_c4_stored family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.linear' op weight @w is stored as a code when the input is 'tensor<?x4xf32>'}}
    %y = moe.linear %x by @w : tensor<?x4xf32> -> tensor<?x8xf32>
    return
  }
}

// -----

moe.model @linear_c4_input_rotated family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8 rotated 4>>) {
    // expected-error @+1 {{'moe.linear' op weight @w has columns not rotated when the input is rotated 4}}
    %y = moe.linear %x by @w : tensor<?x4x!moe.quantized<i8 rotated 4>> -> tensor<?x8xf32>
    return
  }
}

// -----

moe.model @linear_c4_weight_rotated family "null" context 16 vocabulary 8 from "." {
  moe.weight @w : tensor<8x4xf32> stored as #moe.code<"q8", planes, bits = 8> columns rotated 2 from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>) {
    // expected-error @+1 {{'moe.linear' op weight @w has columns rotated 2 when the input is not rotated}}
    %y = moe.linear %x by @w : tensor<?x4x!moe.quantized<i8>> -> tensor<?x8xf32>
    return
  }
}

// -----

moe.model @mlp_c3_stored family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @s : tensor<1x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op shared gate @s is stored as a code when it should not be}}
    %y = moe.mlp %x gate @g up @g down @d silu gated by @s : tensor<?x4xf32>
    return
  }
}

// -----

moe.model @mlp_c4_gate family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  moe.weight @u : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op gate @g is stored as a code when the input is 'tensor<?x4xf32>'}}
    %y = moe.mlp %x gate @g up @u down @d silu : tensor<?x4xf32>
    return
  }
}

// -----

moe.model @mlp_c4_up family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  moe.weight @u : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>) {
    // expected-error @+1 {{'moe.mlp' op up @u is not stored as a code when the input is 'tensor<?x4x!moe.quantized<i8>>'}}
    %y = moe.mlp %x gate @g up @u down @d silu : tensor<?x4x!moe.quantized<i8>>
    return
  }
}

// -----

moe.model @mlp_c4_rotation family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> stored as #moe.code<"q8", planes, bits = 8> columns rotated 4 from [#moe.splat<1.0 : f32>]
  moe.weight @u : tensor<6x4xf32> stored as #moe.code<"q8", planes, bits = 8> columns rotated 2 from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8 rotated 4>>) {
    // expected-error @+1 {{'moe.mlp' op up @u has columns rotated 2 when the input is rotated 4}}
    %y = moe.mlp %x gate @g up @u down @d silu : tensor<?x4x!moe.quantized<i8 rotated 4>>
    return
  }
}

// -----

moe.model @mlp_c5_missing family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @s : tensor<1x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>) {
    // expected-error @+1 {{'moe.mlp' op shared gate has 0 inputs of its own when it should have 1}}
    %y = moe.mlp %x gate @g up @g down @d silu gated by @s : tensor<?x4x!moe.quantized<i8>>
    return
  }
}

// -----

moe.model @mlp_c5_plain family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @s : tensor<1x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op shared gate has 1 inputs of its own when it should have 0}}
    %y = moe.mlp %x gate @g up @g down @d silu gated by @s of %x : tensor<?x4xf32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @mlp_c5_no_gate family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>, %p: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op shared gate has 1 inputs of its own when it should have 0}}
    %y = moe.mlp %x gate @g up @g down @d silu of %p : tensor<?x4x!moe.quantized<i8>>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @mlp_c5_type family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @s : tensor<1x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>, %p: tensor<?x5xf32>) {
    // expected-error @+1 {{'moe.mlp' op shared gate takes 'tensor<?x5xf32>' when it should take 'tensor<?x4xf32>'}}
    %y = moe.mlp %x gate @g up @g down @d silu gated by @s of %p : tensor<?x4x!moe.quantized<i8>>, tensor<?x5xf32>
    return
  }
}

// -----

moe.model @experts_c6_gate family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x4x6xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op gate @g is not stored as a code when the input is 'tensor<?x4x!moe.quantized<i8>>'}}
    %y = moe.experts %x to %i, %w gate @g up @g down @d silu : tensor<?x4x!moe.quantized<i8>>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

moe.model @experts_c6_up family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @u : tensor<8x6x4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op up @u is stored as a code when the input is 'tensor<?x4xf32>'}}
    %y = moe.experts %x to %i, %w gate @g up @u down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

moe.model @experts_c6_rotation family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> stored as #moe.code<"q8", planes, bits = 8> columns rotated 4 from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<8x4x6xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4x!moe.quantized<i8>>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op gate @g has columns rotated 4 when the input is not rotated}}
    %y = moe.experts %x to %i, %w gate @g up @g down @d silu : tensor<?x4x!moe.quantized<i8>>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}
