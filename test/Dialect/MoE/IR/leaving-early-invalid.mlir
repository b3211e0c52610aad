// RUN: moe-opt %s -split-input-file -verify-diagnostics

func.func @pick_c1_rank(%x: tensor<?x4xf32>, %rows: tensor<?xi32>) {
  // expected-error @+1 {{'moe.pick' op result is 'tensor<?xi32>' when the input is 'tensor<?x4xf32>'}}
  %y = moe.pick %x rows %rows : tensor<?x4xf32>, tensor<?xi32> -> tensor<?xi32>
  return
}

// -----

func.func @place_c1(%x: tensor<?x4xf32>, %rows: tensor<?xi32>, %t: tensor<?x5xf32>) {
  // expected-error @+1 {{'moe.place' op table has 5 features when the input has 4}}
  %y = moe.place %x rows %rows into %t : tensor<?x4xf32>, tensor<?xi32>, tensor<?x5xf32>
  return
}

// -----

func.func @place_c2(%x: tensor<3x4xf32>, %rows: tensor<2xi32>, %t: tensor<?x4xf32>) {
  // expected-error @+1 {{'moe.place' op 'input' has 3 rows when 'rows' has 2}}
  %y = moe.place %x rows %rows into %t : tensor<3x4xf32>, tensor<2xi32>, tensor<?x4xf32>
  return
}

// -----

func.func @zeros_c1(%rows: tensor<2xi32>) {
  // expected-error @+1 {{'moe.zeros' op 'result' has 3 rows when 'like' has 2}}
  %y = moe.zeros like %rows : tensor<2xi32> -> tensor<3x4xf32>
  return
}

// -----

