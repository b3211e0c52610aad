//===- SchedOps.td - the operations of the sched dialect ------------------===//
//
// Each operand and attribute carries a sentence. A constraint has one name,
// <op>_c<N>, in docs/Spec.md, here, in the verifier and in the test.
//===----------------------------------------------------------------------===//
#ifndef MOE_DIALECT_SCHED_IR_SCHEDOPS_TD
#define MOE_DIALECT_SCHED_IR_SCHEDOPS_TD

include "moe/Dialect/Sched/IR/SchedDialect.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Sched_Table<Type element> : RankedTensorOf<[element],
    [HasAnyRankOfPred<[2]>,
     CPred<"::llvm::cast<::mlir::ShapedType>($_self).getDimSize(1) >= 1">],
    "2D tensor with a static second dimension">;
/// One number per row and expert, or per row and choice.
def Sched_Scores : Sched_Table<F32>;
/// Experts of each row.
def Sched_Choice : Sched_Table<I32>;

/// Numbers of rows. Its type is not written.
def Sched_RowSet : Type<CPred<"$_self == ::moe::getRowSetType($_self.getContext())">,
    "tensor<?xi32>", "::mlir::RankedTensorType">,
    BuildableType<"::moe::getRowSetType($_builder.getContext())">;

/// What is in a cache, and what is on its way there.
def Sched_CacheResource : Resource<"::moe::sched::CacheResource">;

class Sched_Op<string mnemonic, list<Trait> traits = []>
    : Op<Sched_Dialect, mnemonic, traits>;

/// An operation that computes scores, which are called `name` in text.
class Sched_ScoresOp<string mnemonic, string name>
    : Sched_Op<mnemonic, [Pure, SameOperandsAndResultType,
        DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) {
      setName(getResult(), "}] # name # [{");
    }
  }];
}

/// An operation that changes what a cache holds or brings.
class Sched_CacheUser<string mnemonic, list<Trait> traits = []>
    : Sched_Op<mnemonic, !listconcat(
        [MemoryEffects<[MemRead<Sched_CacheResource>,
                        MemWrite<Sched_CacheResource>]>], traits)>;

/// One that gives values, which are called after the layer.
class Sched_NamingCacheUser<string mnemonic, list<Trait> traits = []>
    : Sched_CacheUser<mnemonic, !listconcat(
        [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>],
        traits)>;

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

def Sched_CacheDocs : OpDocGroup {
  let summary = "The cache";
  let description = "Where experts come to.";
}

