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

/// The second dimension is known; the number of rows need not be.
class Moe_Table<Type element> : RankedTensorOf<[element],
    [HasAnyRankOfPred<[2]>,
     CPred<"::llvm::cast<::mlir::ShapedType>($_self).getDimSize(1) >= 1">],
    "2D tensor with a static second dimension">;

/// Activations: one row per token, f32.
def Moe_Rows : Moe_Table<F32>;
/// Activations as 8-bit levels with one scale per row.
def Moe_QuantizedElement : Type<
    CPred<"::llvm::isa<::moe::QuantizedType>($_self)">, "!moe.quantized">;
def Moe_QuantizedRows : Moe_Table<Moe_QuantizedElement>;
/// What a linear map takes: f32 for plain weights, levels for coded ones.
def Moe_RowsOrQuantized : Moe_Table<AnyTypeOf<[F32, Moe_QuantizedElement]>>;
/// One number per row: token, sequence, position or row index.
def Moe_Indices : 1DTensorOf<[I32]>;
/// Chosen experts: one row per token.
def Moe_Choice : Moe_Table<I32>;

/// Rows of a table: features, or one number each.
def Moe_RowsOrIndices : Type<Or<[Moe_Rows.predicate, Moe_Indices.predicate]>,
    "2D tensor of f32 with a static second dimension, or 1D tensor of i32",
    "::mlir::RankedTensorType">;
/// Numbers of rows or entries, as many as there are. Its type is not written.
def Moe_RowSet : Type<CPred<"$_self == ::moe::getRowSetType($_self.getContext())">,
    "tensor<?xi32>", "::mlir::RankedTensorType">,
    BuildableType<"::moe::getRowSetType($_builder.getContext())">;
/// One number per row, as a table of one column.
def Moe_Scores : Type<And<[Moe_Rows.predicate,
    CPred<"::llvm::cast<::mlir::ShapedType>($_self).getDimSize(1) == 1">]>,
    "2D tensor of f32 with one column", "::mlir::RankedTensorType">;

/// The type of `other` is not written: it is that of `known`.
class Moe_SameType<string known, string other>
    : TypesMatchWith<known # " and " # other # " have one type", known, other,
                     "$_self">;

/// The type of `result` is not written: f32 rows in the shape of `known`.
class Moe_FloatRowsOf<string known, string result>
    : TypesMatchWith<result # " has f32 rows in the shape of " # known, known,
                     result, "::moe::getFloatRows($_self)">;

class Moe_Op<string mnemonic, list<Trait> traits = []>
    : Op<Moe_Dialect, mnemonic, traits>;

/// An operation that computes one value, which is called `name`, a C++
/// expression, in text.
class Moe_ComputeOp<string mnemonic, string name, list<Trait> traits = []>
    : Moe_Op<mnemonic, !listconcat([Pure,
        DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>],
        traits)> {
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) {
      setName(getResult(), }] # name # [{);
    }
  }];
}

/// An operation that names weights or tables of the model.
class Moe_WeightUser<string mnemonic, string name, list<Trait> traits = []>
    : Moe_ComputeOp<mnemonic, name, !listconcat(
        [DeclareOpInterfaceMethods<SymbolUserOpInterface>], traits)>;

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

def Moe_Declarations : OpDocGroup {
  let summary = "Declarations";
  let description = "A model, and the constants that its functions name.";
}

let opDocGroup = Moe_Declarations in {

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
    * (model_c1) context and vocabulary lie between 1 and 2147483647.
    * (model_c2) a symbol `forward`, if present, is a function with a body and
      the signature above, the logits having one column per word of the
      vocabulary.
    * (model_c3) the body holds only `moe.weight`, `moe.rope_table`, `func.func`
      and operations of other dialects that lie only in a `moe.model`.

    Example:
    ```mlir
    moe.model @tiny family "null" context 16 vocabulary 8 from "." {
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    Arg<StrAttr, "name of the model family that it was imported by">:$family,
    Arg<I64Attr, "most positions that a sequence may have">:$context,
    Arg<I64Attr, "tokens; a token lies in [0, vocabulary)">:$vocabulary,
    Arg<StrAttr, "folder of the files that extents name">:$directory);
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
    `#moe.random` or `#moe.values`. A linear map of K inputs and N outputs is
    `tensor<NxK>`; the weights of E experts are `tensor<ExNxK>`, one after the
    other.

    `stored as` a code, the module holds codes, and the sources are what is
    encoded, each matrix N x K on its own. With `columns rotated B` every block
    of B columns is rotated first, as `moe.quantize` rotates features, so that
    the weight multiplies rotated rows; with `rows rotated B` every block of B
    rows of a matrix is, so that its results come out rotated.

    Constraints:
    * (weight_c1) the type is static, of f32, f16 or bf16, not empty, and has
      fewer than 2^63 bytes.
    * (weight_c2) the sources are extents, or exactly one splat, random or values.
    * (weight_c3) the extents' lengths add up to the tensor's bytes; values list
      every element.
    * (weight_c4) only a weight of rank 2 or 3 is stored as a code, and its codes
      have fewer than 2^63 bytes.
    * (weight_c5) only a weight stored as a code is rotated; a block is a power of
      two between 2 and 65536 and divides the columns, or the rows of one matrix.

    Example:
    ```mlir
    moe.weight @head : tensor<8x4xbf16> from [#moe.extent<"model.safetensors", 72, 64>]
    moe.weight @norm : tensor<4xf32> from [#moe.splat<1.0 : f32>]
    moe.weight @q : tensor<64x64xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128>
      columns rotated 64 from [#moe.random<1, 0.5 : f32>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    Arg<TypeAttrOf<AnyRankedTensor>, "shape and element type of the values">:$type,
    Arg<OptionalAttr<Moe_CodeAttr>, "how the values are stored">:$code,
    Arg<OptionalAttr<I64Attr>, "columns of a rotated block">:$column_rotation,
    Arg<OptionalAttr<I64Attr>, "rows of a rotated block">:$row_rotation,
    Arg<ArrayAttr, "where the values come from">:$sources);
  let assemblyFormat = [{
    $sym_name `:` $type (`stored` `as` qualified($code)^)?
    (`columns` `rotated` $column_rotation^)? (`rows` `rotated` $row_rotation^)?
    `from` $sources attr-dict
  }];
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name,
      "::mlir::RankedTensorType":$type, "::mlir::ArrayAttr":$sources), [{
    build($_builder, $_state, name, type, /*code=*/{}, /*column_rotation=*/{},
          /*row_rotation=*/{}, sources);
  }]>];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// Bytes of all elements of the values.
    uint64_t getByteSize();
    /// Bytes that the module holds: of the codes, if it has one.
    uint64_t getStoredSize();
    /// Matrices that follow one another: experts of a bank, else 1.
    int64_t getMatrices();
    /// Rows and columns of one of them; a vector is one row.
    int64_t getRows();
    int64_t getColumns();
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
    * (rope_table_c2) the gain is finite.

    Example:
    ```mlir
    moe.rope_table @rope half frequencies [1.0, 0.01] gain 1.0
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    Arg<Moe_RopeLayoutAttr, "which two features of a head make a pair">:$layout,
    Arg<F64ArrayAttr, "radians per position, one per pair">:$frequencies,
    Arg<F64Attr, "factor of every turned feature">:$gain);
  let assemblyFormat = [{
    $sym_name `` $layout `frequencies` custom<Reals>($frequencies)
    `gain` custom<Real>($gain) attr-dict
  }];
  let hasVerifier = 1;
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Rows in and out
//===----------------------------------------------------------------------===//

