// RUN: moe-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{layers is 0 when it should lie between 1 and 2147483647}}
func.func private @kv_c1_layers(!moe.kv<0 x 2 x 4 x f32>)

// -----

// expected-error @+1 {{heads is -2 when it should lie between 1 and 2147483647}}
func.func private @kv_c1_heads(!moe.kv<1 x -2 x 4 x f32>)

// -----

// expected-error @+1 {{head_dim is 2147483648 when it should lie between 1 and 2147483647}}
func.func private @kv_c1_head_dim(!moe.kv<1 x 2 x 2147483648 x f32>)

// -----

// expected-error @+1 {{elements are 'i32' when they should be f32, f16 or bf16}}
func.func private @kv_c2(!moe.kv<1 x 2 x 4 x i32>)

// -----

// expected-error @+1 {{the file of an extent has no name}}
func.func private @extent_c1() attributes {a = #moe.extent<"", 0, 4>}

// -----

// expected-error @+1 {{0 bytes from byte 8 on are no extent: it has 1 byte or more and ends at most at byte 9223372036854775807}}
func.func private @extent_c2_length() attributes {a = #moe.extent<"f", 8, 0>}

// -----

// expected-error @+1 {{1 bytes from byte 9223372036854775807 on are no extent}}
func.func private @extent_c2_end() attributes {a = #moe.extent<"f", 9223372036854775807, 1>}

// -----

// expected-error @+1 {{9223372036854775808 bytes from byte 0 on are no extent}}
func.func private @extent_c2_long() attributes {a = #moe.extent<"f", 0, 9223372036854775808>}

// -----

// expected-error @+1 {{scale is inf when it should be finite}}
func.func private @random_c1() attributes {a = #moe.random<1, 0x7F800000 : f32>}

// -----

// Rows have a static, non-empty second dimension.
func.func @rows_without_features(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{operand #0 must be 2D tensor with a static second dimension of 32-bit float values, but got 'tensor<?x?xf32>'}}
  %y = moe.add %x, %x : tensor<?x?xf32>
  return
}

// -----

func.func @rows_empty(%x: tensor<?x0xf32>) {
  // expected-error @+1 {{operand #0 must be 2D tensor with a static second dimension of 32-bit float values, but got 'tensor<?x0xf32>'}}
  %y = moe.add %x, %x : tensor<?x0xf32>
  return
}

// -----

func.func @rows_of_f64(%x: tensor<?x4xf64>) {
  // expected-error @+1 {{operand #0 must be 2D tensor with a static second dimension of 32-bit float values, but got 'tensor<?x4xf64>'}}
  %y = moe.add %x, %x : tensor<?x4xf64>
  return
}
