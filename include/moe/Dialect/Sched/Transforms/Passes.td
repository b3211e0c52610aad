//===- Passes.td - passes that place fetches of experts -------------------===//
#ifndef MOE_DIALECT_SCHED_TRANSFORMS_PASSES_TD
#define MOE_DIALECT_SCHED_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def InsertFetchesPass : Pass<"sched-insert-fetches", "::moe::ModelOp"> {
  let summary = "fetch what each moe.experts wants";
  let description = [{
    Gives the model its `sched.cache`, and each `moe.experts` a fetch of its
    choice, which is awaited before it and released behind it. What the router
    chose is shown to a `sched.record`, where choice and weights come from one
    `moe.route`. The layer of experts is their decoder layer: the number of
    attention operations before them, less one.

    The cache says how many entries it has when `entries` does, or `budget`:
    bytes for experts, as 512K, 64M or 2G in powers of 1024, or as 25% of all
    experts. An entry holds the largest expert, and there are no more entries
    than experts.

    Declined is a model without experts, one that has a cache already, and one
    whose banks of experts and decoder layers do not belong one to one, or have
    different numbers of experts: there a fetch could not name what it brings.

    Before:
    ```mlir
    %ids, %w = moe.route %l top 2 softmax scale 1.0
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu : ...
    ```
    After `policy=lru entries=12`:
    ```mlir
    sched.cache @experts policy "lru" holds 12
    ...
    %ids, %w = moe.route %l top 2 softmax scale 1.0
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %wanted.3 = sched.prefetch %ids of layer 3 in @experts : tensor<?x2xi32>
    sched.record %l, %ids, %w of layer 3
      : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.await %wanted.3
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu : ...
    sched.release %wanted.3
    ```
  }];
  let options = [
    Option<"policy", "policy", "std::string", /*default=*/"\"lrfu\"",
           "Who leaves when another comes">,
    Option<"entries", "entries", "int64_t", /*default=*/"0",
           "Experts that the cache holds; 0: not said">,
    Option<"budget", "budget", "std::string", /*default=*/"\"\"",
           "The same as bytes, or as a percentage of all experts">];
  let statistics = [
    Statistic<"fetched", "fetched", "Number of moe.experts that got a fetch">];
  let dependentDialects = ["::moe::sched::SchedDialect"];
}