def Moe_RowsInAndOut : OpDocGroup {
  let summary = "Rows in and out";
  let description = [{
    From tokens to rows of features, and to the rows that matter.
  }];
}

let opDocGroup = Moe_RowsInAndOut in {

def Moe_EmbedOp : Moe_WeightUser<"embed", [{"x"}]> {
  let summary = "look up one row of a table per token";
  let description = [{
    `result[r, :] = f32(table[tokens[r], :])`. Tokens lie in [0, vocabulary);
    the runtime refuses others before it calls the function.

    Constraints:
    * (embed_c1) the table is a weight of rank 2 whose second dimension is the result's.
    * (embed_c2) tokens and result have the same number of rows.
    * (embed_c3) the table has a row for every token of the model's vocabulary.
    * (embed_c4) the table is not stored as a code.

    Example:
    ```mlir
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Indices, "token of each row">:$tokens,
    Arg<FlatSymbolRefAttr, "weight: tokens x features">:$table);
  let results = (outs Res<Moe_Rows, "features of each token">:$result);
  let assemblyFormat = [{
    $tokens `by` $table attr-dict `:` type($tokens) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_PickOp : Moe_ComputeOp<"pick", [{"picked"}]> {
  let summary = "take some rows, in a given order";
  let description = [{
    `result[i, :] = input[rows[i], :]`, of features or of one number per row. Keeps
    the head's work to the rows whose logits somebody wants, and a layer's to the
    rows that run.

    Constraints:
    * (pick_c1) input and result have the same number of features, or both have
      one number per row.
    * (pick_c2) rows and result have the same number of rows.

    Example:
    ```mlir
    %last = moe.pick %x rows %wanted : tensor<?x256xf32>, tensor<?xi32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_RowsOrIndices, "rows to take from">:$input,
    Arg<Moe_Indices, "which rows of the input, in which order">:$rows);
  let results = (outs Res<Moe_RowsOrIndices, "the rows taken">:$result);
  let assemblyFormat = [{
    $input `rows` $rows attr-dict
    `:` type($input) `,` type($rows) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_PlaceOp : Moe_ComputeOp<"place", [{"placed"}], [
    Moe_SameType<"into", "result">]> {
  let summary = "put some rows into a table, in given places";
  let description = [{
    `result[rows[i], :] = input[i, :]`; the other rows are those of `into`. No
    place is named twice.

    Constraints:
    * (place_c1) input and table have the same number of features.
    * (place_c2) rows and input have the same number of rows.

    Example:
    ```mlir
    %all = moe.place %x rows %running into %before : tensor<?x256xf32>, tensor<?xi32>, tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "rows to put">:$input,
    Arg<Moe_Indices, "place of each">:$rows,
    Arg<Moe_Rows, "table with rows that stay">:$into);
  let results = (outs Res<Moe_Rows, "table with the rows put in">:$result);
  let assemblyFormat = [{
    $input `rows` $rows `into` $into attr-dict
    `:` type($input) `,` type($rows) `,` type($into)
  }];
  let hasVerifier = 1;
}

def Moe_ZerosOp : Moe_ComputeOp<"zeros", [{"zeros"}]> {
  let summary = "rows of zeros";
  let description = [{
    `result[i, :] = 0`, one row for each element of `like`.

    Constraints:
    * (zeros_c1) `like` and result have the same number of rows.

    Example:
    ```mlir
    %none = moe.zeros like %wanted : tensor<?xi32> -> tensor<?x2048xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Indices, "as many rows as this">:$like);
  let results = (outs Res<Moe_Rows, "zeros">:$result);
  let assemblyFormat = "`like` $like attr-dict `:` type($like) `->` type($result)";
  let hasVerifier = 1;
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Leaving early
//===----------------------------------------------------------------------===//

def Moe_LeavingEarly : OpDocGroup {
  let summary = "Leaving early";
  let description = [{
    Rows that are sure enough leave behind a layer; the others go on, close
    together. A batch has `rows`, numbered from 0, and `entries`: entry i wants
    the logits of row `wanted[i]`. Rows run, or are gone; an entry is due until its
    logits are known, and asks, as long as it may leave before the last layer.
  }];
}

let opDocGroup = Moe_LeavingEarly in {

def Moe_EnterOp : Moe_Op<"enter", [Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "which rows run in the first layer, and which entries may leave";
  let description = [{
    With a state, rows of positions that left in an earlier call, and whose features
    the state keeps (`moe.park`), wait; they do not run yet. All others run. All
    entries are due. Those ask that run and that the caller lets leave: all,
    unless the caller says otherwise. All results ascend.

    Example:
    ```mlir
    %running, %due, %asking = moe.enter %wanted at %sequences, %positions from %kv : !moe.kv<6 x 2 x 32 x f32>
    ```
  }];
  let arguments = (ins Arg<Moe_RowSet, "row of each entry">:$wanted,
    Arg<Moe_RowSet, "sequence of each row">:$sequences,
    Arg<Moe_RowSet, "position of each row in its sequence">:$positions,
    Arg<Optional<Moe_KvType>, "state that keeps rows that wait">:$kv);
  let results = (outs Res<Moe_RowSet, "rows that run">:$running,
    Res<Moe_RowSet, "entries without logits">:$due,
    Res<Moe_RowSet, "entries that may leave">:$asking);
  let assemblyFormat = [{
    $wanted `at` $sequences `,` $positions (`from` $kv^ `:` qualified(type($kv)))?
    attr-dict
  }];
}

def Moe_ExitOp : Moe_Op<"exit", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "let rows leave that are sure enough";
  let description = [{
    Stands behind decoder layer `layers - 1`, when so many layers have run. Entry
    `asking[j]` leaves if `scores[j] >= threshold`; a caller may give thresholds of
    its own for an exit or an entry. An entry that leaves is due no longer.

    A row is *served* when somebody wants it and all entries that do have left,
    here or before. Without a state, the rows that run go on unless they are
    served. With a state, the rows of a sequence go on together, so that none
    misses keys and values of another: if it has rows that ran from the first layer
    on and all of these are served, all its rows are gone; else all its rows that
    run go on, and its rows that wait behind this layer run from here on.

    `gone` are all rows that do not run on. `due` are the entries still due whose row
    runs on or may still join behind a later layer. `kept` and `leaving` are places
    in `asking`: of the entries that go on asking, and of those that leave. All
    results ascend.

    `taken` is the share of asking entries that left when somebody counted; the
    schedule makes use of it. `watched` are numbers of each asking entry for who
    records exits, and have no effect.

    Constraints:
    * (exit_c1) the number of layers lies between 1 and 2147483647.
    * (exit_c2) the threshold is not a NaN.
    * (exit_c3) the share lies in [0, 1].
    * (exit_c4) an exit that follows another, by the rows that run, stands behind a
      later layer.
    * (exit_c5) scores and watched numbers have the same number of rows.
    * (exit_c6) there is a state if and only if the `moe.enter` or the exit that the
      rows that run come from has one.

    Example:
    ```mlir
    %running2, %gone2, %due2, %kept2, %leaving2 = moe.exit %sure by "top1" above 0.9 after 2
      asking %asking running %running due %due of %wanted at %sequences, %positions
      : tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Scores, "how sure each asking entry is">:$scores,
    Arg<StrAttr, "name of the policy that made the scores">:$policy,
    Arg<F64Attr, "least score that leaves; may be infinite">:$threshold,
    Arg<I64Attr, "decoder layers that have run">:$layers,
    Arg<OptionalAttr<F64Attr>, "share of asking entries that leave here">:$taken,
    Arg<Moe_RowSet, "entries that may leave">:$asking,
    Arg<Moe_RowSet, "rows that ran up to here">:$running,
    Arg<Moe_RowSet, "entries without logits">:$due,
    Arg<Moe_RowSet, "row of each entry">:$wanted,
    Arg<Moe_RowSet, "sequence of each row">:$sequences,
    Arg<Moe_RowSet, "position of each row in its sequence">:$positions,
    Arg<Optional<Moe_KvType>, "state that keeps rows that wait">:$kv,
    Arg<Variadic<Moe_Scores>, "numbers for who records">:$watched);
  let results = (outs Res<Moe_RowSet, "rows that run on">:$running_on,
    Res<Moe_RowSet, "rows that do not">:$gone,
    Res<Moe_RowSet, "entries without logits">:$still_due,
    Res<Moe_RowSet, "places in asking: of entries that go on">:$kept,
    Res<Moe_RowSet, "places in asking: of entries that leave">:$leaving);
  let assemblyFormat = [{
    $scores `by` $policy `above` custom<Real>($threshold) `after` $layers
    (`taken` custom<Real>($taken)^)?
    `asking` $asking `running` $running `due` $due `of` $wanted
    `at` $sequences `,` $positions (`from` $kv^ `:` qualified(type($kv)))?
    (`watched` $watched^ `:` type($watched))? attr-dict `:` type($scores)
  }];
  let hasVerifier = 1;
}

def Moe_ResumeOp : Moe_ComputeOp<"resume", [{"resumed"}], [
    Moe_SameType<"input", "result">]> {
  let summary = "give rows that wait the features with which they left";
  let description = [{
    Row r becomes what `moe.park` stored for its position, if it did; the other
    rows stay.

    Example:
    ```mlir
    %x1 = moe.resume %x at %sequences, %positions from %kv : tensor<?x256xf32>, !moe.kv<6 x 2 x 32 x f32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "features of all rows">:$input,
    Arg<Moe_RowSet, "sequence of each row">:$sequences,
    Arg<Moe_RowSet, "position of each row in its sequence">:$positions,
    Arg<Moe_KvType, "state that keeps rows that wait">:$kv);
  let results = (outs Res<Moe_Rows, "features of all rows">:$result);
  let assemblyFormat = [{
    $input `at` $sequences `,` $positions `from` $kv attr-dict
    `:` type($input) `,` qualified(type($kv))
  }];
}

def Moe_ParkOp : Moe_ComputeOp<"park", [{"kv.parked"}], [
    Moe_SameType<"kv", "result">]> {
  let summary = "keep the rows that are gone until they are needed";
  let description = [{
    The state after keeps, of each row of `gone`, the features and how many layers
    made them: those behind which it stopped. What was kept of the other rows'
    positions is dropped, for they have run through all layers.

    Constraints:
    * (park_c1) if the rows come from a `moe.exit`, that has a state.

    Example:
    ```mlir
    %kv1 = moe.park %x rows %gone into %kv at %sequences, %positions : tensor<?x256xf32>, !moe.kv<6 x 2 x 32 x f32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "features of all rows">:$input,
    Arg<Moe_RowSet, "rows that are gone at the end">:$gone,
    Arg<Moe_KvType, "state before">:$kv,
    Arg<Moe_RowSet, "sequence of each row">:$sequences,
    Arg<Moe_RowSet, "position of each row in its sequence">:$positions);
  let results = (outs Res<Moe_KvType, "state after">:$result);
  let assemblyFormat = [{
    $input `rows` $gone `into` $kv `at` $sequences `,` $positions attr-dict
    `:` type($input) `,` qualified(type($kv))
  }];
  let hasVerifier = 1;
}

/// A number that says how sure a row is.
class Moe_ScoreOp<string mnemonic, string name, list<Trait> traits = []>
    : Moe_ComputeOp<mnemonic, name, traits>;

def Moe_ConfidenceOp : Moe_ScoreOp<"confidence", "stringifyConfidence(getKind()).str()"> {
  let summary = "how sure a row's distribution is";
  let description = [{
    With the softmax p of a row of logits over V columns, its largest element p1
    and the next p2 (equal to p1 if two are largest): `top1` is p1, `margin` is
    p1 - p2, `entropy` is `1 + (sum_i p[i] ln p[i]) / ln V` (1 if V is 1). All lie
    in [0, 1], and are larger the surer the row is.

    Constraints:
    * (confidence_c1) logits and result have the same number of rows.

    Source: top-1, margin: CALM (Schuster et al., 2022); entropy: BranchyNet
    (Teerapittayanon et al., 2016).

    Example:
    ```mlir
    %sure = moe.confidence top1 %logits : tensor<?x2048xf32> -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_ConfidenceAttr, "the formula">:$kind,
    Arg<Moe_Rows, "logits">:$logits);
  let results = (outs Res<Moe_Scores, "one number per row">:$result);
  let assemblyFormat = [{
    `` $kind $logits attr-dict `:` type($logits) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_SimilarityOp : Moe_ScoreOp<"similarity", [{"similarity"}], [
    Moe_SameType<"lhs", "rhs">]> {
  let summary = "cosine of two rows";
  let description = [{
    `result[r] = (a . b) / (|a| |b|)` of the rows a of lhs and b of rhs; 0 if one has
    no length.

    Constraints:
    * (similarity_c1) both inputs and the result have the same number of rows.

    Example:
    ```mlir
    %s = moe.similarity %x, %y : tensor<?x256xf32> -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "one row">:$lhs, Arg<Moe_Rows, "another">:$rhs);
  let results = (outs Res<Moe_Scores, "one number per row">:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `->` type($result)";
  let hasVerifier = 1;
}

def Moe_BestOp : Moe_ComputeOp<"best", [{"best"}]> {
  let summary = "the column with the largest element";
  let description = [{
    Of each row; the lowest of equal ones.

    Constraints:
    * (best_c1) input and result have the same number of rows.

    Example:
    ```mlir
    %token = moe.best %logits : tensor<?x2048xf32> -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "numbers">:$input);
  let results = (outs Res<Moe_Indices, "column of the largest of each row">:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Moe_StreakOp : Moe_ScoreOp<"streak", [{"streak"}], [AttrSizedOperandSegments]> {
  let summary = "how often in a row exits agreed";
  let description = [{
    `result[r] = streak[r] + 1` where best[r] is before[r], else 1; 1 everywhere if
    nothing was before.

    Constraints:
    * (streak_c1) all operands and the result have the same number of rows.
    * (streak_c2) there is a streak before if and only if there are tokens before.

    Source: PABEE (Zhou et al., 2020).

    Example:
    ```mlir
    %s1 = moe.streak %best1 : tensor<?xi32> -> tensor<?x1xf32>
    %s2 = moe.streak %best2 after %best1, %s1 : tensor<?xi32>, tensor<?xi32>, tensor<?x1xf32> -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Indices, "token of each row">:$best,
    Arg<Optional<Moe_Indices>, "token of each row at the exit before">:$before,
    Arg<Optional<Moe_Scores>, "streak at the exit before">:$streak);
  let results = (outs Res<Moe_Scores, "length of the streak">:$result);
  let assemblyFormat = [{
    $best (`after` $before^ `,` $streak)? attr-dict
    `:` type($best) (`,` type($before)^ `,` type($streak))? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_LogisticOp : Moe_ScoreOp<"logistic", [{"likelihood"}]> {
  let summary = "a likelihood by weighted features";
  let description = [{
    `result[r] = 1 / (1 + exp(-(bias + sum_i weights[i] * features[i][r])))`, the sum
    ascending in i, in f32.

    Constraints:
    * (logistic_c1) there is at least one feature, and one finite weight for each.
    * (logistic_c2) the bias is finite.
    * (logistic_c3) all features and the result have the same number of rows.

    Example:
    ```mlir
    %s = moe.logistic %top1, %margin by [2.5, 1.0] bias -1.5
      : tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Arg<Variadic<Moe_Scores>, "one number per row each">:$features,
    Arg<F64ArrayAttr, "weight of each feature">:$weights,
    Arg<F64Attr, "added to the sum">:$bias);
  let results = (outs Res<Moe_Scores, "likelihood, in (0, 1)">:$result);
  let assemblyFormat = [{
    $features `by` custom<Reals>($weights) `bias` custom<Real>($bias) attr-dict
    `:` type($features) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_SurplusOp : Moe_WeightUser<"surplus", [{"surplus"}], [
    Moe_SameType<"features", "near">]> {
  let summary = "by how much the best word of a shortlist certainly wins";
  let description = [{
    The logits of the words of a shortlist are known, `inside`; of the others only
    estimates are, `outside`, made of weights with errors. With a row x of the
    features that inside is made of, a row y near it that outside is made of, and the
    rows s of the slack:
    `result[r] = max_k inside[r, k] - max_j (outside[r, j] + s[j, 0] |x| + s[j, 1] |x - y|)`.

    If s[j, 0] bounds the length of the error of the weights w[j] that outside is made
    of, and s[j, 1] the length of those weights, then by Cauchy and Schwarz no logit
    outside is above its bound, and a surplus above 0 says that the best word
    of all is in the shortlist. Where a logit or a bound is not finite, the result is
    not a number.

    Constraints:
    * (surplus_c1) all operands and the result have the same number of rows.
    * (surplus_c2) the slack is a weight of columns of outside x 2, not stored as a
      code.

    Example:
    ```mlir
    %s = moe.surplus %inside over %outside within @slack of %x near %y
      : tensor<?x512xf32>, tensor<?x1536xf32>, tensor<?x256xf32> -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "logits of the shortlist">:$inside,
    Arg<Moe_Rows, "estimated logits of the other words">:$outside,
    Arg<FlatSymbolRefAttr, "weight: how far estimates may be off">:$slack,
    Arg<Moe_Rows, "features that logits are made of">:$features,
    Arg<Moe_Rows, "features that estimates are made of">:$near);
  let results = (outs Res<Moe_Scores, "one number per row">:$result);
  let assemblyFormat = [{
    $inside `over` $outside `within` $slack `of` $features `near` $near attr-dict
    `:` type($inside) `,` type($outside) `,` type($features) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_CertainOp : Moe_Op<"certain", [Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "which rows a shortlist suffices for";
  let description = [{
    Place j is certain if `surplus[j] > 0` and nobody wants more than the best word: a
    caller may want whole distributions, and then no place is. The others are
    unsure. Both results ascend.

    Example:
    ```mlir
    %certain, %unsure = moe.certain %s : tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Scores, "of each row, by how much it is certain">:$surplus);
  let results = (outs Res<Moe_RowSet, "places of rows that are certain">:$certain,
    Res<Moe_RowSet, "places of the others">:$unsure);
  let assemblyFormat = "$surplus attr-dict `:` type($surplus)";
}

def Moe_SpreadOp : Moe_ComputeOp<"spread", [{"spread"}]> {
  let summary = "put columns into a wider table, with nothing beside them";
  let description = [{
    `result[r, columns[i]] = input[r, i]`; the other columns are -inf.

    Constraints:
    * (spread_c1) there is one number for each column of the input; they ascend, and
      lie in [0, columns of the result).
    * (spread_c2) input and result have the same number of rows.

    Example:
    ```mlir
    %logits = moe.spread %inside to [0, 3, 5] : tensor<?x3xf32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "columns to place">:$input,
    Arg<DenseI32ArrayAttr, "place of each">:$columns);
  let results = (outs Res<Moe_Rows, "all columns">:$result);
  let assemblyFormat = [{
    $input `to` $columns attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Row-wise arithmetic
//===----------------------------------------------------------------------===//

def Moe_Arithmetic : OpDocGroup {
  let summary = "Row-wise arithmetic";
  let description = "No row sees another.";
}

let opDocGroup = Moe_Arithmetic in {

def Moe_NormOp : Moe_WeightUser<"norm", "nameAfter(getScale(), getScale())", [
    SameOperandsAndResultType]> {
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
  let arguments = (ins Arg<Moe_NormKindAttr, "the formula">:$kind,
    Arg<Moe_Rows, "rows to normalise">:$input,
    Arg<FlatSymbolRefAttr, "weight: features of a group">:$scale,
    Arg<F64Attr, "added under the root">:$epsilon,
    Arg<I64Attr, "equal parts of a row, normalised one by one">:$groups);
  let results = (outs Res<Moe_Rows, "normalised rows">:$result);
  let assemblyFormat = [{
    `` $kind $input `by` $scale `epsilon` custom<Real>($epsilon)
    `groups` $groups attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def Moe_LinearOp
    : Moe_WeightUser<"linear", "nameAfter(getWeight(), getWeight())"> {
  let summary = "multiply each row by a weight matrix";
  let description = [{
    `result[r, n] = sum_k input[r, k] * f32(weight[n, k]) + f32(bias[n])`, in
    f32.

    A weight stored as a code multiplies levels. With the weights' own scales,
    levels, offset and zeros (`#moe.code`), for the groups g of columns that share
    a scale, in ascending order and from `sum = 0` on,
    `sum = fma(scale[n, g], f32(integer[g]), sum)` with the exact
    `integer[g] = sum_k input level[r, k] * (level[n, k] - offset - zero[n, g])`
    over the columns k of g; `result[r, n] = sum * input scale[r] + f32(bias[n])`.

    Constraints:
    * (linear_c1) the weight has rank 2: result features x input features.
    * (linear_c2) the bias, if any, has rank 1 and one element per result feature.
    * (linear_c3) input and result have the same number of rows.
    * (linear_c4) the input is quantised if and only if the weight is stored as a
      code, and is then rotated like the weight's columns.

    Example:
    ```mlir
    %q = moe.linear %h by @layers.0.q bias @layers.0.q_bias : tensor<?x256xf32> -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_RowsOrQuantized, "rows to multiply">:$input,
    Arg<FlatSymbolRefAttr, "weight: result features x input features">:$weight,
    Arg<OptionalAttr<FlatSymbolRefAttr>, "weight: result features">:$bias);
  let results = (outs Res<Moe_Rows, "products">:$result);
  let assemblyFormat = [{
    $input `by` $weight (`bias` $bias^)? attr-dict
    `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_AddOp : Moe_ComputeOp<"add", [{"sum"}], [SameOperandsAndResultType]> {
  let summary = "add two rows of features";
  let description = [{
    `result[r, i] = lhs[r, i] + rhs[r, i]`, in f32.

    Example:
    ```mlir
    %x1 = moe.add %x0, %o : tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "first summand">:$lhs,
    Arg<Moe_Rows, "second summand">:$rhs);
  let results = (outs Res<Moe_Rows, "sum">:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

def Moe_QuantizeOp : Moe_ComputeOp<"quantize", [{"levels"}]> {
  let summary = "turn each row into 8-bit levels and one scale";
  let description = [{
    With m the largest |x[i]| of a row x of finite features, its levels are
    `x[i] * (127 / m)`, rounded to the nearest integer, ties to even, and its
    scale is `m / 127`; if m is below 2^-100, they are all 0.

    With `rotated B` in the result's type, every block of B features of x is
    rotated before. Feature j of the block changes its sign if bit 63 of
    mix(j + 1) is set, mix being the finaliser of SplitMix64. Then, for h = 1, 2,
    4, ... below B, features u at j and v at j + h, for each j without the bit h,
    become u + v and u - v. Last, all are multiplied by 1 / sqrt(B), rounded to
    f32. `arrived rotated` says that the input is in the rotated basis already,
    since the weight that made it has rotated rows: nothing is rotated then.

    All this happens in f32 and in this order, so levels and scales have the same
    bits on every target.

    Constraints:
    * (quantize_c1) the result's block, if any, divides the features.
    * (quantize_c2) input and result have the same shape.
    * (quantize_c3) only what a rotated result is made of can have arrived rotated.

    Source: rotations of this kind are those of QuIP# (Tseng et al., 2024) and
    QuaRot (Ashkboos et al., 2024).

    Example:
    ```mlir
    %levels = moe.quantize %h : tensor<?x256xf32> -> tensor<?x256x!moe.quantized<i8 rotated 256>>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "rows to quantise">:$input,
    Arg<UnitAttr, "the input is rotated already">:$arrived_rotated);
  let results = (outs Res<Moe_QuantizedRows, "levels">:$result);
  let assemblyFormat = [{
    $input (`arrived` `rotated` $arrived_rotated^)? attr-dict
    `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Moe_DequantizeOp : Moe_ComputeOp<"dequantize", [{"values"}], [
    Moe_FloatRowsOf<"input", "result">]> {
  let summary = "turn levels back into features";
  let description = [{
    `result[r, i] = scale[r] * f32(level[r, i])`. If the levels are rotated, each
    block is then rotated back: sums and differences as in `moe.quantize`, times
    1 / sqrt(B), then the signs.

    Example:
    ```mlir
    %h1 = moe.dequantize %levels : tensor<?x256x!moe.quantized<i8 rotated 256>>
    ```
  }];
  let arguments = (ins Arg<Moe_QuantizedRows, "levels">:$input);
  let results = (outs Res<Moe_Rows, "features">:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Moe_ClampOp : Moe_ComputeOp<"clamp", [{"clamped"}], [
    SameOperandsAndResultType]> {
  let summary = "limit every feature to [-limit, limit]";
  let description = [{
    `result[r, i] = max(-limit, min(limit, input[r, i]))`.

    Constraints:
    * (clamp_c1) the limit is finite and positive.

    Example:
    ```mlir
    %c = moe.clamp %q to 8.0 : tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "rows to limit">:$input,
    Arg<F64Attr, "largest magnitude that passes unchanged">:$limit);
  let results = (outs Res<Moe_Rows, "limited rows">:$result);
  let assemblyFormat = [{
    $input `to` custom<Real>($limit) attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Moe_AttentionOps : OpDocGroup {
  let summary = "Attention";
  let description = "Rows of one sequence see each other through a `!moe.kv`.";
}

let opDocGroup = Moe_AttentionOps in {

def Moe_RopeOp : Moe_WeightUser<"rope", [{"turned"}], [
    Moe_SameType<"input", "result">]> {
  let summary = "turn pairs of features by an angle that grows with position";
  let description = [{
    Each of `heads` equal parts of a row has d features; the first 2*F of them
    turn, F being the table's number of frequencies. Pair i is (i, i+F) in the
    half layout and (2i, 2i+1) in the interleaved one:
    `(a, b) -> gain * (a cos t - b sin t, b cos t + a sin t)` with
    `t = position * frequencies[i]`. The other d - 2*F features stay as they
    are.

    Constraints:
    * (rope_c1) heads is at least 1 and divides the features.
    * (rope_c2) the table is a `moe.rope_table`, and a head has at least twice
      as many features as the table has frequencies.
    * (rope_c3) input and positions have the same number of rows.

    Example:
    ```mlir
    %r = moe.rope %q at %positions by @rope heads 8 : tensor<?x256xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "queries or keys of all heads">:$input,
    Arg<Moe_Indices, "position of each row in its sequence">:$positions,
    Arg<FlatSymbolRefAttr, "rope table">:$table,
    Arg<I64Attr, "equal parts of a row, turned alike">:$heads);
  let results = (outs Res<Moe_Rows, "turned rows">:$result);
  let assemblyFormat = [{
    $input `at` $positions `by` $table `heads` $heads attr-dict
    `:` type($input) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def Moe_KvAppendOp : Moe_ComputeOp<"kv_append",
    [{"kv." + std::to_string(getLayer())}], [
    Moe_SameType<"keys", "values">,
    Moe_SameType<"kv", "result">,
    Moe_SameType<"positions", "sequences">]> {
  let summary = "store the keys and values of new rows";
  let description = [{
    Row r becomes key and value of position `positions[r]` of sequence
    `sequences[r]` in one layer, rounded to the state's element type. Positions
    already stored are replaced.

    Constraints:
    * (kv_append_c1) the layer lies in the state.
    * (kv_append_c2) keys and values have heads x head_dim features.
    * (kv_append_c3) keys and positions have the same number of rows.

    Example:
    ```mlir
    %kv1 = moe.kv_append %k, %v into %kv0 layer 0 at %sequences, %positions
      : tensor<?x64xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 32 x f32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "keys of all key/value heads">:$keys,
    Arg<Moe_Rows, "values of all key/value heads">:$values,
    Arg<Moe_KvType, "state before">:$kv,
    Arg<I64Attr, "layer of the state">:$layer,
    Arg<Moe_Indices, "sequence of each row">:$sequences,
    Arg<Moe_Indices, "position of each row in its sequence">:$positions);
  let results = (outs Res<Moe_KvType, "state after">:$result);
  let assemblyFormat = [{
    $keys `,` $values `into` $kv `layer` $layer `at` $sequences `,` $positions
    attr-dict `:` type($keys) `,` type($positions) `,` qualified(type($kv))
  }];
  let hasVerifier = 1;
}

def Moe_AttentionOp : Moe_ComputeOp<"attention",
    [{"attention." + std::to_string(getLayer())}], [
    Moe_SameType<"queries", "result">,
    Moe_SameType<"positions", "sequences">]> {
  let summary = "causal attention of each row over its own sequence";
  let description = [{
    Row r sees the positions p of `sequences[r]` with `p <= positions[r]`, and
    with a window W only those with `p > positions[r] - W`. Query head h reads
    key/value head `h / (heads / kv heads)`:
    `result = softmax_p(scale * q . k[p]) v[p]`.

    Constraints:
    * (attention_c1) the layer lies in the state.
    * (attention_c2) heads is a positive multiple of the state's heads.
    * (attention_c3) queries have heads x head_dim features.
    * (attention_c4) the window, if any, is at least 1.
    * (attention_c5) queries and positions have the same number of rows.
    * (attention_c6) the scale is finite.

    Example:
    ```mlir
    %a = moe.attention %q over %kv1 layer 0 at %sequences, %positions heads 8 scale 0.125
      : tensor<?x256xf32>, tensor<?xi32>, !moe.kv<6 x 2 x 32 x f32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "queries of all heads">:$queries,
    Arg<Moe_KvType, "state that holds the rows' own keys and values too">:$kv,
    Arg<I64Attr, "layer of the state">:$layer,
    Arg<Moe_Indices, "sequence of each row">:$sequences,
    Arg<Moe_Indices, "position of each row in its sequence">:$positions,
    Arg<I64Attr, "query heads">:$heads,
    Arg<F64Attr, "factor of the products before the softmax">:$scale,
    Arg<OptionalAttr<I64Attr>, "positions seen, its own included">:$window);
  let results = (outs Res<Moe_Rows, "weighted values of all heads">:$result);
  let assemblyFormat = [{
    $queries `over` $kv `layer` $layer `at` $sequences `,` $positions
    `heads` $heads `scale` custom<Real>($scale) (`window` $window^)? attr-dict
    `:` type($queries) `,` type($positions) `,` qualified(type($kv))
  }];
  let hasVerifier = 1;
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Feed-forward: dense, routed and shared
//===----------------------------------------------------------------------===//

def Moe_FeedForward : OpDocGroup {
  let summary = "Feed-forward: dense, routed and shared";
  let description = [{
    Gated units `down (act(gate x) * (up x))`: one for all rows, or a few of
    many chosen by each row.
  }];
}

let opDocGroup = Moe_FeedForward in {

def Moe_MlpOp : Moe_WeightUser<"mlp", [{nameAfter(getGate(), "mlp")}], [
    Moe_FloatRowsOf<"input", "result">]> {
  let summary = "gated feed-forward network, dense or as a shared expert";
  let description = [{
    `down (act(gate x) * (up x))`. As a shared expert it may have a gate of its
    own: with `gated by g` (a 1 x D weight) the result is multiplied by
    `sigmoid(g . x)`, one number per row.

    Weights stored as codes multiply as in `moe.linear`. What a `down` stored as a
    code multiplies is quantised as by `moe.quantize`, rotated like its columns.
    Where x is quantised, `of` names the rows that the shared gate takes instead.

    Constraints:
    * (mlp_c1) gate and up are weights of width x features.
    * (mlp_c2) down is a weight of features x width.
    * (mlp_c3) the shared gate, if any, is a weight of 1 x features that is not
      stored as a code.
    * (mlp_c4) the input is quantised if and only if gate and up are stored as
      codes, and is then rotated like their columns.
    * (mlp_c5) the shared gate has an input of its own, with the rows and features
      of the input, if and only if there is a shared gate and the input is quantised.

    Example:
    ```mlir
    %y = moe.mlp %x gate @g up @u down @d silu gated by @s : tensor<?x256xf32>
    %y1 = moe.mlp %levels gate @g8 up @u8 down @d8 silu gated by @s of %x
      : tensor<?x256x!moe.quantized<i8>>, tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_RowsOrQuantized, "rows x">:$input,
    Arg<FlatSymbolRefAttr, "weight: width x features">:$gate,
    Arg<FlatSymbolRefAttr, "weight: width x features">:$up,
    Arg<FlatSymbolRefAttr, "weight: features x width">:$down,
    Arg<Moe_ActivationAttr, "non-linearity act">:$activation,
    Arg<OptionalAttr<FlatSymbolRefAttr>, "weight: 1 x features">:$sharedGate,
    Arg<Optional<Moe_Rows>, "rows that the shared gate takes, if x is quantised">:$gateInput);
  let results = (outs Res<Moe_Rows, "what the network adds">:$result);
  let assemblyFormat = [{
    $input `gate` $gate `up` $up `down` $down `` $activation
    (`gated` `by` $sharedGate^)? (`of` $gateInput^)? attr-dict
    `:` type($input) (`,` type($gateInput)^)?
  }];
  let hasVerifier = 1;
}

def Moe_RouteOp : Moe_Op<"route", [Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
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
    * (route_c3) the scale is finite.
    * (route_c4) logits and results have the same number of rows.

    Example:
    ```mlir
    %ids, %w = moe.route %logits top 2 softmax renormalize scale 1.0
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_Rows, "one column per expert">:$logits,
    Arg<I64Attr, "experts per row">:$k,
    Arg<Moe_RouteScoreAttr, "what selects and weighs">:$score,
    Arg<UnitAttr, "divide the weights of a row by their sum">:$renormalize,
    Arg<F64Attr, "factor of all weights">:$scale);
  let results = (outs
    Res<Moe_Choice, "experts in [0, columns of logits)">:$experts,
    Res<Moe_Rows, "weight of each chosen expert">:$weights);
  let assemblyFormat = [{
    $logits `top` $k `` $score (`renormalize` $renormalize^)?
    `scale` custom<Real>($scale) attr-dict
    `:` type($logits) `->` type($experts) `,` type($weights)
  }];
  let hasVerifier = 1;
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) {
      setName(getExperts(), "chosen");
      setName(getWeights(), "weights");
    }
  }];
}

def Moe_ExpertsOp : Moe_WeightUser<"experts",
    [{nameAfter(getGate(), "experts")}], [
    Moe_FloatRowsOf<"input", "result">]> {
  let summary = "run the chosen experts of each row and add them up";
  let description = [{
    `result[r] = sum_j weights[r, j] * down[e] (act(gate[e] x) * (up[e] x))`
    with `e = experts[r, j]`, added in ascending order of e whatever the order
    of j, so that the result does not depend on ranking or batch. Weights stored as
    codes multiply as those of `moe.mlp` do.

    Constraints:
    * (experts_c1) gate and up are weights of experts x width x features.
    * (experts_c2) down is a weight of experts x features x width.
    * (experts_c3) experts and weights have the same number of columns.
    * (experts_c4) no row chooses more experts than there are.
    * (experts_c5) input, experts and weights have the same number of rows.
    * (experts_c6) the input is quantised if and only if gate and up are stored as
      codes, and is then rotated like their columns.

    Example:
    ```mlir
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu
      : tensor<?x256xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    ```
  }];
  let arguments = (ins Arg<Moe_RowsOrQuantized, "rows x">:$input,
    Arg<Moe_Choice, "experts of each row, no expert twice">:$experts,
    Arg<Moe_Rows, "weight of each chosen expert">:$weights,
    Arg<FlatSymbolRefAttr, "weight: experts x width x features">:$gate,
    Arg<FlatSymbolRefAttr, "weight: experts x width x features">:$up,
    Arg<FlatSymbolRefAttr, "weight: experts x features x width">:$down,
    Arg<Moe_ActivationAttr, "non-linearity act">:$activation);
  let results = (outs Res<Moe_Rows, "weighted sum of the experts">:$result);
  let assemblyFormat = [{
    $input `to` $experts `,` $weights `gate` $gate `up` $up `down` $down
    `` $activation attr-dict
    `:` type($input) `,` type($experts) `,` type($weights)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

#endif // MOE_DIALECT_MOE_IR_MOEOPS_TD
