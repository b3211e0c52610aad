// RUN: moe-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{the name of a code is 'q 4' when it should be letters, digits and dashes}}
func.func private @code_c1_space() attributes {a = #moe.code<"q 4", planes, bits = 4>}

// -----

// expected-error @+1 {{the name of a code is '' when it should be letters, digits and dashes}}
func.func private @code_c1_empty() attributes {a = #moe.code<"", planes, bits = 4>}

// -----

// expected-error @+1 {{planes have 9 bits when they should have 1 to 8}}
func.func private @code_c2_planes() attributes {a = #moe.code<"q", planes, bits = 9>}

// -----

// expected-error @+1 {{planes have 0 bits when they should have 1 to 8}}
func.func private @code_c2_none() attributes {a = #moe.code<"q", planes, bits = 0>}

// -----

// expected-error @+1 {{pairs have 8 bits when they should have 7}}
func.func private @code_c2_pairs() attributes {a = #moe.code<"q", pairs, bits = 8>}

// -----

// expected-error @+1 {{3 levels are listed for 4 codes}}
func.func private @code_c3_planes() attributes {a = #moe.code<"q", planes, bits = 2, levels = [0, 1, 2]>}

// -----

// expected-error @+1 {{0 levels are listed for 128 codes}}
func.func private @code_c3_pairs() attributes {a = #moe.code<"q", pairs, bits = 7>}

// -----

// expected-error @+1 {{a level is 256 when it should lie between 0 and 255}}
func.func private @code_c3_above() attributes {a = #moe.code<"q", planes, bits = 1, levels = [0, 256]>}

// -----

// expected-error @+1 {{a level is -1 when it should lie between 0 and 255}}
func.func private @code_c3_below() attributes {a = #moe.code<"q", planes, bits = 1, levels = [-1, 255]>}

// -----

// A trellis has one table for both weights of a pair.
// expected-error @+1 {{256 levels are listed for 128 codes}}
func.func private @code_c3_trellis() attributes {a = #moe.code<"q", pairs, bits = 7, window = [1, 2], levels = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]>}

// -----

// expected-error @+1 {{offset is 256 when it should lie between 0 and 255}}
func.func private @code_c4_above() attributes {a = #moe.code<"q", planes, bits = 8, offset = 256>}

// -----

// expected-error @+1 {{offset is -1 when it should lie between 0 and 255}}
func.func private @code_c4_below() attributes {a = #moe.code<"q", planes, bits = 8, offset = -1>}

// -----

// expected-error @+1 {{a scale has 96 columns when it should have 0, 32 or a multiple of 64}}
func.func private @code_c5_part() attributes {a = #moe.code<"q", planes, bits = 8, columns = 96>}

// -----

// expected-error @+1 {{a scale has -64 columns when it should have 0, 32 or a multiple of 64}}
func.func private @code_c5_below() attributes {a = #moe.code<"q", planes, bits = 8, columns = -64>}

// -----

// expected-error @+1 {{a zero has 0 columns when it should have 32 or more}}
func.func private @code_c5_zeros() attributes {a = #moe.code<"q", planes, bits = 8, zeros = true>}

// -----

// expected-error @+1 {{a scale has 0 weights when it should have at least 1}}
func.func private @code_c6() attributes {a = #moe.code<"q", planes, bits = 8, weights = 0>}

// -----

// expected-error @+1 {{planes have a window of 2 numbers when they should have 0}}
func.func private @code_c7_planes() attributes {a = #moe.code<"q", planes, bits = 8, window = [1, 2]>}

// -----

// expected-error @+1 {{a window has 1 numbers when it should have 2}}
func.func private @code_c7_numbers() attributes {a = #moe.code<"q", pairs, bits = 7, window = [1]>}

// -----

// expected-error @+1 {{a number of a window is 128 when it should lie between -128 and 127}}
func.func private @code_c7_range() attributes {a = #moe.code<"q", pairs, bits = 7, window = [1, 128]>}

// -----

// expected-error @+1 {{a window adds 0 to 40800 to a state when that should lie between -32768 and 32767}}
func.func private @code_c7_sum() attributes {a = #moe.code<"q", pairs, bits = 7, window = [100, 60]>}

// -----

// expected-error @+1 {{a window adds -51000 to 0 to a state when that should lie between -32768 and 32767}}
func.func private @code_c7_difference() attributes {a = #moe.code<"q", pairs, bits = 7, window = [-100, -100]>}

// -----

// expected-error @+1 {{a rotated block has 3 features when it should have a power of two between 2 and 65536}}
func.func private @quantized_c1_power(tensor<?x6x!moe.quantized<i8 rotated 3>>)

// -----

// expected-error @+1 {{a rotated block has 1 features when it should have a power of two between 2 and 65536}}
func.func private @quantized_c1_least(tensor<?x6x!moe.quantized<i8 rotated 1>>)

// -----

// expected-error @+1 {{a rotated block has 131072 features when it should have a power of two between 2 and 65536}}
func.func private @quantized_c1_most(tensor<?x131072x!moe.quantized<i8 rotated 131072>>)

// -----

moe.model @weight_c4_rank family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op of rank 1 is stored as a code when its rank should be 2 or 3}}
  moe.weight @w : tensor<4xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
}

// -----

// Each matrix is filled up to a tile of 1024 codes and 64 bytes of scales.
moe.model @weight_c4_bytes family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has type 'tensor<18014398509481984x1x1xf32>', whose codes have more than 9223372036854775807 bytes}}
  moe.weight @w : tensor<18014398509481984x1x1xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c5_columns_plain family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has rotated columns when only a weight stored as a code has}}
  moe.weight @w : tensor<4x4xf32> columns rotated 4 from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c5_rows_plain family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has rotated rows when only a weight stored as a code has}}
  moe.weight @w : tensor<4x4xf32> rows rotated 4 from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c5_power family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has rotated blocks of 3 columns when that should be a power of two between 2 and 65536}}
  moe.weight @w : tensor<3x6xf32> stored as #moe.code<"q8", planes, bits = 8> columns rotated 3 from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c5_most family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has rotated blocks of 131072 columns when that should be a power of two between 2 and 65536}}
  moe.weight @w : tensor<2x131072xf32> stored as #moe.code<"q8", planes, bits = 8> columns rotated 131072 from [#moe.splat<1.0 : f32>]
}

// -----

moe.model @weight_c5_columns family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has rotated blocks of 4 columns when that should divide 6}}
  moe.weight @w : tensor<4x6xf32> stored as #moe.code<"q8", planes, bits = 8> columns rotated 4 from [#moe.splat<1.0 : f32>]
}

// -----

// Rows of one matrix, not of all.
moe.model @weight_c5_rows family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'moe.weight' op has rotated blocks of 8 rows when that should divide 4}}
  moe.weight @w : tensor<2x4x8xf32> stored as #moe.code<"q8", planes, bits = 8> rows rotated 8 from [#moe.splat<1.0 : f32>]
}
