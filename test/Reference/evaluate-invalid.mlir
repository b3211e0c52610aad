// RUN: moe-opt --moe-evaluate %s --split-input-file --verify-diagnostics

// expected-error @+1 {{the module has 0 models, 1 is evaluated}}
module {
}

// -----

// expected-error @+1 {{model @m has no function @main}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
}

// -----

// expected-error @+1 {{function @main takes tensors, which cannot be given here}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main(%x: tensor<1x1xf32>) {
    return
  }
}

// -----

// expected-error @+1 {{function @main has no body}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func private @main()
}

// -----

// expected-error @+1 {{calls are nested deeper than 64}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() {
    call @main() : () -> ()
    return
  }
}

// -----

// expected-error @+1 {{arith.addf: has no meaning to the evaluator}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() -> tensor<1x1xf32> {
    %x = arith.constant dense<1.0> : tensor<1x1xf32>
    %y = arith.addf %x, %x : tensor<1x1xf32>
    return %y : tensor<1x1xf32>
  }
}

// -----

// expected-error @+1 {{arith.constant: is not a tensor of rank 1 or 2}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() -> f32 {
    %x = arith.constant 1.0 : f32
    return %x : f32
  }
}

// -----

// expected-error @+1 {{arith.constant: has type tensor<1x1xf64>, rows of f32 and one or two dimensions of i32 are known}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() -> tensor<1x1xf64> {
    %x = arith.constant dense<1.0> : tensor<1x1xf64>
    return %x : tensor<1x1xf64>
  }
}

// -----

// expected-error @+1 {{moe.embed: ./no-such-file: cannot be opened: No such file or directory}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<1x1xf32> from [#moe.extent<"no-such-file", 0, 4>]
  func.func @main() -> tensor<1x1xf32> {
    %t = arith.constant dense<0> : tensor<1xi32>
    %x = moe.embed %t by @w : tensor<1xi32> -> tensor<1x1xf32>
    return %x : tensor<1x1xf32>
  }
}

// -----

// expected-error @+1 {{moe.embed: token -1 requested, there are 2}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<2x1xf32> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<1x1xf32> {
    %t = arith.constant dense<-1> : tensor<1xi32>
    %x = moe.embed %t by @w : tensor<1xi32> -> tensor<1x1xf32>
    return %x : tensor<1x1xf32>
  }
}

// -----

// expected-error @+1 {{moe.pick: row 2 requested, there are 2}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() -> tensor<1x1xf32> {
    %x = arith.constant dense<1.0> : tensor<2x1xf32>
    %rows = arith.constant dense<2> : tensor<1xi32>
    %y = moe.pick %x rows %rows : tensor<2x1xf32>, tensor<1xi32> -> tensor<1x1xf32>
    return %y : tensor<1x1xf32>
  }
}

// -----

// expected-error @+1 {{moe.linear: result 0 has 1 rows, its type has 3}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<1x1xf32> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<3x1xf32> {
    %t = arith.constant dense<0> : tensor<1xi32>
    %x = moe.embed %t by @w : tensor<1xi32> -> tensor<?x1xf32>
    %y = moe.linear %x by @w : tensor<?x1xf32> -> tensor<3x1xf32>
    return %y : tensor<3x1xf32>
  }
}

// -----

// Two tensors of unknown size may meet with different ones.
// expected-error @+1 {{moe.add: operands have 2 and 1 rows}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<1x1xf32> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<?x1xf32> {
    %t2 = arith.constant dense<0> : tensor<2xi32>
    %t1 = arith.constant dense<0> : tensor<1xi32>
    %x2 = moe.embed %t2 by @w : tensor<2xi32> -> tensor<?x1xf32>
    %x1 = moe.embed %t1 by @w : tensor<1xi32> -> tensor<?x1xf32>
    %y = moe.add %x2, %x1 : tensor<?x1xf32>
    return %y : tensor<?x1xf32>
  }
}

// -----

// expected-error @+1 {{moe.rope: there are 2 rows and 1 positions}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<1x2xf32> from [#moe.splat<1.0 : f32>]
  moe.rope_table @r half frequencies [1.0] gain 1.0
  func.func @main() -> tensor<?x2xf32> {
    %t = arith.constant dense<0> : tensor<2xi32>
    %x = moe.embed %t by @w : tensor<2xi32> -> tensor<?x2xf32>
    %p = arith.constant dense<0> : tensor<1xi32>
    %y = moe.rope %x at %p by @r heads 1 : tensor<?x2xf32>, tensor<1xi32>
    return %y : tensor<?x2xf32>
  }
}

// -----

// expected-error @+1 {{moe.kv_append: there are 2 rows and 1 sequences}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<1x1xf32> from [#moe.splat<1.0 : f32>]
  func.func @main(%kv: !moe.kv<1 x 1 x 1 x f32>) -> !moe.kv<1 x 1 x 1 x f32> {
    %t = arith.constant dense<0> : tensor<2xi32>
    %x = moe.embed %t by @w : tensor<2xi32> -> tensor<?x1xf32>
    %p = arith.constant dense<0> : tensor<1xi32>
    %kv1 = moe.kv_append %x, %x into %kv layer 0 at %p, %p
      : tensor<?x1xf32>, tensor<1xi32>, !moe.kv<1 x 1 x 1 x f32>
    return %kv1 : !moe.kv<1 x 1 x 1 x f32>
  }
}

// -----

// expected-error @+1 {{moe.attention: row 0 sees none of the positions 0 to 3 of sequence 5}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main(%kv: !moe.kv<1 x 1 x 1 x f32>) -> tensor<1x1xf32> {
    %x = arith.constant dense<1.0> : tensor<1x1xf32>
    %s = arith.constant dense<5> : tensor<1xi32>
    %p = arith.constant dense<3> : tensor<1xi32>
    %y = moe.attention %x over %kv layer 0 at %s, %p heads 1 scale 1.0
      : tensor<1x1xf32>, tensor<1xi32>, !moe.kv<1 x 1 x 1 x f32>
    return %y : tensor<1x1xf32>
  }
}

