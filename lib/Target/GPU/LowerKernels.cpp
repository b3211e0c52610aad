//===- LowerKernels.cpp - kernels in the llvm and nvvm dialects -----------===//
#include "Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Transforms/DialectConversion.h"

namespace moe::cuda {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "Passes.h.inc"
} // namespace moe::cuda

using namespace mlir;
using namespace moe::cuda;

namespace {

/// The pass of MLIR that does the same calls a library of the CUDA toolkit for
/// square roots and fused products; the instructions are exact.
struct LowerKernels : moe::cuda::impl::LowerKernelsPassBase<LowerKernels> {
  void runOnOperation() override {
    gpu::GPUModuleOp module = getOperation();
    MLIRContext &context = getContext();
    LLVMTypeConverter converter(&context);
    configureGpuToNVVMTypeConverter(converter);
    RewritePatternSet patterns(&context);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    // Rather than the calls of a library that come with the last.
    populateMathToLLVMConversionPatterns(converter, patterns,
                                         /*approximateLog1p=*/false,
                                         /*benefit=*/2);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    populateGpuToNVVMConversionPatterns(converter, patterns);

    ConversionTarget target(context);
    target.addLegalDialect<LLVM::LLVMDialect, NVVM::NVVMDialect>();
    target.addLegalOp<gpu::GPUModuleOp>();
    // A GPU has these only as approximations, and a host only in its library.
    target.addIllegalOp<LLVM::CallOp, LLVM::CosOp, LLVM::Exp2Op, LLVM::ExpOp,
                        LLVM::Log10Op, LLVM::Log2Op, LLVM::LogOp, LLVM::PowOp,
                        LLVM::PowIOp, LLVM::SinOp, LLVM::FRemOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      return signalPassFailure();
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (failed(setBlockSize(function)))
        return signalPassFailure();
  }

private:
  /// Tells the assembler how many threads share the registers.
  LogicalResult setBlockSize(LLVM::LLVMFuncOp function) {
    if (!function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
      return success();
    // The conversion makes a bound of the size.
    auto sizes = dyn_cast_or_null<DenseI32ArrayAttr>(
        function->removeAttr(NVVM::NVVMDialect::getMaxntidAttrName()));
    if (!sizes || sizes.size() != 3 || sizes[1] != 1 || sizes[2] != 1)
      return function.emitOpError(
          "does not say with known_block_size how many threads a block has");
    if (sizes[0] < 1 || sizes[0] > 1024 || sizes[0] % 32 != 0)
      return function.emitOpError("has ")
             << sizes[0] << " threads, expected a multiple of 32 up to 1024";
    function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), sizes);
    return success();
  }
};

} // namespace
