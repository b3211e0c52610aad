include "mlir/Pass/PassBase.td"
def BarePass : Pass<"bare-pass"> {
  let summary = "no description and no test";
}
