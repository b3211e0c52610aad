//===- Passes.td - passes that stay inside the moe dialect ----------------===//
#ifndef MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD
#define MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def DropUnusedWeightsPass : Pass<"moe-drop-unused-weights", "::moe::ModelOp"> {
  let summary = "remove weights and tables that no function uses";
  let description = [{
    Weights are public symbols, because a model is what its weights are, so
    `symbol-dce` leaves them alone. A model is complete, though: a weight that
    none of its functions names is never read, and need not be stored.

    Before:
    ```mlir
    moe.weight @bias : tensor<4xf32> from [#moe.splat<0.0 : f32>]
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      return %x : tensor<?x4xf32>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      return %x : tensor<?x4xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"dropped", "dropped", "Number of weights and tables removed">];
}

#endif // MOE_DIALECT_MOE_TRANSFORMS_PASSES_TD
