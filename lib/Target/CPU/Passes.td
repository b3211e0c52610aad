//===- Passes.td - from moe IR to functions that LLVM takes ---------------===//
include "mlir/Pass/PassBase.td"

def LowerModelPass : Pass<"moe-cpu-lower-model", "::mlir::ModuleOp"> {
  let summary = "replace a model by its forward function over raw buffers";
  let description = [{
    Turns `@forward` of the one `moe.model` into `@moert_forward_v1` of
    `moert/abi/module.h`: a straight line of calls, one kernel for each shape.
    Values become buffers in the workspace; a range that is no longer needed is
    used again. Weights are reached through the ABI's parameter pointers.

    Kernels are loops over `vector<16xf32>` whose order of float operations is
    fixed, so results do not depend on the batch, the threads or the CPU.

    ```mlir
    %y = moe.linear %x by @w : tensor<?x256xf32> -> tensor<?x512xf32>
    // becomes
    call @linear_bf16_512x256(%env, %x, %w, %y)
    ```

    Kernels of stored weights compute in exact integers: `features` chooses the
    instructions, and not the results.

    The module gets the attributes `moe.operations`, `moe.workspace_fixed` and
    `moe.workspace_per_row`, which the container repeats.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
  let options = [ListOption<"features", "features", "std::string",
    "Features of the processor, LLVM's names; more than AVX2 is used by kernels "
    "of stored weights">];
  let statistics = [Statistic<"numKernels", "kernels", "kernels written">];
}

def OutlineParallelPass : Pass<"moe-cpu-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "run parallel loops through the runtime";
  let description = [{
    Moves the body of each one-dimensional `scf.parallel` from 0 with step 1
    into a function and calls the environment's `parallel_for` with it. The
    values that the body uses travel in an array of 8-byte cells on the caller's
    stack; buffers as their address and sizes. The function around the loop must
    have the environment as its first argument.

    ```mlir
    scf.parallel (%i) = (%zero) to (%n) step (%one) { use(%i, %buffer) }
    // becomes
    func.func private @body(%cells: !llvm.ptr, %begin: i64, %end: i64, %worker: i64)
    ```
  }];
  let dependentDialects = [
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}
