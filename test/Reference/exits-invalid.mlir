// RUN: moe-opt --moe-evaluate %s --split-input-file --verify-diagnostics

// What only data can get wrong.

// expected-error @+1 {{moe.pick: row 2 requested, there are 2}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %c_a = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_a = arith.constant dense<[0, 1]> : tensor<2xi32>
    %a = moe.pick %c_a rows %i_a : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_r = arith.constant dense<[2]> : tensor<1xi32>
    %i_r = arith.constant dense<[0]> : tensor<1xi32>
    %r = moe.pick %c_r rows %i_r : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %y = moe.pick %a rows %r : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    return
  }
}

// -----

// expected-error @+1 {{moe.place: there are 2 rows and 1 places}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %k_t = arith.constant dense<1.0> : tensor<3x1xf32>
    %j_t = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
    %t = moe.pick %k_t rows %j_t : tensor<3x1xf32>, tensor<3xi32> -> tensor<?x1xf32>
    %c_r = arith.constant dense<[0]> : tensor<1xi32>
    %i_r = arith.constant dense<[0]> : tensor<1xi32>
    %r = moe.pick %c_r rows %i_r : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %y = moe.place %x rows %r into %t : tensor<?x1xf32>, tensor<?xi32>, tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.place: place 3 requested, there are 3}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %k_t = arith.constant dense<1.0> : tensor<3x1xf32>
    %j_t = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
    %t = moe.pick %k_t rows %j_t : tensor<3x1xf32>, tensor<3xi32> -> tensor<?x1xf32>
    %c_r = arith.constant dense<[0, 3]> : tensor<2xi32>
    %i_r = arith.constant dense<[0, 1]> : tensor<2xi32>
    %r = moe.pick %c_r rows %i_r : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %y = moe.place %x rows %r into %t : tensor<?x1xf32>, tensor<?xi32>, tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.place: place 1 is named twice}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %k_t = arith.constant dense<1.0> : tensor<3x1xf32>
    %j_t = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
    %t = moe.pick %k_t rows %j_t : tensor<3x1xf32>, tensor<3xi32> -> tensor<?x1xf32>
    %c_r = arith.constant dense<[1, 1]> : tensor<2xi32>
    %i_r = arith.constant dense<[0, 1]> : tensor<2xi32>
    %r = moe.pick %c_r rows %i_r : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %y = moe.place %x rows %r into %t : tensor<?x1xf32>, tensor<?xi32>, tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.enter: row 2 requested, there are 2}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %c_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %p = moe.pick %c_p rows %i_p : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_w = arith.constant dense<[2]> : tensor<1xi32>
    %i_w = arith.constant dense<[0]> : tensor<1xi32>
    %w = moe.pick %c_w rows %i_w : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %e:3 = moe.enter %w at %p, %p
    return
  }
}

// -----

// expected-error @+1 {{moe.enter: there are 2 sequences and 1 positions}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %c_q = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_q = arith.constant dense<[0, 1]> : tensor<2xi32>
    %q = moe.pick %c_q rows %i_q : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_p = arith.constant dense<[0]> : tensor<1xi32>
    %i_p = arith.constant dense<[0]> : tensor<1xi32>
    %p = moe.pick %c_p rows %i_p : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_w = arith.constant dense<[0]> : tensor<1xi32>
    %i_w = arith.constant dense<[0]> : tensor<1xi32>
    %w = moe.pick %c_w rows %i_w : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %e:3 = moe.enter %w at %q, %p
    return
  }
}

// -----