// -----

// 0x7FC00000 is a NaN.
// expected-error @+1 {{moe.route: row 1 has a logit that is not a number}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() -> (tensor<2x1xi32>, tensor<2x1xf32>) {
    %x = arith.constant dense<[[1.0, 2.0], [0x7FC00000, 1.0]]> : tensor<2x2xf32>
    %ids, %w = moe.route %x top 1 softmax scale 1.0
      : tensor<2x2xf32> -> tensor<2x1xi32>, tensor<2x1xf32>
    return %ids, %w : tensor<2x1xi32>, tensor<2x1xf32>
  }
}

// -----

// expected-error @+1 {{moe.experts: expert 9 requested, model has 2}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<2x1x1xf32> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<1x1xf32> {
    %x = arith.constant dense<1.0> : tensor<1x1xf32>
    %ids = arith.constant dense<[[0, 9]]> : tensor<1x2xi32>
    %w = arith.constant dense<1.0> : tensor<1x2xf32>
    %y = moe.experts %x to %ids, %w gate @w up @w down @w relu
      : tensor<1x1xf32>, tensor<1x2xi32>, tensor<1x2xf32>
    return %y : tensor<1x1xf32>
  }
}

// -----

// expected-error @+1 {{moe.experts: there are 2 rows, 1 rows of experts and 1 rows of weights}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @table : tensor<1x1xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @w : tensor<2x1x1xf32> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<?x1xf32> {
    %t = arith.constant dense<0> : tensor<2xi32>
    %x = moe.embed %t by @table : tensor<2xi32> -> tensor<?x1xf32>
    %ids = arith.constant dense<[[0, 1]]> : tensor<1x2xi32>
    %w = arith.constant dense<1.0> : tensor<1x2xf32>
    %y = moe.experts %x to %ids, %w gate @w up @w down @w relu
      : tensor<?x1xf32>, tensor<1x2xi32>, tensor<1x2xf32>
    return %y : tensor<?x1xf32>
  }
}

// -----

// 0x7F800000 is infinite; what is finite may be so no more in f32.
// expected-error @+1 {{moe.quantize: row 1 has feature 0 that is not finite in f32}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  func.func @main() -> tensor<2x2x!moe.quantized<i8>> {
    %x = arith.constant dense<[[1.0, 2.0], [0x7F800000, 1.0]]> : tensor<2x2xf32>
    %q = moe.quantize %x : tensor<2x2xf32> -> tensor<2x2x!moe.quantized<i8>>
    return %q : tensor<2x2x!moe.quantized<i8>>
  }
}

// -----

// expected-error @+1 {{moe.mlp: row 0 has feature 1 that is not finite in f32}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @g : tensor<2x1xf32> from [#moe.values<[1.0, 3.0e+38]>]
  moe.weight @d : tensor<1x2xf32> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<1x1xf32> {
    %x = arith.constant dense<2.0> : tensor<1x1xf32>
    %y = moe.mlp %x gate @g up @g down @d identity : tensor<1x1xf32>
    return %y : tensor<1x1xf32>
  }
}

// -----

// expected-error-re @+1 {{moe.linear: weight @w: scheme q9 is unknown, known are none, {{.*}}q8}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<1x2xf32> stored as #moe.code<"q9", planes, bits = 8> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<1x1xf32> {
    %x = arith.constant dense<1.0> : tensor<1x2xf32>
    %q = moe.quantize %x : tensor<1x2xf32> -> tensor<1x2x!moe.quantized<i8>>
    %y = moe.linear %q by @w : tensor<1x2x!moe.quantized<i8>> -> tensor<1x1xf32>
    return %y : tensor<1x1xf32>
  }
}

// -----

// expected-error @+1 {{moe.linear: weight @w: row 0, column 1 is nan when weights should be finite}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @w : tensor<1x2xf32> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.values<[1.0, 0x7FF8000000000000]>]
  func.func @main() -> tensor<1x1xf32> {
    %x = arith.constant dense<1.0> : tensor<1x2xf32>
    %q = moe.quantize %x : tensor<1x2xf32> -> tensor<1x2x!moe.quantized<i8>>
    %y = moe.linear %q by @w : tensor<1x2x!moe.quantized<i8>> -> tensor<1x1xf32>
    return %y : tensor<1x1xf32>
  }
}

// -----

// Two tensors of unknown size may meet with different ones.
// expected-error @+1 {{moe.mlp: there are 2 rows, and 1 for the shared gate}}
moe.model @m family "null" context 1 vocabulary 1 from "." {
  moe.weight @table : tensor<1x1xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @w : tensor<1x1xf32> stored as #moe.code<"q8", planes, bits = 8, offset = 128> from [#moe.splat<1.0 : f32>]
  func.func @main() -> tensor<?x1xf32> {
    %t2 = arith.constant dense<0> : tensor<2xi32>
    %t1 = arith.constant dense<0> : tensor<1xi32>
    %x2 = moe.embed %t2 by @table : tensor<2xi32> -> tensor<?x1xf32>
    %x1 = moe.embed %t1 by @table : tensor<1xi32> -> tensor<?x1xf32>
    %q = moe.quantize %x2 : tensor<?x1xf32> -> tensor<?x1x!moe.quantized<i8>>
    %y = moe.mlp %q gate @w up @w down @w identity gated by @table of %x1
      : tensor<?x1x!moe.quantized<i8>>, tensor<?x1xf32>
    return %y : tensor<?x1xf32>
  }
}
