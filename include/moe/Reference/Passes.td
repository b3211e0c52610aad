//===- Passes.td - evaluating IR from the command line --------------------===//
#ifndef MOE_REFERENCE_PASSES_TD
#define MOE_REFERENCE_PASSES_TD

include "mlir/Pass/PassBase.td"

def EvaluatePass : Pass<"moe-evaluate", "::mlir::ModuleOp"> {
  let summary = "run a function of the model in float64 and print its results";
  let description = [{
    The oracle on the command line. The IR stays as it is; `moe-opt` prints it
    after the results, so tests send it away with `-o /dev/null`.

    Without options the function `@main` runs: any function without arguments,
    or whose only arguments are `!moe.kv` states, which start empty. Each result
    is one line of type, shape and elements:

    ```mlir
    module {
      moe.model @example family "null" context 4 vocabulary 2 from "." {
        func.func @main() -> tensor<1x2xf32> {
          %x = arith.constant dense<[[1.0, -2.0]]> : tensor<1x2xf32>
          %y = moe.add %x, %x : tensor<1x2xf32>
          return %y : tensor<1x2xf32>
        }
      }
    }
    ```
    prints
    ```
    f32 1x2: 2 -4
    ```

    Quantised rows print as `scale * levels`, separated by semicolons. Weights that
    are stored as codes are encoded by the scheme of that name when they are used.

    With `tokens=1,2,3` the function `@forward` computes the logits of that
    sequence. `logits=FILE.npy` writes them as float32 [tokens, vocabulary];
    without it the most likely next token of each row is printed and, of a model
    with exits, how many layers made its logits. `exits=off` lets no token leave
    early, `exit-threshold` stands in for the threshold of every exit.
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"",
           "The function to run">,
    ListOption<"tokens", "tokens", "int32_t",
               "Run @forward on this sequence instead">,
    Option<"logits", "logits", "std::string", /*default=*/"\"\"",
           "File (.npy) for the logits of the tokens">,
    Option<"effort", "effort", "::moe::Effort",
           /*default=*/"::moe::Effort::Normal",
           "How well weights that are stored as codes are encoded",
           [{::llvm::cl::values(
               clEnumValN(::moe::Effort::Fast, "fast", "fast"),
               clEnumValN(::moe::Effort::Normal, "normal", "as usual"),
               clEnumValN(::moe::Effort::Max, "max", "as well as possible"))}]>,
    Option<"keepWeights", "keep-weights", "bool", /*default=*/"true",
           "Whether weights stay in memory for the next operation">,
    Option<"exits", "exits", "::moe::reference::Exits",
           /*default=*/"::moe::reference::Exits::On",
           "Whether tokens may leave early",
           [{::llvm::cl::values(
               clEnumValN(::moe::reference::Exits::On, "on", "as exits say"),
               clEnumValN(::moe::reference::Exits::Off, "off", "never"))}]>,
    Option<"exitThreshold", "exit-threshold", "double",
           /*default=*/"std::numeric_limits<double>::quiet_NaN()",
           "Least score that leaves, at every exit">];
}

#endif // MOE_REFERENCE_PASSES_TD
