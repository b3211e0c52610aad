//===- Passes.td - passes that prove facts about models -------------------===//
#ifndef MOE_ANALYSIS_PASSES_TD
#define MOE_ANALYSIS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ProveRangesPass : Pass<"moe-prove-ranges", "::moe::ModelOp"> {
  let summary = "prove that integer sums of products fit int32, or refuse";
  let description = [{
    Bounds the sums of every product with a stored weight from its code and its
    columns: activations are any int8, levels any that the code has, zeros any
    u8. An operation all of whose sums fit gets `moe.accumulator_bits`, the bits
    of the narrowest signed integer that holds them, whatever the weights and
    inputs are. One whose sums may not fit int32 is refused. Backends check the
    same before they make kernels, so the pass is for those who want to see it.

    Before:
    ```mlir
    moe.weight @q : tensor<64x2048xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128>
      from [#moe.random<1, 0.5 : f32>]
    func.func @f(%x: tensor<?x2048x!moe.quantized<i8>>) -> tensor<?x64xf32> {
      %q = moe.linear %x by @q : tensor<?x2048x!moe.quantized<i8>> -> tensor<?x64xf32>
      return %q : tensor<?x64xf32>
    }
    ```
    After: 128 * 255 * 2048 needs 27 bits, sign included.
    ```mlir
    %q = moe.linear %x by @q {moe.accumulator_bits = 27 : i64} : ...
    ```
  }];
  let statistics = [
    Statistic<"proved", "proved", "Number of products whose sums fit int32">];
}

def ExportProofsPass : Pass<"moe-export-proofs", "::mlir::ModuleOp"> {
  let summary = "write what integer arithmetic relies on as SMT-LIB";
  let description = [{
    Builds statements in the `smt` dialect and writes them as one SMT-LIB script
    that a solver such as z3 decides. Each asks two questions and says the name
    and the answer that is expected before the solver's own: whether what it
    assumes can be met (`sat`), and whether there is a counterexample (`unsat`,
    or `sat` where one must exist). The statements are those of
    docs/Rationale/Proofs.md, one about int32 for each different code and number
    of columns that the models in the module multiply with, and one about int16
    for each trellis. The IR stays as it is.

    ```mlir
    moe.weight @q : tensor<64x2048xbf16> stored as #moe.code<"q8", planes, bits = 8, offset = 128>
      from [#moe.random<1, 0.5 : f32>]
    ```
    used by a `moe.linear` gives, among others,
    ```
    (echo "q8-2048-columns expects unsat")
    ```
  }];
  let options = [
    Option<"output", "output", "std::string", /*default=*/"\"-\"",
           "File for the script; -: standard output">];
  let dependentDialects = ["::mlir::smt::SMTDialect"];
}

#endif // MOE_ANALYSIS_PASSES_TD
