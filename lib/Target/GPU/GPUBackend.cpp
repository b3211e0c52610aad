//===- GPUBackend.cpp - PTX, and host code that launches it ---------------===//
#include "Assembler.h"
#include "EmitImage.h"
#include "EmitPtx.h"
#include "Passes.h"
#include "Report.h"
#include "moe/Driver/Registry.h"
#include "moe/HostCode/EmitObject.h"
#include "moe/HostCode/ModelLowering.h"
#include "moe/Support/OutputFile.h"
#include "moe/Target/TargetBackend.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "moert/abi/module.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

/// The host's part only launches, on whatever machine has the GPU.
static constexpr StringLiteral kHost = "x86-64-v3";

static llvm::Expected<host::Processor>
resolveHost(const TargetOptions &options) {
  return host::resolveProcessor(options.cpu.empty() ? kHost.str() : options.cpu,
                                options.features);
}

namespace {

class GPUBackend : public TargetBackend {
public:
  StringRef getName() const override { return "gpu"; }
  bool fetchesExperts() const override { return true; }
  bool leavesEarly() const override { return true; }

  void registerDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, cf::ControlFlowDialect,
                    func::FuncDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                    math::MathDialect, memref::MemRefDialect, NVVM::NVVMDialect,
                    scf::SCFDialect, vector::VectorDialect>();
    arith::registerConvertArithToLLVMInterface(registry);
    cf::registerConvertControlFlowToLLVMInterface(registry);
    registerConvertFuncToLLVMInterface(registry);
    registerConvertMathToLLVMInterface(registry);
    registerConvertMemRefToLLVMInterface(registry);
    vector::registerConvertVectorToLLVMInterface(registry);
    registerBuiltinDialectTranslation(registry);
    registerGPUDialectTranslation(registry);
    registerLLVMDialectTranslation(registry);
    registerNVVMDialectTranslation(registry);
  }

  llvm::Error verifyOptions(const TargetOptions &options) const override {
    if (llvm::Error error = refuseFlagsOfOthers(options, "GPU"))
      return error;
    auto devices = Devices::parse(options.gpuArch);
    if (!devices)
      return devices.takeError();
    StringRef flag = !options.gpuPtx.empty()      ? "--gpu-ptx"
                     : !options.gpuReport.empty() ? "--gpu-report"
                     : !options.ptxas.empty()     ? "--ptxas"
                                                  : "";
    if (!devices->gpu && !flag.empty())
      return llvm::createStringError("--gpu-arch: names no GPU, so " + flag +
                                     " has no use");
    if (!devices->gpu)
      return resolveHost(options).takeError();
    auto assembler = Assembler::find(options.ptxas);
    if (!assembler)
      return assembler.takeError();
    if (!*assembler && !options.gpuReport.empty())
      return llvm::createStringError(
          "--gpu-report: needs ptxas of the CUDA toolkit, and there is none");
    return resolveHost(options).takeError();
  }

  llvm::Error buildPipeline(OpPassManager &manager,
                            const TargetOptions &options) const override {
    auto devices = Devices::parse(options.gpuArch);
    if (!devices)
      return devices.takeError();
    manager.addPass(createLowerModelPass());
    manager.addPass(createCSEPass());
    manager.addPass(createLowerLaunchesPass());

    OpPassManager &kernels = manager.nest<gpu::GPUModuleOp>();
    kernels.addPass(createCanonicalizerPass());
    kernels.addPass(createSCFToControlFlowPass());
    kernels.addPass(createConvertVectorToLLVMPass());
    kernels.addPass(createLowerKernelsPass());
    kernels.addPass(createReconcileUnrealizedCastsPass());
    kernels.addPass(createCSEPass());

    OpPassManager &functions = manager.nest<func::FuncOp>();
    functions.addPass(createSCFToControlFlowPass());
    manager.addPass(createConvertToLLVMPass());
    manager.addPass(createReconcileUnrealizedCastsPass());
    if (devices->isEmulated)
      manager.addPass(createEmulatePass());
    return llvm::Error::success();
  }

