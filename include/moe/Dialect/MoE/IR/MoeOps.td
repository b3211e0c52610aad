//===- MoeOps.td - the operations of the moe dialect ----------------------===//
//
// Each operand and attribute carries a sentence. A constraint has one name,
// <op>_c<N>, in docs/Spec.md, here, in the verifier and in the test.
//===----------------------------------------------------------------------===//
#ifndef MOE_DIALECT_MOE_IR_MOEOPS_TD
#define MOE_DIALECT_MOE_IR_MOEOPS_TD

include "moe/Dialect/MoE/IR/MoeDialect.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Vocabulary of operands
//===----------------------------------------------------------------------===//

/// Activations: one row per token, f32.
def Moe_Rows : 2DTensorOf<[F32]>;
/// One number per row: token, sequence, position or row index.
def Moe_Indices : 1DTensorOf<[I32]>;
/// Chosen experts: one row per token.
def Moe_Choice : 2DTensorOf<[I32]>;

class Moe_Op<string mnemonic, list<Trait> traits = []>
    : Op<Moe_Dialect, mnemonic, traits>;

/// An operation that computes values and names weights of the model.
class Moe_ComputeOp<string mnemonic, list<Trait> traits = []>
    : Moe_Op<mnemonic, !listconcat([Pure], traits)>;
class Moe_WeightUser<string mnemonic, list<Trait> traits = []>
    : Moe_ComputeOp<mnemonic, !listconcat(
        [DeclareOpInterfaceMethods<SymbolUserOpInterface>], traits)>;

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

