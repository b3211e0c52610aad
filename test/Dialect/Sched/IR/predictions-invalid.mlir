// RUN: moe-opt %s -split-input-file -verify-diagnostics

moe.model @blend_c1_none family "null" context 16 vocabulary 8 from "." {
  func.func @f() {
    // expected-error @+1 {{'sched.blend' op expected 1 or more operands, but found 0}}
    %s = "sched.blend"() : () -> tensor<?x8xf32>
    return
  }
}

// -----

moe.model @blend_c1_weights family "null" context 16 vocabulary 8 from "." {
  func.func @f(%logits: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.blend' op has 1 weights for 2 scores}}
    %s = sched.blend %logits, %logits by [0.5] : tensor<?x8xf32>
    return
  }
}

// -----

moe.model @blend_c1_finite family "null" context 16 vocabulary 8 from "." {
  func.func @f(%logits: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.blend' op weight 1 is inf when it should be finite}}
    %s = "sched.blend"(%logits, %logits) <{weights = array<f64: 0.5, 0x7FF0000000000000>}> : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    return
  }
}

// -----

moe.model @predict_c1_count family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op count is 0 when it should lie between 1 and 8}}
    %i, %c = sched.predict %s for layer 0 choosing 2 top 0 by "p" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @predict_c1_chosen family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op chosen is 9 when it should lie between 1 and 8}}
    %i, %c = sched.predict %s for layer 0 choosing 9 top 4 by "p" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @predict_c2_experts family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op a result has 3 columns when count is 4}}
    %i, %c = sched.predict %s for layer 0 choosing 2 top 4 by "p" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @predict_c2_confidence family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op a result has 5 columns when count is 4}}
    %i, %c = sched.predict %s for layer 0 choosing 2 top 4 by "p" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x5xf32>
    return
  }
}

// -----

moe.model @predict_c3_numbers family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op calibration has 1 numbers when it should have 2}}
    %i, %c = sched.predict %s for layer 0 choosing 2 top 4 by "p" calibrated [1.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @predict_c3_finite family "null" context 16 vocabulary 8 from "." {
  func.func @f(%logits: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op bias is nan when it should be finite}}
    %i, %c = "sched.predict"(%logits) <{layer = 0, count = 2, chosen = 2, predictor = "p", calibration = array<f64: 1.0, 0x7FF8000000000000>}>
      : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    return
  }
}

// -----

moe.model @predict_c3_slope family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op slope is 0.0 when it should be above 0.0}}
    %i, %c = sched.predict %s for layer 0 choosing 2 top 4 by "p" calibrated [0.0, 1.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @predict_c4 family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<3x8xf32>) {
    // expected-error @+1 {{'sched.predict' op 'experts' has 2 rows when 'scores' has 3}}
    %i, %c = sched.predict %s for layer 0 choosing 2 top 4 by "p" calibrated [1.0, 0.0]
      : tensor<3x8xf32> -> tensor<2x4xi32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @predict_c5 family "null" context 16 vocabulary 8 from "." {
  func.func @f(%s: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.predict' op layer is -1 when it should be at least 0}}
    %i, %c = sched.predict %s for layer -1 choosing 2 top 4 by "p" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    return
  }
}

// -----

moe.model @record_c1_columns family "null" context 16 vocabulary 8 from "." {
  func.func @f(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x3xf32>) {
    // expected-error @+1 {{'sched.record' op a row has 3 weights for 2 experts}}
    sched.record %l, %i, %w of layer 0 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x3xf32>
    return
  }
}

// -----

moe.model @record_c1_rows family "null" context 16 vocabulary 8 from "." {
  func.func @f(%l: tensor<4x8xf32>, %i: tensor<?x2xi32>, %w: tensor<5x2xf32>) {
    // expected-error @+1 {{'sched.record' op 'weights' has 5 rows when 'logits' has 4}}
    sched.record %l, %i, %w of layer 0 : tensor<4x8xf32>, tensor<?x2xi32>, tensor<5x2xf32>
    return
  }
}

// -----

moe.model @record_c2 family "null" context 16 vocabulary 8 from "." {
  func.func @f(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.record' op layer is -3 when it should be at least 0}}
    sched.record %l, %i, %w of layer -3 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}