// expected-error @+1 {{moe.exit: there are 1 scores and 2 entries that ask}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_s = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_s = arith.constant dense<[0]> : tensor<1xi32>
    %s = moe.pick %k_s rows %j_s : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %c_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %p = moe.pick %c_p rows %i_p : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_w = arith.constant dense<[1]> : tensor<1xi32>
    %i_w = arith.constant dense<[0]> : tensor<1xi32>
    %w = moe.pick %c_w rows %i_w : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_a2 = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_a2 = arith.constant dense<[0, 1]> : tensor<2xi32>
    %a2 = moe.pick %c_a2 rows %i_a2 : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_u = arith.constant dense<[0]> : tensor<1xi32>
    %i_u = arith.constant dense<[0]> : tensor<1xi32>
    %u = moe.pick %c_u rows %i_u : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %r:5 = moe.exit %s by "test" above 0.5 after 1 asking %a2 running %u due %u of %w at %p, %p : tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.exit: entry 1 requested, there are 1}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_s = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_s = arith.constant dense<[0]> : tensor<1xi32>
    %s = moe.pick %k_s rows %j_s : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %c_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %p = moe.pick %c_p rows %i_p : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_w = arith.constant dense<[1]> : tensor<1xi32>
    %i_w = arith.constant dense<[0]> : tensor<1xi32>
    %w = moe.pick %c_w rows %i_w : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_a = arith.constant dense<[1]> : tensor<1xi32>
    %i_a = arith.constant dense<[0]> : tensor<1xi32>
    %a = moe.pick %c_a rows %i_a : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_u = arith.constant dense<[0]> : tensor<1xi32>
    %i_u = arith.constant dense<[0]> : tensor<1xi32>
    %u = moe.pick %c_u rows %i_u : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_d = arith.constant dense<[0]> : tensor<1xi32>
    %i_d = arith.constant dense<[0]> : tensor<1xi32>
    %d = moe.pick %c_d rows %i_d : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %r:5 = moe.exit %s by "test" above 0.5 after 1 asking %a running %u due %d of %w at %p, %p : tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.exit: entry 2 requested, there are 1}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_s = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_s = arith.constant dense<[0]> : tensor<1xi32>
    %s = moe.pick %k_s rows %j_s : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %c_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %p = moe.pick %c_p rows %i_p : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_w = arith.constant dense<[1]> : tensor<1xi32>
    %i_w = arith.constant dense<[0]> : tensor<1xi32>
    %w = moe.pick %c_w rows %i_w : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_a = arith.constant dense<[0]> : tensor<1xi32>
    %i_a = arith.constant dense<[0]> : tensor<1xi32>
    %a = moe.pick %c_a rows %i_a : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_u = arith.constant dense<[0]> : tensor<1xi32>
    %i_u = arith.constant dense<[0]> : tensor<1xi32>
    %u = moe.pick %c_u rows %i_u : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_d = arith.constant dense<[2]> : tensor<1xi32>
    %i_d = arith.constant dense<[0]> : tensor<1xi32>
    %d = moe.pick %c_d rows %i_d : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %r:5 = moe.exit %s by "test" above 0.5 after 1 asking %a running %u due %d of %w at %p, %p : tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.exit: row 2 requested, there are 2}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_s = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_s = arith.constant dense<[0]> : tensor<1xi32>
    %s = moe.pick %k_s rows %j_s : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %c_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %p = moe.pick %c_p rows %i_p : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_w = arith.constant dense<[1]> : tensor<1xi32>
    %i_w = arith.constant dense<[0]> : tensor<1xi32>
    %w = moe.pick %c_w rows %i_w : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_a = arith.constant dense<[0]> : tensor<1xi32>
    %i_a = arith.constant dense<[0]> : tensor<1xi32>
    %a = moe.pick %c_a rows %i_a : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_u = arith.constant dense<[2]> : tensor<1xi32>
    %i_u = arith.constant dense<[0]> : tensor<1xi32>
    %u = moe.pick %c_u rows %i_u : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_d = arith.constant dense<[0]> : tensor<1xi32>
    %i_d = arith.constant dense<[0]> : tensor<1xi32>
    %d = moe.pick %c_d rows %i_d : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %r:5 = moe.exit %s by "test" above 0.5 after 1 asking %a running %u due %d of %w at %p, %p : tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.resume: there are 2 rows, 1 sequences and 1 positions}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main(%kv: !moe.kv<3 x 1 x 1 x f32>) {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %c_p = arith.constant dense<[0]> : tensor<1xi32>
    %i_p = arith.constant dense<[0]> : tensor<1xi32>
    %p = moe.pick %c_p rows %i_p : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %y = moe.resume %x at %p, %p from %kv : tensor<?x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    return
  }
}