def Moe_ModelOp : Moe_Op<"model", [
    IsolatedFromAbove, NoRegionArguments, NoTerminator, SingleBlock, Symbol,
    SymbolTable]> {
  let summary = "one language model: weights, tables and its functions";
  let description = [{
    Holds the weights and tables as symbols, and the function `@forward`, which
    computes logits of the wanted rows of a ragged batch:

    ```mlir
    func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
                       %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
                       %kv: !moe.kv<6 x 2 x 32 x f32>)
        -> (tensor<?x2048xf32>, !moe.kv<6 x 2 x 32 x f32>)
    ```

    `directory` is where the files of the weights' extents lie.

    Constraints:
    * (model_c1) context and vocabulary are at least 1.
    * (model_c2) a function named `forward`, if present, has the signature above.

    Example:
    ```mlir
    moe.model @tiny family "null" context 16 vocabulary 8 from "." {
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$family,
    I64Attr:$context, I64Attr:$vocabulary, StrAttr:$directory);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `family` $family `context` $context `vocabulary` $vocabulary
    `from` $directory attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Moe_WeightOp : Moe_Op<"weight", [Symbol, HasParent<"ModelOp">]> {
  let summary = "a constant tensor whose values stay in a file";
  let description = [{
    The values are the concatenation of `#moe.extent`s, or a `#moe.splat`,
    `#moe.random` or `#moe.values`. A linear map of K inputs and N outputs is `tensor<NxK>`; the
    weights of E experts are `tensor<ExNxK>`, one after the other.

    Constraints:
    * (weight_c1) the type is static, of f32, f16 or bf16, and not empty.
    * (weight_c2) the sources are extents, or exactly one splat, random or values.
    * (weight_c3) the extents' lengths add up to the tensor's bytes; values list
      every element.

    Example:
    ```mlir
    moe.weight @head : tensor<8x4xbf16> from [#moe.extent<"model.safetensors", 72, 64>]
    moe.weight @norm : tensor<4xf32> from [#moe.splat<1.0 : f32>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    TypeAttrOf<AnyRankedTensor>:$type, ArrayAttr:$sources);
  let assemblyFormat = "$sym_name `:` $type `from` $sources attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// Bytes of all elements.
    uint64_t getByteSize();
  }];
}

def Moe_RopeTableOp : Moe_Op<"rope_table", [Symbol, HasParent<"ModelOp">]> {
  let summary = "angles of a rotary position embedding";
  let description = [{
    Position p turns pair i of a head by `p * frequencies[i]` radians; results
    are multiplied by `gain` (1 except for yarn and longrope scaling). Cosines
    and sines are computed in float64 when a session starts and kept as f32.

    Constraints:
    * (rope_table_c1) there is at least one frequency, and all are finite.

    Example:
    ```mlir
    moe.rope_table @rope half frequencies [1.0, 0.01] gain 1.0
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Moe_RopeLayoutAttr:$layout,
    F64ArrayAttr:$frequencies, F64Attr:$gain);
  let assemblyFormat = [{
    $sym_name $layout `frequencies` $frequencies `gain` $gain attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Rows in and out
//===----------------------------------------------------------------------===//

def Moe_EmbedOp : Moe_WeightUser<"embed"> {
  let summary = "look up one row of a table per token";
  let description = [{
    `result[r, :] = f32(table[tokens[r], :])`. Tokens lie in [0, rows of the
    table); the runtime refuses others before it calls the function.

    Constraints:
    * (embed_c1) the table is a weight of rank 2 whose second dimension is the result's.

    Example:
    ```mlir
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Moe_Indices:$tokens, FlatSymbolRefAttr:$table);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $tokens `by` $table attr-dict `:` type($tokens) `->` type($result)
  }];
}

def Moe_PickOp : Moe_ComputeOp<"pick"> {
  let summary = "take some rows, in a given order";
  let description = [{
    `result[i, :] = input[rows[i], :]`. Keeps the head's work to the rows whose
    logits somebody wants.

    Constraints:
    * (pick_c1) input and result have the same number of features.

    Example:
    ```mlir
    %last = moe.pick %x rows %wanted : tensor<?x256xf32>, tensor<?xi32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Moe_Rows:$input, Moe_Indices:$rows);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $input `rows` $rows attr-dict `:` type($input) `,` type($rows) `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Row-wise arithmetic
//===----------------------------------------------------------------------===//

def Moe_NormOp : Moe_WeightUser<"norm", [SameOperandsAndResultType]> {
  let summary = "normalise each row, or each group of a row";
  let description = [{
    With d features per group: rms: `x / sqrt(mean(x^2) + epsilon) * w`;
    layer: `(x - mean(x)) / sqrt(var(x) + epsilon) * w`. `groups` equal parts of
    the row are normalised one by one with the same weight of d elements
    (per-head norms); 1 means the whole row.

    Constraints:
    * (norm_c1) epsilon is finite and not negative.
    * (norm_c2) groups is at least 1 and divides the features.
    * (norm_c3) the scale is a weight of rank 1 with features/groups elements.

    Example:
    ```mlir
    %h = moe.norm rms %x by @norm epsilon 1.0e-06 groups 1 : tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Moe_NormKindAttr:$kind, Moe_Rows:$input,
    FlatSymbolRefAttr:$scale, F64Attr:$epsilon, I64Attr:$groups);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $kind $input `by` $scale `epsilon` $epsilon `groups` $groups attr-dict
    `:` type($input)
  }];
  let hasVerifier = 1;
}

def Moe_LinearOp : Moe_WeightUser<"linear"> {
  let summary = "multiply each row by a weight matrix";
  let description = [{
    `result[r, n] = sum_k input[r, k] * f32(weight[n, k]) + f32(bias[n])`, in
    f32.

    Constraints:
    * (linear_c1) the weight has rank 2: result features x input features.
    * (linear_c2) the bias, if any, has rank 1 and one element per result feature.

    Example:
    ```mlir
    %q = moe.linear %h by @layers.0.q bias @layers.0.q_bias : tensor<?x256xf32> -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins Moe_Rows:$input, FlatSymbolRefAttr:$weight,
    OptionalAttr<FlatSymbolRefAttr>:$bias);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $input `by` $weight (`bias` $bias^)? attr-dict `:` type($input) `->` type($result)
  }];
}

def Moe_AddOp : Moe_ComputeOp<"add", [SameOperandsAndResultType]> {
  let summary = "add two rows of features";
  let description = [{
    Example:
    ```mlir
    %x1 = moe.add %x0, %o : tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Moe_Rows:$lhs, Moe_Rows:$rhs);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

def Moe_ClampOp : Moe_ComputeOp<"clamp", [SameOperandsAndResultType]> {
  let summary = "limit every feature to [-limit, limit]";
  let description = [{
    Constraints:
    * (clamp_c1) the limit is positive.

    Example:
    ```mlir
    %c = moe.clamp %q to 8.0 : tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Moe_Rows:$input, F64Attr:$limit);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = "$input `to` $limit attr-dict `:` type($input)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Moe_RopeOp : Moe_WeightUser<"rope", [
    TypesMatchWith<"the result has the input's type", "input", "result", "$_self">]> {
  let summary = "turn pairs of features by an angle that grows with position";
  let description = [{
    Each of `heads` equal parts of a row has d features; the first 2*F of them
    turn, F being the table's number of frequencies. Pair i is (i, i+F) in the
    half layout and (2i, 2i+1) in the interleaved one:
    `(a, b) -> gain * (a cos t - b sin t, b cos t + a sin t)` with
    `t = position * frequencies[i]`.

    Constraints:
    * (rope_c1) heads is at least 1 and divides the features.
    * (rope_c2) a head has at least twice as many features as there are frequencies.

    Example:
    ```mlir
    %r = moe.rope %q at %positions by @rope heads 8 : tensor<?x256xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Moe_Rows:$input, Moe_Indices:$positions,
    FlatSymbolRefAttr:$table, I64Attr:$heads);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $input `at` $positions `by` $table `heads` $heads attr-dict
    `:` type($input) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def Moe_KvAppendOp : Moe_ComputeOp<"kv_append", [
    TypesMatchWith<"keys and values have one type", "keys", "values", "$_self">,
    TypesMatchWith<"the result has the state's type", "kv", "result", "$_self">,
    TypesMatchWith<"sequences and positions have one type", "positions", "sequences", "$_self">]> {
  let summary = "store the keys and values of new rows";
  let description = [{
    Row r becomes key and value of position `positions[r]` of sequence
    `sequences[r]` in one layer. Positions already stored are replaced.

    Constraints:
    * (kv_append_c1) the layer lies in the state.
    * (kv_append_c2) keys and values have heads x head_dim features.

    Example:
    ```mlir
    %kv1 = moe.kv_append %k, %v into %kv0 layer 0 at %sequences, %positions
      : tensor<?x64xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 32 x f32>
    ```
  }];
  let arguments = (ins Moe_Rows:$keys, Moe_Rows:$values, Moe_KvType:$kv,
    I64Attr:$layer, Moe_Indices:$sequences, Moe_Indices:$positions);
  let results = (outs Moe_KvType:$result);
  let assemblyFormat = [{
    $keys `,` $values `into` $kv `layer` $layer `at` $sequences `,` $positions
    attr-dict `:` type($keys) `,` type($positions) `,` type($kv)
  }];
  let hasVerifier = 1;
}

def Moe_AttentionOp : Moe_ComputeOp<"attention", [
    TypesMatchWith<"the result has the queries' type", "queries", "result", "$_self">,
    TypesMatchWith<"sequences and positions have one type", "positions", "sequences", "$_self">]> {
  let summary = "causal attention of each row over its own sequence";
  let description = [{
    Row r sees the positions p of `sequences[r]` with `p <= positions[r]`, and
    with a window W only those with `p > positions[r] - W`. Query head h reads
    key/value head `h / (heads / kv heads)`:
    `result = softmax_p(scale * q . k[p]) v[p]`.

    Constraints:
    * (attention_c1) the layer lies in the state.
    * (attention_c2) heads is a multiple of the state's heads.
    * (attention_c3) queries have heads x head_dim features.
    * (attention_c4) the window, if any, is at least 1.

    Example:
    ```mlir
    %a = moe.attention %q over %kv1 layer 0 at %sequences, %positions heads 8 scale 0.125
      : tensor<?x256xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 32 x f32>
    ```
  }];
  let arguments = (ins Moe_Rows:$queries, Moe_KvType:$kv, I64Attr:$layer,
    Moe_Indices:$sequences, Moe_Indices:$positions, I64Attr:$heads,
    F64Attr:$scale, OptionalAttr<I64Attr>:$window);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $queries `over` $kv `layer` $layer `at` $sequences `,` $positions
    `heads` $heads `scale` $scale (`window` $window^)? attr-dict
    `:` type($queries) `,` type($positions) `,` type($kv)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Feed-forward: dense, routed and shared
//===----------------------------------------------------------------------===//

def Moe_MlpOp : Moe_WeightUser<"mlp", [SameOperandsAndResultType]> {
  let summary = "gated feed-forward network, dense or as a shared expert";
  let description = [{
    `down (act(gate x) * (up x))`. As a shared expert it may have a gate of its
    own: with `gated by g` (a 1 x D weight) the result is multiplied by
    `sigmoid(g . x)`, one number per row.

    Constraints:
    * (mlp_c1) gate and up are weights of width x features.
    * (mlp_c2) down is a weight of features x width.
    * (mlp_c3) the shared gate, if any, is a weight of 1 x features.

    Example:
    ```mlir
    %y = moe.mlp %x gate @g up @u down @d silu gated by @s : tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Moe_Rows:$input, FlatSymbolRefAttr:$gate,
    FlatSymbolRefAttr:$up, FlatSymbolRefAttr:$down,
    Moe_ActivationAttr:$activation, OptionalAttr<FlatSymbolRefAttr>:$sharedGate);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $input `gate` $gate `up` $up `down` $down $activation
    (`gated` `by` $sharedGate^)? attr-dict `:` type($input)
  }];
}

def Moe_RouteOp : Moe_ComputeOp<"route"> {
  let summary = "choose the experts of each row and weigh them";
  let description = [{
    Chooses the k largest scores of a row, largest first; equal scores go to
    the lower expert. Scores are the softmax or sigmoid of the logits
    (`softmax`, `sigmoid`), and the chosen scores are the weights; with
    `softmax_selected` the logits select and the weights are the softmax over
    the k chosen. `renormalize` divides the weights of a row by their sum. Last,
    the weights are multiplied by `scale`.

    Constraints:
    * (route_c1) k is between 1 and the number of experts.
    * (route_c2) the results have k columns.
    * (route_c3) scale is finite.

    Example:
    ```mlir
    %ids, %w = moe.route %logits top 2 softmax renormalize scale 1.0
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    ```
  }];
  let arguments = (ins Moe_Rows:$logits, I64Attr:$k, Moe_RouteScoreAttr:$score,
    UnitAttr:$renormalize, F64Attr:$scale);
  let results = (outs Moe_Choice:$experts, Moe_Rows:$weights);
  let assemblyFormat = [{
    $logits `top` $k $score (`renormalize` $renormalize^)? `scale` $scale
    attr-dict `:` type($logits) `->` type($experts) `,` type($weights)
  }];
  let hasVerifier = 1;
}

def Moe_ExpertsOp : Moe_WeightUser<"experts", [
    TypesMatchWith<"the result has the input's type", "input", "result", "$_self">]> {
  let summary = "run the chosen experts of each row and add them up";
  let description = [{
    `result[r] = sum_j weights[r, j] * down[e] (act(gate[e] x) * (up[e] x))`
    with `e = experts[r, j]`, added in ascending order of e whatever the order
    of j, so that the result does not depend on ranking or batch.

    Constraints:
    * (experts_c1) gate and up are weights of experts x width x features.
    * (experts_c2) down is a weight of experts x features x width.
    * (experts_c3) experts and weights have the same shape.
    * (experts_c4) no row chooses more experts than there are.

    Example:
    ```mlir
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu
      : tensor<?x256xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    ```
  }];
  let arguments = (ins Moe_Rows:$input, Moe_Choice:$experts, Moe_Rows:$weights,
    FlatSymbolRefAttr:$gate, FlatSymbolRefAttr:$up, FlatSymbolRefAttr:$down,
    Moe_ActivationAttr:$activation);
  let results = (outs Moe_Rows:$result);
  let assemblyFormat = [{
    $input `to` $experts `,` $weights `gate` $gate `up` $up `down` $down
    $activation attr-dict `:` type($input) `,` type($experts) `,` type($weights)
  }];
  let hasVerifier = 1;
}

#endif // MOE_DIALECT_MOE_IR_MOEOPS_TD