def LaunchEarlyPass : Pass<"sched-launch-early", "::moe::ModelOp"> {
  let summary = "let experts begin before all have come";
  let description = [{
    Waiting for all experts of a fetch before the first one computes leaves the
    processor idle. A `moe.experts` between await and release of its own choice
    becomes a `sched.launch`, which computes with those that are there.

    Declined where two `moe.experts` use the same awaited fetch: a launch is of
    one.

    Before:
    ```mlir
    sched.await %wanted.3
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu : ...
    sched.release %wanted.3
    ```
    After:
    ```mlir
    %experts.3 = sched.launch %wanted.3 : tensor<?x256xf32> {
      %y = moe.experts %x to %ids, %w gate @g up @u down @d silu : ...
      sched.yield %y : tensor<?x256xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"launched", "launched", "Number of fetches that are launched on">];
}

def InsertPrefetchPass : Pass<"sched-insert-prefetch", "::moe::ModelOp"> {
  let summary = "guess what later layers will choose, and fetch it";
  let description = [{
    Asks a predictor for scores of each layer with experts, `ahead` such layers
    before it, and puts them, the guess and its fetch behind the experts of the
    earlier layer; the wanted fetch of the later one joins it. With a trace the
    predictor learns from it, and how sure guesses are is fitted to it.

    Where rows may leave between guess and use, the guess is cancelled behind the
    exit unless a row goes on. It does not cross exits where, all together, at least
    half of the asking rows leave (`taken` of `moe.exit`; 0 where nobody counted): it
    is made behind the last of them that it must not cross, of the rows that go on.
    What a predictor knows of layers further up is brought to the rows that run where
    it guesses.

    Declined where the predictor has nothing to guess from, where a layer is
    guessed already, and where nothing is computed between a guess behind an
    exit and its use.

    Before:
    ```mlir
    sched.release %wanted.0
    %wanted.1 = sched.prefetch %ids of layer 1 in @experts : tensor<?x2xi32>
    ```
    After `predictor=cross-layer-gate`:
    ```mlir
    sched.release %wanted.0
    %s = moe.linear %h0 by @layers.1.router : tensor<?x16xf32> -> tensor<?x8xf32>
    %guessed, %sure = sched.predict %s for layer 1 choosing 2 top 4
      by "cross-layer-gate" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    %guess.1 = sched.prefetch %guessed confident %sure above 0.5 of layer 1 in @experts
      : tensor<?x4xi32>, tensor<?x4xf32>
    %wanted.1 = sched.prefetch %ids of layer 1 in @experts joining %guess.1 : tensor<?x2xi32>
    ```
    With an exit between the layers, where few leave:
    ```mlir
    %guess.1 = sched.prefetch %guessed confident %sure above 0.5 of layer 1 in @experts
      : tensor<?x4xi32>, tensor<?x4xf32>
    %running.1, ... = moe.exit ...
    %left = sched.cancel %guess.1 unless %running.1 : !sched.token
    %wanted.1 = sched.prefetch %ids of layer 1 in @experts joining %left : tensor<?x2xi32>
    ```
  }];
  // It needs a registry.
  let constructor = "nullptr";
  let options = [
    Option<"predictor", "predictor", "std::string", /*default=*/"\"none\"",
           "Who guesses">,
    Option<"ahead", "ahead", "int64_t", /*default=*/"1",
           "Layers with experts from guess to use">,
    Option<"count", "count", "int64_t", /*default=*/"0",
           "Guesses per row; 0: twice what the layer chooses, at most half of "
           "its experts">,
    Option<"threshold", "threshold", "double", /*default=*/"0.5",
           "Least confidence that is worth a fetch">,
    Option<"trace", "trace", "std::string", /*default=*/"\"\"",
           "Routing trace to learn from">];
  let statistics = [
    Statistic<"guessed", "guessed", "Number of layers that are guessed">];
  let dependentDialects = ["::moe::sched::SchedDialect"];
}

def HoistPrefetchPass : Pass<"sched-hoist-prefetch", "::moe::ModelOp"> {
  let summary = "fetch as early as it is known what";
  let description = [{
    A guess, and what only it needs, moves up to the first wanted fetch behind the
    operations that it needs: what is wanted goes first, and computing of that
    layer overlaps with the guess's reads. What needs no operation moves up to the
    last wanted fetch in front of it. Wanted fetches move up to what they need.

    Declined where a fetch is as early as it can be, and for a guess that stands
    behind a `moe.exit`: it stays there.

    Before:
    ```mlir
    %wanted.0 = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.await %wanted.0
    %y = moe.experts %x to %ids, %w gate @g up @u down @d silu : ...
    sched.release %wanted.0
    %s = moe.linear %x by @layers.1.router : tensor<?x16xf32> -> tensor<?x8xf32>
    ```
    After:
    ```mlir
    %wanted.0 = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    %s = moe.linear %x by @layers.1.router : tensor<?x16xf32> -> tensor<?x8xf32>
    sched.await %wanted.0
    ```
  }];
  let statistics = [
    Statistic<"hoisted", "hoisted", "Number of operations that moved up">];
}

def DropUnprofitablePass : Pass<"sched-drop-unprofitable", "::moe::ModelOp"> {
  let summary = "take out guesses that cannot pay";
  let description = [{
    Estimates for a device, a budget and a trace what a guess of each layer costs
    and hides (docs/Prefetch.md), and removes the guesses of layers where that is
    a loss; the others get count and threshold of the estimate.

    Declined without a trace or without a budget.

    Before:
    ```mlir
    %guess.1 = sched.prefetch %guessed confident %sure above 0.5 of layer 1 in @experts
      : tensor<?x4xi32>, tensor<?x4xf32>
    %wanted.1 = sched.prefetch %ids of layer 1 in @experts joining %guess.1 : tensor<?x2xi32>
    ```
    After, where it does not pay:
    ```mlir
    %wanted.1 = sched.prefetch %ids of layer 1 in @experts : tensor<?x2xi32>
    ```
  }];
  // It needs a registry.
  let constructor = "nullptr";
  let options = [
    Option<"trace", "trace", "std::string", /*default=*/"\"\"", "Routing trace">,
    Option<"profile", "profile", "std::string", /*default=*/"\"cpu-nvme\"",
           "Device: a name, or a file">,
    Option<"budget", "budget", "std::string", /*default=*/"\"\"",
           "Memory for experts, as bytes or as a percentage of all experts">,
    Option<"ahead", "ahead", "int64_t", /*default=*/"1",
           "Layers with experts from guess to use, as they were put in">,
    Option<"count", "count", "int64_t", /*default=*/"0",
           "Guesses per row that the user asked for; 0: the estimate chooses">,
    Option<"threshold", "threshold", "double", /*default=*/"-1",
           "Threshold that the user asked for; negative: the estimate chooses">];
  let statistics = [
    Statistic<"dropped", "dropped", "Number of guesses taken out">];
}

def PartitionCachePass : Pass<"sched-partition-cache", "::moe::ModelOp"> {
  let summary = "give each layer its share of the cache";
  let description = [{
    Below one token's cycle, the experts that one token wants in all layers, a
    cache that layers share hits nothing under lru: each layer evicts what the next
    token wants. Shares are those that hit most in the first part of a trace.

    Declined without a trace, without entries, where there are too few entries for
    each layer's choice, and where a shared cache hits as often in the second part.

    Before:
    ```mlir
    sched.cache @experts policy "lrfu" holds 12
    ```
    After:
    ```mlir
    sched.cache @experts policy "lrfu" holds 12 partition [2, 2, 2, 2, 2, 2]
    ```
  }];
  let options = [
    Option<"trace", "trace", "std::string", /*default=*/"\"\"", "Routing trace">];
}

#endif // MOE_DIALECT_SCHED_TRANSFORMS_PASSES_TD
