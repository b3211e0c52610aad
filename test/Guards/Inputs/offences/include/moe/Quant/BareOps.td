include "mlir/IR/OpBase.td"
def Bare_Dialect : Dialect { let name = "bare"; }
def BareOp : Op<Bare_Dialect, "op"> {
  let description = "A description, but neither summary nor example.";
}