let opDocGroup = Sched_CacheDocs in {

def Sched_CacheOp : Sched_Op<"cache", [Symbol, HasParent<"::moe::ModelOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the places that experts of the model come to";
  let description = [{
    A cache of equal entries, each of which holds one expert of any layer.
    `holds` says how many; without it, the runtime decides. `policy` names who
    leaves when another comes. With `partition`, the i-th layer that has experts
    never holds more than its share, and takes nothing from the others; a runtime
    with another capacity scales the shares.

    Constraints:
    * (cache_c1) a model has at most one cache.
    * (cache_c2) the entries, if said, hold the experts that one row chooses in
      any layer, and at least 1.
    * (cache_c3) a partition has one share for each layer with experts; each share
      holds the experts that one row of its layer chooses; their sum is what the
      cache holds, if that is said.
    * (cache_c4) every `moe.experts` of the model's functions finds what it uses:
      it lies in a `sched.launch`, or between the await and the release of the
      token of the fetch of its own choice.
    * (cache_c5) the experts of a bank are fetched under the number of one layer,
      and under that number no others.
    * (cache_c6) the entries, if said, hold what one row chooses of all fetches
      that are awaited and not yet released, and of a launch beside them.
    * (cache_c7) a `sched.predict` has a score for each expert of its layer, and
      says how many of them a row chooses.

    Example:
    ```mlir
    sched.cache @experts policy "lru" holds 12 partition [2, 2, 2, 2, 2, 2]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    Arg<StrAttr, "name of the policy that evicts">:$policy,
    Arg<OptionalAttr<I64Attr>, "entries, each of one expert">:$entries,
    Arg<OptionalAttr<DenseI64ArrayAttr>, "entries of each layer with experts">:$partition);
  let assemblyFormat = [{
    $sym_name `policy` $policy (`holds` $entries^)? (`partition` $partition^)?
    attr-dict
  }];
  let hasVerifier = 1;
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Knowing before
//===----------------------------------------------------------------------===//

def Sched_ScoresDocs : OpDocGroup {
  let summary = "Knowing before";
  let description = "Scores of experts, and guesses made of them.";
}

let opDocGroup = Sched_ScoresDocs in {

def Sched_DistributionOp : Sched_ScoresOp<"distribution", "distribution"> {
  let summary = "the probability of each expert by a router's logits";
  let description = [{
    `result[r, e] = exp(logits[r, e]) / sum_f exp(logits[r, f])`, in f32; the
    largest logit of the row is subtracted from each before.

    Example:
    ```mlir
    %p = sched.distribution %logits : tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Arg<Sched_Scores, "one column per expert">:$logits);
  let results = (outs Res<Sched_Scores, "probabilities">:$result);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

def Sched_BlendOp : Sched_ScoresOp<"blend", "scores"> {
  let summary = "weighted sum of scores";
  let description = [{
    With weights w, `result = sum_i w[i] * scores[i]`. With `peaks` instead, each
    row weighs its scores by their own largest: with `c[i] = max_e scores[i][r, e]`,
    `result[r] = (sum_i c[i] * scores[i][r]) / sum_i c[i]`, and 0 where the sum of
    the c is not above 0. Sums are ascending in i, in f32.

    Constraints:
    * (blend_c1) there is at least one of the scores, and, unless by peaks, one
      finite weight for each.

    Example:
    ```mlir
    %s = sched.blend %p1, %p2 by [0.6, 0.4] : tensor<?x8xf32>
    %t = sched.blend %s, %p3 by peaks : tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Arg<Variadic<Sched_Scores>, "what is added">:$scores,
    Arg<OptionalAttr<DenseF64ArrayAttr>, "weight of each; absent: by peaks">:$weights);
  let results = (outs Res<Sched_Scores, "weighted sum">:$result);
  let assemblyFormat = [{
    $scores `by` custom<Weights>($weights) attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Sched_PredictOp : Sched_Op<"predict", [Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "guess the experts that rows will choose in a later layer";
  let description = [{
    Takes the `count` largest scores of a row, largest first, equal ones to the
    lower expert. How sure each guess is comes from its distance to the edge of
    the choice: with the scores in descending order s, of which the layer will
    choose `chosen`, the edge is the mean of s[chosen - 1] and s[chosen] (the last
    score where all are chosen), and
    `confidence[r, j] = sigmoid(slope * (s[j] - edge) + bias)`, in f32. Slope and
    bias are `calibration`; fitted on a trace, confidence is the share of such
    guesses that come true.

    Constraints:
    * (predict_c1) count and chosen lie between 1 and the number of experts.
    * (predict_c2) the results have count columns.
    * (predict_c3) slope and bias are finite, and the slope is positive.
    * (predict_c4) scores and results have the same number of rows.
    * (predict_c5) the layer is not negative.

    Example:
    ```mlir
    %ids, %sure = sched.predict %s for layer 4 choosing 2 top 4 by "pattern" calibrated [1.5, -0.3]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    ```
  }];
  let arguments = (ins Arg<Sched_Scores, "one column per expert">:$scores,
    Arg<I64Attr, "decoder layer that will choose">:$layer,
    Arg<I64Attr, "guesses per row">:$count,
    Arg<I64Attr, "experts that the layer chooses per row">:$chosen,
    Arg<StrAttr, "name of the predictor that made the scores">:$predictor,
    Arg<DenseF64ArrayAttr, "slope and bias">:$calibration);
  let results = (outs Res<Sched_Choice, "guessed experts">:$experts,
    Res<Sched_Scores, "how sure each guess is, in (0, 1)">:$confidence);
  let assemblyFormat = [{
    $scores `for` `layer` $layer `choosing` $chosen `top` $count `by` $predictor
    `calibrated` custom<Reals>($calibration) attr-dict
    `:` type($scores) `->` type($experts) `,` type($confidence)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

//===----------------------------------------------------------------------===//
// Fetches
//===----------------------------------------------------------------------===//

def Sched_FetchesDocs : OpDocGroup {
  let summary = "Fetches";
  let description = "What brings experts, and what waits for them.";
}

let opDocGroup = Sched_FetchesDocs in {

def Sched_PrefetchOp : Sched_NamingCacheUser<"prefetch", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "begin to fetch experts";
  let description = [{
    Asks for experts of a layer that are not in the cache, and goes on at once.

    With a confidence it is a guess: experts of which every row is less sure than
    the threshold are not asked for; guesses wait behind what is wanted for
    certain, and may be dropped. Without one the experts are wanted. A wanted fetch may
    join a guess for the same layer, which ends the guess's token: what it got
    right is on its way already, the rest is dropped.

    Constraints:
    * (prefetch_c1) a guess has a confidence of the experts' shape and a threshold
      in [0, 1]; a wanted fetch has neither.
    * (prefetch_c2) only a wanted fetch joins a guess, and the guess is for the
      same layer.
    * (prefetch_c3) the cache is a `sched.cache`, which, if it says how many
      entries it has, holds the wanted experts of one row.
    * (prefetch_c4) the token ends exactly once, in the block of the fetch:
      awaited and released, launched, joined or cancelled; only a wanted fetch is
      awaited or launched. Cancelled unless rows go on, it lives on as the result of
      the cancel, which ends likewise.
    * (prefetch_c5) the layer is not negative.
    * (prefetch_c6) what a `sched.predict` guessed is fetched of the layer that it
      guessed for.

    Example:
    ```mlir
    %g = sched.prefetch %next confident %sure above 0.5 of layer 4 in @experts
      : tensor<?x4xi32>, tensor<?x4xf32>
    %t = sched.prefetch %ids of layer 4 in @experts joining %g : tensor<?x2xi32>
    ```
  }];
  let arguments = (ins Arg<Sched_Choice, "experts of each row">:$experts,
    Arg<Optional<Sched_Scores>, "how sure each is">:$confidence,
    Arg<OptionalAttr<F64Attr>, "least confidence that is worth a fetch">:$threshold,
    Arg<I64Attr, "decoder layer of the experts">:$layer,
    Arg<FlatSymbolRefAttr, "cache that they come to">:$cache,
    Arg<Optional<Sched_TokenType>, "guess that this fetch replaces">:$guess);
  let results = (outs Res<Sched_TokenType, "the fetch">:$token);
  let assemblyFormat = [{
    $experts (`confident` $confidence^ `above` custom<Real>($threshold))? `of` `layer` $layer
    `in` $cache (`joining` $guess^)? attr-dict
    `:` type($experts) (`,` type($confidence)^)?
  }];
  let extraClassDeclaration = [{
    bool isGuess() { return bool(getConfidence()); }
  }];
  let hasVerifier = 1;
}

def Sched_AwaitOp : Sched_CacheUser<"await"> {
  let summary = "wait until all experts of a fetch are in the cache";
  let description = [{
    From here to the release of the token none of them leaves the cache.

    Example:
    ```mlir
    sched.await %t
    ```
  }];
  let arguments = (ins Arg<Sched_TokenType, "a wanted fetch">:$token);
  let assemblyFormat = "$token attr-dict";
  let hasVerifier = 1;
}

def Sched_ReleaseOp : Sched_CacheUser<"release"> {
  let summary = "let the experts of an awaited fetch go";
  let description = [{
    From here on they may leave the cache.

    Constraints:
    * (release_c1) the token was awaited before, in the same block.

    Example:
    ```mlir
    sched.release %t
    ```
  }];
  let arguments = (ins Arg<Sched_TokenType, "an awaited fetch">:$token);
  let assemblyFormat = "$token attr-dict";
  let hasVerifier = 1;
}

def Sched_CancelOp : Sched_NamingCacheUser<"cancel"> {
  let summary = "drop a fetch";
  let description = [{
    What has not begun is not read; what has arrived stays until it is evicted.
    A fetch that is dropped at once was never made: both go.

    With `unless`, behind an exit say, the fetch is dropped only if no row goes on;
    the result is what is left of it, which may be nothing.

    Constraints:
    * (cancel_c1) there is a result if and only if there are rows.
    * (cancel_c2) what rows may keep is a guess.

    Example:
    ```mlir
    sched.cancel %g
    %h1 = sched.cancel %h unless %running : !sched.token
    ```
  }];
  let arguments = (ins Arg<Sched_TokenType, "a fetch">:$token,
    Arg<Optional<Sched_RowSet>, "rows that go on">:$rows);
  let results = (outs Res<Optional<Sched_TokenType>, "the fetch, if rows go on">:$left);
  let assemblyFormat = "$token (`unless` $rows^ `:` type($left))? attr-dict";
  let builders = [OpBuilder<(ins "::mlir::Value":$token), [{
    build($_builder, $_state, /*left=*/::mlir::Type(), token, /*rows=*/{});
  }]>];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Sched_LaunchOp : Sched_NamingCacheUser<"launch", [
    NoRegionArguments, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "run experts as they arrive";
  let description = [{
    Runs its body, which uses the experts of a fetch. Those that are in the cache
    begin, the others follow when they arrive; each leaves when it is done, so that
    a fetch may want more than the cache holds. The result does not depend on the
    order.

    Constraints:
    * (launch_c1) the body has one `moe.experts`, whose choice is that of the fetch.
    * (launch_c2) what the body yields has the types of the results.
    * (launch_c3) nothing in the body has an effect.

    Example:
    ```mlir
    %y = sched.launch %t : tensor<?x256xf32> {
      %r = moe.experts %x to %ids, %w gate @g up @u down @d silu
        : tensor<?x256xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %r : tensor<?x256xf32>
    }
    ```
  }];
  let arguments = (ins Arg<Sched_TokenType, "a wanted fetch">:$token);
  let results = (outs Res<Variadic<AnyType>, "what the body yields">:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $token (`:` type($results)^)? $body attr-dict
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Sched_YieldOp : Sched_Op<"yield", [Pure, Terminator, ReturnLike,
    HasParent<"LaunchOp">]> {
  let summary = "give the results of a launch";
  let description = [{
    Ends the body of a `sched.launch`; left out where there are none.

    Example:
    ```mlir
    sched.yield %r : tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Arg<Variadic<AnyType>, "results">:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{
    build($_builder, $_state, ::mlir::ValueRange());
  }]>];
}

def Sched_RecordOp : Sched_CacheUser<"record"> {
  let summary = "show who watches what a router chose";
  let description = [{
    Computes nothing. A runtime that records a routing trace, or learns which
    experts are popular, sees logits, experts and weights of each row.

    Constraints:
    * (record_c1) logits, experts and weights have the same number of rows, and
      experts and weights the same number of columns.
    * (record_c2) the layer is not negative.

    Example:
    ```mlir
    sched.record %logits, %ids, %w of layer 3
      : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    ```
  }];
  let arguments = (ins Arg<Sched_Scores, "one column per expert">:$logits,
    Arg<Sched_Choice, "experts of each row">:$experts,
    Arg<Sched_Scores, "weight of each">:$weights,
    Arg<I64Attr, "decoder layer of the router">:$layer);
  let assemblyFormat = [{
    $logits `,` $experts `,` $weights `of` `layer` $layer attr-dict
    `:` type($logits) `,` type($experts) `,` type($weights)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

#endif // MOE_DIALECT_SCHED_IR_SCHEDOPS_TD
