//===- LowerLaunches.cpp - launches go through the runtime ----------------===//
#include "Passes.h"
#include "moe/HostCode/KernelBuilder.h"

#include "moert/abi/gpu.h"

namespace moe::cuda {
#define GEN_PASS_DEF_LOWERLAUNCHESPASS
#include "Passes.h.inc"
} // namespace moe::cuda

using namespace mlir;
using namespace moe::cuda;
using moe::host::KernelBuilder;

namespace {

constexpr int64_t kCell = 8;

/// Where the parameters of a function's launches travel, one after the other.
struct Cells {
  /// Writes the cells, and an array of their addresses, at the top of the
  /// function.
  Cells(func::FuncOp function, int64_t count)
      : b(function.getLoc(), OpBuilder::atBlockBegin(&function.front())),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {
    Value env = function.getArgument(0);
    gpu = b.loadField(env, offsetof(moert_abi_env_t, gpu), pointer);
    launch = b.loadField(gpu, offsetof(moert_abi_gpu_t, launch), pointer);
    Value size =
        LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(count));
    values = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), size);
    addresses = LLVM::AllocaOp::create(b, pointer, pointer, size);
    for (int64_t i = 0; i < count; ++i)
      LLVM::StoreOp::create(b, cell(b, values, i), cell(b, addresses, i));
  }

  static Value cell(KernelBuilder &b, Value array, int64_t index) {
    return LLVM::GEPOp::create(b, array.getType(), b.getI8Type(), array,
                               ArrayRef<LLVM::GEPArg>{int32_t(index * kCell)});
  }

  KernelBuilder b;
  Type pointer;
  Value gpu, launch, values, addresses;
};

struct LowerLaunches : moe::cuda::impl::LowerLaunchesPassBase<LowerLaunches> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(lower(function)))
        return signalPassFailure();
  }

private:
  LogicalResult lower(func::FuncOp function) {
    SmallVector<gpu::LaunchFuncOp> launches;
    function.walk([&](gpu::LaunchFuncOp op) { launches.push_back(op); });
    if (launches.empty())
      return success();
    if (function.getNumArguments() == 0 ||
        !isa<LLVM::LLVMPointerType>(function.getArgumentTypes().front()))
      return launches.front().emitOpError(
          "is in a function without the environment as first argument");
    size_t most = 1; // LLVM knows no allocation of nothing
    for (gpu::LaunchFuncOp launch : launches)
      most = std::max(most, launch.getKernelOperands().size());
    Cells cells(function, most);
    for (gpu::LaunchFuncOp launch : launches)
      if (failed(lower(launch, cells)))
        return failure();
    return success();
  }

  /// The number of a kernel, which images list in the order of the text.
  FailureOr<int64_t> findKernel(gpu::LaunchFuncOp launch) {
    auto module = getOperation().lookupSymbol<gpu::GPUModuleOp>(
        launch.getKernelModuleName());
    if (!module)
      return launch.emitOpError("names kernels of @")
             << launch.getKernelModuleName().getValue()
             << ", which is not in this module";
    auto &known = numbers[module];
    if (known.empty())
      for (auto kernel : module.getOps<gpu::GPUFuncOp>())
        if (kernel.isKernel())
          known.try_emplace(kernel.getName(), known.size());
    auto found = known.find(launch.getKernelName());
    if (found == known.end())
      return launch.emitOpError("names @")
             << launch.getKernelName().getValue() << ", which is no kernel";
    return found->second;
  }

  LogicalResult lower(gpu::LaunchFuncOp launch, const Cells &cells) {
    FailureOr<int64_t> number = findKernel(launch);
    if (failed(number))
      return failure();
    if (!launch.getAsyncDependencies().empty() || launch.getAsyncToken())
      return launch.emitOpError("is asynchronous; launches run in order");
    if (getConstantIntValue(launch.getGridSizeZ()) != 1)
      return launch.emitOpError("has blocks in 3 dimensions, expected 2");
    KernelBuilder b(launch.getLoc(), OpBuilder(launch));
    for (auto [i, operand] : llvm::enumerate(launch.getKernelOperands())) {
      Type type = operand.getType();
      if (!isa<LLVM::LLVMPointerType>(type) && !type.isInteger(32) &&
          !type.isInteger(64) && !type.isF32())
        return launch.emitOpError("passes a parameter of type ")
               << type << ", expected a pointer, i32, i64 or f32";
      LLVM::StoreOp::create(b, operand, Cells::cell(b, cells.values, i));
    }
    auto wide = [&](Value size) {
      return size.getType().isIndex()
                 ? arith::IndexCastOp::create(b, b.getI64Type(), size)
                       .getResult()
                 : size;
    };
    Type pointer = cells.gpu.getType(), i64 = b.getI64Type();
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    {pointer, i64, i64, i64, pointer});
    Value kernel = arith::ConstantOp::create(b, b.getI64IntegerAttr(*number));
    LLVM::CallOp::create(
        b, type,
        ValueRange{cells.launch, cells.gpu, kernel, wide(launch.getGridSizeX()),
                   wide(launch.getGridSizeY()), cells.addresses});
    launch.erase();
    return success();
  }

  llvm::DenseMap<gpu::GPUModuleOp, llvm::StringMap<int64_t>> numbers;
};

} // namespace
