//===- Passes.td - weights become codes, rotations move away --------------===//
#ifndef MOE_QUANT_TRANSFORMS_PASSES_TD
#define MOE_QUANT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignCodesPass : Pass<"moe-assign-codes", "::moe::ModelOp"> {
  let summary = "say how each weight is stored, and quantise what meets it";
  let description = [{
    Marks weights with the code of a scheme and puts a `moe.quantize` behind each
    value that meets one, shared by all that want the same rotation. Nothing is
    encoded here: codes are made when the container is written.

    `scheme` is what `--quantize` takes: the name of a scheme for all weights
    that may have one, or a list of `class:scheme`. Classes are

    * `experts`: the matrices of `moe.experts`,
    * `mlp`: those of `moe.mlp`, dense or shared,
    * `head`: weights of a `moe.linear` whose result the function returns,
    * `attention`: those of every other `moe.linear`, but for the router's, whose
      result goes to a `moe.route`.

    `@name:scheme` is for one weight and counts before its class. A name of a
    scheme without a class is for the classes that are not named; without it they
    stay as they are. Routers, tables, norms, biases and shared gates always do.
    So do operations whose weights are stored as codes already.

    A weight that something else needs as it is (an embedding that is also the
    head) is stored twice: as it is, and under a new name as codes.

    Before:
    ```mlir
    moe.weight @q : tensor<64x64xbf16> from [#moe.random<1, 0.5 : f32>]
    func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %q = moe.linear %x by @q : tensor<?x64xf32> -> tensor<?x64xf32>
      return %q : tensor<?x64xf32>
    }
    ```
    After `scheme=q8`:
    ```mlir
    moe.weight @q : tensor<64x64xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128>
      from [#moe.random<1, 0.5 : f32>]
    func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %levels = moe.quantize %x : tensor<?x64xf32> -> tensor<?x64x!moe.quantized<i8>>
      %q = moe.linear %levels by @q : tensor<?x64x!moe.quantized<i8>> -> tensor<?x64xf32>
      return %q : tensor<?x64xf32>
    }
    ```
  }];
  let options = [
    Option<"scheme", "scheme", "std::string", /*default=*/"\"none\"",
           "Scheme, or list of class:scheme">];
  let statistics = [
    Statistic<"stored", "stored", "Number of weights stored as codes">,
    Statistic<"copied", "copied", "Number of weights stored a second time">,
    Statistic<"quantized", "quantized", "Number of values quantised">];
  // Schemes come from a registry, so the pass is made by hand.
  let constructor = "nullptr";
}

def FoldRotationsPass : Pass<"moe-fold-rotations", "::moe::ModelOp"> {
  let summary = "let value projections rotate what attention hands on";
  let description = [{
    Attention mixes the values of positions, head by head, and never features of
    a head. So the blocks of a head can be rotated before it as well as behind
    it: the rows of the value projection's weight are rotated when they are
    encoded, and the `moe.quantize` in front of the output projection finds its
    rows rotated. That is exact but for rounding, and saves a rotation per token
    and layer.

    Blocks become as small as a head, and smaller blocks spread outliers less.
    So nothing is folded when a head has fewer features than `minimum-block`.

    Declined is what would not be exact, or be seen elsewhere: a head that is not
    a power of two; anything between the projection of the values and the state,
    such as a bias or a clamp; other readers of the values, of the state's layer,
    of the attention or of one of the two weights.

    Before:
    ```mlir
    moe.weight @v : tensor<128x128xbf16> stored as #q35 columns rotated 128 from [...]
    moe.weight @o : tensor<128x128xbf16> stored as #q35 columns rotated 128 from [...]
      %v = moe.linear %x by @v : ...
      %kv1 = moe.kv_append %k, %v into %kv layer 0 ...
      %a = moe.attention %q over %kv1 layer 0 ... heads 2
      %l = moe.quantize %a : tensor<?x128xf32> -> tensor<?x128x!moe.quantized<i8 rotated 128>>
      %o = moe.linear %l by @o : ...
    ```
    After:
    ```mlir
    moe.weight @v : tensor<128x128xbf16> stored as #q35 columns rotated 128 rows rotated 64 from [...]
    moe.weight @o : tensor<128x128xbf16> stored as #q35 columns rotated 64 from [...]
      %l = moe.quantize %a arrived rotated : tensor<?x128xf32> -> tensor<?x128x!moe.quantized<i8 rotated 64>>
    ```
  }];
  let options = [
    Option<"minimumBlock", "minimum-block", "int64_t", /*default=*/"64",
           "Fewest features of a head">];
  let statistics = [
    Statistic<"folded", "folded", "Number of rotations folded away">];
}

#endif // MOE_QUANT_TRANSFORMS_PASSES_TD
