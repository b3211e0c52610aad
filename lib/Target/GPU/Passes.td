//===- Passes.td - from moe IR to kernels and the code that launches them -===//
include "mlir/Pass/PassBase.td"

def LowerModelPass : Pass<"moe-gpu-lower-model", "::mlir::ModuleOp"> {
  let summary = "replace a model by launches of kernels";
  let description = [{
    Turns `@forward` of the one `moe.model` into `@moert_forward_v1` of
    `moert/abi/module.h`, a straight line of `gpu.launch_func`, and writes the
    kernels into `gpu.module @kernels`, one for each shape. Values become
    buffers in the workspace, which lies on the device as parameters and KV
    states do; the host never looks into them.

    ```mlir
    %y = moe.linear %x by @w : tensor<?x256xf32> -> tensor<?x512xf32>
    // becomes
    gpu.launch_func @kernels::@linear_bf16_512x256 blocks in (%n, %one, %one)
        threads in (%c128, %one, %one) args(%x : !llvm.ptr<1>, ...)
    ```

    Each kernel says with `moe.shared_bytes` how much shared memory a block has.
    The module gets the attributes `moe.operations`, `moe.workspace_fixed` and
    `moe.workspace_per_row`, which the container repeats.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numKernels", "kernels", "kernels written">];
}

def LowerLaunchesPass : Pass<"moe-gpu-lower-launches", "::mlir::ModuleOp"> {
  let summary = "launch kernels through the runtime";
  let description = [{
    Turns each `gpu.launch_func` into a call of `launch` of `moert/abi/gpu.h`,
    with the number of the kernel among those of its `gpu.module` and the
    addresses of its parameters, which travel in cells on the stack of the
    caller. The function around the launch must have the environment as its first
    argument; it loads `gpu` from there once.

    ```mlir
    gpu.launch_func @kernels::@add blocks in (%n, %one, %one)
        threads in (%c128, %one, %one) args(%a : !llvm.ptr, %count : i32)
    // becomes
    llvm.store %a, %cell0 : !llvm.ptr, !llvm.ptr
    llvm.store %count, %cell1 : i32, !llvm.ptr
    llvm.call %launch(%gpu, %number, %x, %y, %cells)
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect"];
}

def LowerKernelsPass : Pass<"moe-gpu-lower-kernels", "::mlir::gpu::GPUModuleOp"> {
  let summary = "turn kernels into what LLVM takes for NVIDIA's GPUs";
  let description = [{
    Brings kernels, whose loops are branches already, into the llvm and nvvm
    dialects. Each float operation becomes one instruction that rounds as IEEE
    754 says; functions that a GPU only approximates are refused. Kernels must
    say with `known_block_size` how many threads a block has, and get `nvvm.reqntid`.

    ```mlir
    %root = math.sqrt %x : f32
    // becomes
    %root = llvm.intr.sqrt(%x) : (f32) -> f32
    ```
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

def EmulatePass : Pass<"moe-gpu-emulate", "::mlir::ModuleOp"> {
  let summary = "write kernels a second time, as code of the host";
  let description = [{
    Copies each kernel of the `gpu.module`, which must be in the llvm and nvvm
    dialects, into a function `@emulated.<kernel>` of the module with the type
    `moert_emulated_kernel_t` of `moert/abi/gpu.h`. What only a GPU has becomes a
    call through `moert_emulator_t`, and each access of the global or the shared
    memory is announced by one. Constants of the `gpu.module` are copied, too;
    nobody is told of reading them. An operation of the GPU that is not known is
    an error.

    ```mlir
    nvvm.barrier
    // becomes
    llvm.call %barrier(%emulator, %zero, %zero, %site)
    ```

    With `drop-barrier`, `shift-index` or `drop-wait` one thing in each kernel
    goes wrong, so that a test can see who finds out.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
  let options = [
    Option<"kernel", "kernel", "std::string", "\"\"",
           "Name of the only kernel that goes wrong; empty: each does">,
    Option<"dropBarrier", "drop-barrier", "int64_t", "-1",
           "Number of the barrier that is left out; -1: none">,
    Option<"shiftIndex", "shift-index", "int64_t", "-1",
           "Number of the access that goes to its neighbour; -1: none">,
    Option<"dropWait", "drop-wait", "int64_t", "-1",
           "Number of the wait for copies that is left out; -1: none">];
}

def EmitPtxPass : Pass<"moe-gpu-emit-ptx", "::mlir::gpu::GPUModuleOp"> {
  let summary = "print kernels as PTX";
  let description = [{
    Prints the PTX of kernels in the llvm and nvvm dialects, which stay as they
    are. A product and a sum are never fused, and nothing is approximated.

    ```mlir
    %s = llvm.fadd %a, %b : f32   // add.rn.f32
    ```
  }];
  let options = [
    Option<"arch", "arch", "std::string", "\"sm_80\"",
           "Kind of GPU, as in --gpu-arch of moe-compile">,
    Option<"output", "output", "std::string", "\"-\"",
           "File for the PTX; -: standard output">];
}
