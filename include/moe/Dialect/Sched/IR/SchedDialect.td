//===- SchedDialect.td - the sched dialect and its types ------------------===//
#ifndef MOE_DIALECT_SCHED_IR_SCHEDDIALECT_TD
#define MOE_DIALECT_SCHED_IR_SCHEDDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Sched_Dialect : Dialect {
  let name = "sched";
  let cppNamespace = "::moe::sched";
  let summary = "when experts are fetched, and what is known before";
  let description = [{
    The `moe` dialect says *what* a model computes; this one says *when* the
    experts that it needs come from where they are kept, a disk say, into a cache
    of fixed size. Nothing here changes a value that `moe` operations compute: a
    wrong prediction costs time, never a token.

    An expert is known by its decoder layer and its number there. A fetch gives a
    `!sched.token`, which ends once: it is awaited and released, launched on,
    joined by the fetch of what is really wanted, or cancelled.

    ```mlir
    sched.cache @experts policy "lru" holds 12
    // layer 3 runs; what layer 4 will choose is guessed from what is known here
    %next, %sure = sched.predict %scores for layer 4 choosing 2 top 4
      by "cross-layer-gate" calibrated [1.7, 0.2]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    %guess = sched.prefetch %next confident %sure above 0.5 of layer 4 in @experts
      : tensor<?x4xi32>, tensor<?x4xf32>
    // layer 4 knows what it wants
    %wanted = sched.prefetch %ids of layer 4 in @experts joining %guess : tensor<?x2xi32>
    %y = sched.launch %wanted : tensor<?x256xf32> {
      %r = moe.experts %x to %ids, %w gate @g up @u down @d silu
        : tensor<?x256xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %r : tensor<?x256xf32>
    }
    ```
  }];
  let useDefaultTypePrinterParser = 1;
}

def Sched_TokenType : TypeDef<Sched_Dialect, "Token"> {
  let mnemonic = "token";
  let summary = "a fetch of experts that is under way";
  let description = [{
    Stands for the entries of a cache that one `sched.prefetch` asked for.

    Constraints:
    * (token_c1) a token that is used is the result of a `sched.prefetch`, or what
      a `sched.cancel` left of one.

    Example: `!sched.token`.
  }];
}

#endif // MOE_DIALECT_SCHED_IR_SCHEDDIALECT_TD