func.func @exit_c1_none(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-error @+1 {{'moe.exit' op stands behind 0 layers when that should lie between 1 and 2147483647}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 0 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// -----

func.func @exit_c1_many(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-error @+1 {{'moe.exit' op stands behind 2147483648 layers when that should lie between 1 and 2147483647}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 2147483648 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// -----

func.func @exit_c2(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-error @+1 {{'moe.exit' op threshold is nan when it should be a number}}
  %r:5 = moe.exit %sure by "top1" above 0x7FF8000000000000 after 1 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// -----

func.func @exit_c3_above(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-error @+1 {{'moe.exit' op share of leaving entries is 1.5 when it should lie between 0.0 and 1.0}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 1 taken 1.5 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// -----

func.func @exit_c3_nan(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-error @+1 {{'moe.exit' op share of leaving entries is nan when it should lie between 0.0 and 1.0}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 1 taken 0x7FF8000000000000 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// -----

func.func @exit_c4(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-note @+1 {{the exit before}}
  %q:5 = moe.exit %sure by "top1" above 0.5 after 2 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  // expected-error @+1 {{'moe.exit' op stands behind 2 layers when the exit before stands behind 2}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 2 asking %e#2 running %q#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// -----

func.func @exit_c5(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<2x1xf32>, %w: tensor<?x1xf32>, %v: tensor<3x1xf32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-error @+1 {{'moe.exit' op 'watched' has 3 rows when 'scores' has 2}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 1 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions watched %w, %v : tensor<?x1xf32>, tensor<3x1xf32> : tensor<2x1xf32>
  return
}

// -----

func.func @exit_c6_enter(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>, %kv: !moe.kv<1 x 1 x 4 x f32>) {
  // expected-note @+1 {{rows come from here}}
  %e:3 = moe.enter %wanted at %sequences, %positions from %kv : !moe.kv<1 x 1 x 4 x f32>
  // expected-error @+1 {{'moe.exit' op has no state when moe.enter has one}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 1 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  return
}

// -----

func.func @exit_c6_exit(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>, %kv: !moe.kv<1 x 1 x 4 x f32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-note @+1 {{rows come from here}}
  %q:5 = moe.exit %sure by "top1" above 0.5 after 1 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  // expected-error @+1 {{'moe.exit' op has a state when moe.exit has none}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 2 asking %e#2 running %q#0 due %e#1 of %wanted at %sequences, %positions from %kv : !moe.kv<1 x 1 x 4 x f32> : tensor<?x1xf32>
  return
}

// -----

func.func @park_c1(%wanted: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %sure: tensor<?x1xf32>, %x: tensor<?x4xf32>, %kv: !moe.kv<1 x 1 x 4 x f32>) {
  %e:3 = moe.enter %wanted at %sequences, %positions
  // expected-note @+1 {{rows come from here}}
  %r:5 = moe.exit %sure by "top1" above 0.5 after 1 asking %e#2 running %e#0 due %e#1 of %wanted at %sequences, %positions : tensor<?x1xf32>
  // expected-error @+1 {{'moe.park' op keeps rows of an exit that has no state}}
  %p = moe.park %x rows %r#1 into %kv at %sequences, %positions : tensor<?x4xf32>, !moe.kv<1 x 1 x 4 x f32>
  return
}

// -----

func.func @confidence_c1(%l: tensor<3x8xf32>) {
  // expected-error @+1 {{'moe.confidence' op 'result' has 2 rows when 'logits' has 3}}
  %y = moe.confidence top1 %l : tensor<3x8xf32> -> tensor<2x1xf32>
  return
}

// -----

func.func @similarity_c1(%x: tensor<3x8xf32>) {
  // expected-error @+1 {{'moe.similarity' op 'result' has 2 rows when 'rhs' has 3}}
  %y = moe.similarity %x, %x : tensor<3x8xf32> -> tensor<2x1xf32>
  return
}

// -----

func.func @best_c1(%x: tensor<3x8xf32>) {
  // expected-error @+1 {{'moe.best' op 'result' has 2 rows when 'input' has 3}}
  %y = moe.best %x : tensor<3x8xf32> -> tensor<2xi32>
  return
}

// -----

func.func @streak_c1(%b: tensor<3xi32>) {
  // expected-error @+1 {{'moe.streak' op 'result' has 2 rows when 'best' has 3}}
  %y = moe.streak %b : tensor<3xi32> -> tensor<2x1xf32>
  return
}

// -----

func.func @streak_c1_before(%b: tensor<3xi32>, %c: tensor<?xi32>, %s: tensor<2x1xf32>) {
  // expected-error @+1 {{'moe.streak' op 'streak' has 2 rows when 'best' has 3}}
  %y = moe.streak %b after %c, %s : tensor<3xi32>, tensor<?xi32>, tensor<2x1xf32> -> tensor<?x1xf32>
  return
}

// -----

func.func @streak_c2(%b: tensor<3xi32>) {
  // expected-error @+1 {{'moe.streak' op has 1 tokens before and 0 streaks before}}
  %y = "moe.streak"(%b, %b) {operandSegmentSizes = array<i32: 1, 1, 0>} : (tensor<3xi32>, tensor<3xi32>) -> tensor<3x1xf32>
  return
}

// -----

func.func @logistic_c1_number(%s: tensor<?x1xf32>) {
  // expected-error @+1 {{'moe.logistic' op has 2 weights for 1 features}}
  %y = moe.logistic %s by [1.0, 2.0] bias 0.0 : tensor<?x1xf32> -> tensor<?x1xf32>
  return
}

// -----

func.func @logistic_c1_none() {
  // expected-error @+1 {{'moe.logistic' op has 0 weights for 0 features}}
  %y = "moe.logistic"() {weights = [], bias = 0.0 : f64} : () -> tensor<?x1xf32>
  return
}

// -----

func.func @logistic_c1_finite(%s: tensor<?x1xf32>) {
  // expected-error @+1 {{'moe.logistic' op weight is inf when it should be finite}}
  %y = moe.logistic %s by [0x7FF0000000000000 : f64] bias 0.0 : tensor<?x1xf32> -> tensor<?x1xf32>
  return
}

// -----

func.func @logistic_c2(%s: tensor<?x1xf32>) {
  // expected-error @+1 {{'moe.logistic' op bias is nan when it should be finite}}
  %y = moe.logistic %s by [1.0] bias 0x7FF8000000000000 : tensor<?x1xf32> -> tensor<?x1xf32>
  return
}

// -----

func.func @logistic_c3(%s: tensor<?x1xf32>, %t: tensor<3x1xf32>) {
  // expected-error @+1 {{'moe.logistic' op 'feature' has 3 rows when 'result' has 2}}
  %y = moe.logistic %s, %t by [1.0, 1.0] bias 0.0 : tensor<?x1xf32>, tensor<3x1xf32> -> tensor<2x1xf32>
  return
}

// -----

// A row set has as many numbers as there are.
func.func @row_set(%wanted: tensor<3xi32>, %sequences: tensor<?xi32>) {
  // expected-error @+2 {{expects different type than prior uses: 'tensor<?xi32>' vs 'tensor<3xi32>'}}
  // expected-note @-2 {{prior use here}}
  %e:3 = moe.enter %wanted at %sequences, %sequences
  return
}

// -----

func.func @scores(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'moe.best' op result #0 must be 1D tensor of 32-bit signless integer values, but got 'tensor<?x1xf32>'}}
  %y = moe.best %x : tensor<?x8xf32> -> tensor<?x1xf32>
  return
}

// -----

func.func @surplus_c1(%inside: tensor<2x3xf32>, %outside: tensor<?x5xf32>, %x: tensor<3x4xf32>) {
  // expected-error @+1 {{'moe.surplus' op 'features' has 3 rows when 'inside' has 2}}
  %s = moe.surplus %inside over %outside within @slack of %x near %x : tensor<2x3xf32>, tensor<?x5xf32>, tensor<3x4xf32> -> tensor<?x1xf32>
  return
}

// -----

moe.model @surplus_c2_shape family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @slack : tensor<4x2xf32> from [#moe.splat<0.5 : f32>]
  func.func @f(%inside: tensor<?x3xf32>, %outside: tensor<?x5xf32>, %x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.surplus' op slack @slack is 4x2 when it should be 5x2}}
    %s = moe.surplus %inside over %outside within @slack of %x near %x : tensor<?x3xf32>, tensor<?x5xf32>, tensor<?x4xf32> -> tensor<?x1xf32>
    return
  }
}

// -----

moe.model @surplus_c2_stored family "null" context 16 vocabulary 8 from "." {
  moe.weight @slack : tensor<5x2xf32> stored as #moe.code<"q8", planes, bits = 8> from [#moe.splat<0.5 : f32>]
  func.func @f(%inside: tensor<?x3xf32>, %outside: tensor<?x5xf32>, %x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.surplus' op slack @slack is stored as a code when it should not be}}
    %s = moe.surplus %inside over %outside within @slack of %x near %x : tensor<?x3xf32>, tensor<?x5xf32>, tensor<?x4xf32> -> tensor<?x1xf32>
    return
  }
}

// -----

func.func @spread_c1_number(%x: tensor<?x3xf32>) {
  // expected-error @+1 {{'moe.spread' op has 2 places for the input's 3 columns}}
  %y = moe.spread %x to [0, 3] : tensor<?x3xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @spread_c1_above(%x: tensor<?x3xf32>) {
  // expected-error @+1 {{'moe.spread' op puts a column at 8 when the result has 8}}
  %y = moe.spread %x to [0, 3, 8] : tensor<?x3xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @spread_c1_below(%x: tensor<?x3xf32>) {
  // expected-error @+1 {{'moe.spread' op puts a column at -1 when the result has 8}}
  %y = moe.spread %x to [-1, 3, 7] : tensor<?x3xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @spread_c1_order(%x: tensor<?x3xf32>) {
  // expected-error @+1 {{'moe.spread' op puts a column at 3 after one at 3 when places should ascend}}
  %y = moe.spread %x to [0, 3, 3] : tensor<?x3xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @spread_c2(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'moe.spread' op 'result' has 3 rows when 'input' has 2}}
  %y = moe.spread %x to [0, 3, 7] : tensor<2x3xf32> -> tensor<3x8xf32>
  return
}