// -----

// expected-error @+1 {{moe.resume: row 0 waits with 1 features, 2 requested}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main(%kv: !moe.kv<3 x 1 x 1 x f32>) {
    %k_x = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_x = arith.constant dense<[0]> : tensor<1xi32>
    %x = moe.pick %k_x rows %j_x : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %k_y = arith.constant dense<1.0> : tensor<1x2xf32>
    %j_y = arith.constant dense<[0]> : tensor<1xi32>
    %y = moe.pick %k_y rows %j_y : tensor<1x2xf32>, tensor<1xi32> -> tensor<?x2xf32>
    %c_p = arith.constant dense<[0]> : tensor<1xi32>
    %i_p = arith.constant dense<[0]> : tensor<1xi32>
    %p = moe.pick %c_p rows %i_p : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_g = arith.constant dense<[0]> : tensor<1xi32>
    %i_g = arith.constant dense<[0]> : tensor<1xi32>
    %g = moe.pick %c_g rows %i_g : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %kv1 = moe.park %x rows %g into %kv at %p, %p : tensor<?x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    %z = moe.resume %y at %p, %p from %kv1 : tensor<?x2xf32>, !moe.kv<3 x 1 x 1 x f32>
    return
  }
}

// -----

// expected-error @+1 {{moe.park: there are 2 rows, 1 sequences and 1 positions}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main(%kv: !moe.kv<3 x 1 x 1 x f32>) {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %c_p = arith.constant dense<[0]> : tensor<1xi32>
    %i_p = arith.constant dense<[0]> : tensor<1xi32>
    %p = moe.pick %c_p rows %i_p : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_g = arith.constant dense<[0]> : tensor<1xi32>
    %i_g = arith.constant dense<[0]> : tensor<1xi32>
    %g = moe.pick %c_g rows %i_g : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %kv1 = moe.park %x rows %g into %kv at %p, %p : tensor<?x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    return
  }
}

// -----

// expected-error @+1 {{moe.park: row 1 requested, there are 1}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main(%kv: !moe.kv<3 x 1 x 1 x f32>) {
    %k_x = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_x = arith.constant dense<[0]> : tensor<1xi32>
    %x = moe.pick %k_x rows %j_x : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %c_p = arith.constant dense<[0]> : tensor<1xi32>
    %i_p = arith.constant dense<[0]> : tensor<1xi32>
    %p = moe.pick %c_p rows %i_p : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %c_g = arith.constant dense<[1]> : tensor<1xi32>
    %i_g = arith.constant dense<[0]> : tensor<1xi32>
    %g = moe.pick %c_g rows %i_g : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %kv1 = moe.park %x rows %g into %kv at %p, %p : tensor<?x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    return
  }
}

// -----