  llvm::Expected<CodeObject>
  serialize(ModuleOp module, const TargetOptions &options) const override {
    auto devices = Devices::parse(options.gpuArch);
    if (!devices)
      return devices.takeError();
    auto processor = resolveHost(options);
    if (!processor)
      return processor.takeError();
    auto kernelModules = module.getOps<gpu::GPUModuleOp>();
    if (!llvm::hasSingleElement(kernelModules))
      return llvm::createStringError(
          Twine(std::distance(kernelModules.begin(), kernelModules.end())) +
          " modules of kernels are left, expected 1");
    gpu::GPUModuleOp kernelModule = *kernelModules.begin();
    std::vector<KernelFacts> kernels = collectKernels(kernelModule);

    CodeObject code;
    code.entry = MOERT_ABI_FORWARD_SYMBOL;
    code.driver = devices->gpu ? "cuda" : "gpu-emulator";
    code.triple = processor->triple;
    code.cpu = processor->name;
    code.features = processor->features;
    auto number = [&](StringRef name) {
      return uint64_t(module->getAttrOfType<IntegerAttr>(name).getInt());
    };
    code.workspaceFixed = number(host::kWorkspaceFixed);
    code.workspacePerRow = number(host::kWorkspacePerRow);
    for (auto name :
         module->getAttrOfType<ArrayAttr>(host::kOperations).getAsRange<StringAttr>())
      code.operations.push_back(name.str());

    Image image;
    Binary binary;
    if (devices->gpu) {
      if (llvm::Error error =
              emitBinary(kernelModule, kernels, *devices->gpu, options, binary))
        return std::move(error);
      image = {devices->gpu, binary.ptx,
               StringRef(binary.cubin.data(), binary.cubin.size())};
    }
    auto bytes = emitHost(module, kernels, image, *processor);
    if (!bytes)
      return bytes.takeError();
    code.bytes = std::move(*bytes);
    return code;
  }

private:
  struct Binary {
    std::string ptx;
    std::vector<char> cubin; ///< empty: nobody assembled
  };

  /// Makes PTX and, where there is an assembler, a cubin, and writes down what
  /// was asked for.
  static llvm::Error emitBinary(gpu::GPUModuleOp module,
                                ArrayRef<KernelFacts> kernels,
                                const Architecture &architecture,
                                const TargetOptions &options, Binary &binary) {
    if (llvm::Error error = verifyKernels(kernels, architecture))
      return error;
    auto ptx = emitPtx(module, architecture);
    if (!ptx)
      return ptx.takeError();
    binary.ptx = std::move(*ptx);
    if (!options.gpuPtx.empty())
      if (llvm::Error error = writeFile(
              options.gpuPtx, [&](llvm::raw_ostream &os) { os << binary.ptx; }))
        return error;
    auto assembler = Assembler::find(options.ptxas);
    if (!assembler)
      return assembler.takeError();
    if (!*assembler)
      return llvm::Error::success();
    llvm::SmallVector<Usage> usages;
    for (const Architecture *reported : getReported(architecture)) {
      if (reported != &architecture && options.gpuReport.empty())
        continue;
      auto assembled = (*assembler)->assemble(binary.ptx, *reported);
      if (!assembled)
        return assembled.takeError();
      if (reported == &architecture)
        binary.cubin = std::move(assembled->cubin);
      usages.push_back({reported, std::move(assembled->kernels)});
    }
    if (options.gpuReport.empty())
      return llvm::Error::success();
    return writeReport(options.gpuReport, kernels, usages);
  }

  /// The shared object: what the host runs, and the image as its data.
  static llvm::Expected<std::vector<char>>
  emitHost(ModuleOp module, ArrayRef<KernelFacts> kernels, const Image &image,
           const host::Processor &processor) {
    OwningOpRef<ModuleOp> host = ModuleOp::create(module.getLoc());
    OpBuilder builder = OpBuilder::atBlockEnd(host->getBody());
    for (Operation &op : *module.getBody())
      if (!isa<gpu::GPUModuleOp>(op))
        builder.clone(op);
    emitImage(*host, kernels, image);
    auto object = host::emitObject(*host, processor);
    if (!object)
      return object.takeError();
    return host::linkShared(*object);
  }
};

} // namespace

extern "C" void moeRegister_backend_GPU(Registry &registry) {
  registerMoeGPUPasses();
  registry.backends["gpu"] = [] { return std::make_unique<GPUBackend>(); };
}