// A state of a model with an exit behind layer 0, which this one has not.
// expected-error @+1 {{moe.exit: row 0 waits behind 1 layers, and was not resumed there}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @left(%kv: !moe.kv<3 x 1 x 1 x f32>) -> !moe.kv<3 x 1 x 1 x f32> {
    %c_p = arith.constant dense<[0]> : tensor<1xi32>
    %i_p = arith.constant dense<[0]> : tensor<1xi32>
    %p = moe.pick %c_p rows %i_p : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %k_s = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_s = arith.constant dense<[0]> : tensor<1xi32>
    %s = moe.pick %k_s rows %j_s : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %e:3 = moe.enter %p at %p, %p from %kv : !moe.kv<3 x 1 x 1 x f32>
    %r:5 = moe.exit %s by "test" above 0.5 after 1 asking %e#2 running %e#0 due %e#1 of %p at %p, %p from %kv : !moe.kv<3 x 1 x 1 x f32> : tensor<?x1xf32>
    %kv1 = moe.park %s rows %r#1 into %kv at %p, %p : tensor<?x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    return %kv1 : !moe.kv<3 x 1 x 1 x f32>
  }
  func.func @main(%kv: !moe.kv<3 x 1 x 1 x f32>) {
    %kv2 = call @left(%kv) : (!moe.kv<3 x 1 x 1 x f32>) -> !moe.kv<3 x 1 x 1 x f32>
    %c_q = arith.constant dense<[0, 0]> : tensor<2xi32>
    %i_q = arith.constant dense<[0, 1]> : tensor<2xi32>
    %q = moe.pick %c_q rows %i_q : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_p = arith.constant dense<[0, 1]> : tensor<2xi32>
    %p = moe.pick %c_p rows %i_p : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_w = arith.constant dense<[1]> : tensor<1xi32>
    %i_w = arith.constant dense<[0]> : tensor<1xi32>
    %w = moe.pick %c_w rows %i_w : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %e:3 = moe.enter %w at %q, %p from %kv2 : !moe.kv<3 x 1 x 1 x f32>
    %k_s = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_s = arith.constant dense<[0]> : tensor<1xi32>
    %s = moe.pick %k_s rows %j_s : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %r:5 = moe.exit %s by "test" above 2.0 after 2 asking %e#2 running %e#0 due %e#1 of %w at %q, %p from %kv2 : !moe.kv<3 x 1 x 1 x f32> : tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.confidence: row 0 has a logit that is not a number}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %x = arith.constant dense<[[0x7FC00000, 1.0]]> : tensor<1x2xf32>
    %y = moe.confidence top1 %x : tensor<1x2xf32> -> tensor<1x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.similarity: operands have 2 and 1 rows}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %k_y = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_y = arith.constant dense<[0]> : tensor<1xi32>
    %y = moe.pick %k_y rows %j_y : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %z = moe.similarity %x, %y : tensor<?x1xf32> -> tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.streak: there are 2 tokens, 1 before and 2 streaks}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %c_a = arith.constant dense<[0, 1]> : tensor<2xi32>
    %i_a = arith.constant dense<[0, 1]> : tensor<2xi32>
    %a = moe.pick %c_a rows %i_a : tensor<2xi32>, tensor<2xi32> -> tensor<?xi32>
    %c_b = arith.constant dense<[0]> : tensor<1xi32>
    %i_b = arith.constant dense<[0]> : tensor<1xi32>
    %b = moe.pick %c_b rows %i_b : tensor<1xi32>, tensor<1xi32> -> tensor<?xi32>
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %z = moe.streak %a after %b, %x : tensor<?xi32>, tensor<?xi32>, tensor<?x1xf32> -> tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.logistic: operands have 2 and 1 rows}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %k_y = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_y = arith.constant dense<[0]> : tensor<1xi32>
    %y = moe.pick %k_y rows %j_y : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %z = moe.logistic %x, %y by [1.0, 1.0] bias 0.0 : tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>
    return
  }
}

// -----

// expected-error @+1 {{moe.surplus: operands have 2 and 1 rows}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @slack : tensor<1x2xf32> from [#moe.splat<1.0 : f32>]
  func.func @main() {
    %k_x = arith.constant dense<1.0> : tensor<2x1xf32>
    %j_x = arith.constant dense<[0, 1]> : tensor<2xi32>
    %x = moe.pick %k_x rows %j_x : tensor<2x1xf32>, tensor<2xi32> -> tensor<?x1xf32>
    %k_y = arith.constant dense<1.0> : tensor<1x1xf32>
    %j_y = arith.constant dense<[0]> : tensor<1xi32>
    %y = moe.pick %k_y rows %j_y : tensor<1x1xf32>, tensor<1xi32> -> tensor<?x1xf32>
    %z = moe.surplus %x over %y within @slack of %x near %x : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>
    return
  }
}
