//===- EmitPtx.cpp - kernels as PTX ---------------------------------------===//
#include "EmitPtx.h"

#include "Passes.h"
#include "moe/Support/OutputFile.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

namespace moe::cuda {
#define GEN_PASS_DEF_EMITPTXPASS
#include "Passes.h.inc"
} // namespace moe::cuda

// llvm/Support/TargetSelect.h only declares those of targets that were known
// when LLVM's headers were configured.
extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

using namespace mlir;
using namespace moe::cuda;

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const Architecture &architecture) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError(error);
  llvm::TargetOptions options;
  // A product and a sum round twice, as they do on every other target.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, architecture.getName(), "+ptx" + std::to_string(architecture.ptx),
      options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  // It takes loads of vectors apart, which forget that nobody writes there, and
  // no longer are ld.global.nc when they are put together again.
  llvm::PassInstrumentationCallbacks callbacks;
  callbacks.registerShouldRunOptionalPassCallback(
      [](llvm::StringRef name, llvm::Any) {
        return name != "VectorCombinePass";
      });
  llvm::PassBuilder builder(&machine, llvm::PipelineTuningOptions(),
                            std::nullopt, &callbacks);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

llvm::Expected<std::string>
moe::cuda::emitPtx(gpu::GPUModuleOp kernels, const Architecture &architecture) {
  auto machine = createMachine(architecture);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(kernels, context, "moe");
  if (!module)
    return llvm::createStringError("cannot translate the kernels to LLVM IR");
  module->setTargetTriple((*machine)->getTargetTriple());
  module->setDataLayout((*machine)->createDataLayout());
  optimize(*module, **machine);

  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager emitter;
  if ((*machine)->addPassesToEmitFile(emitter, stream, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("cannot emit PTX");
  emitter.run(*module);
  return text.str().str();
}

namespace {

struct EmitPtx : moe::cuda::impl::EmitPtxPassBase<EmitPtx> {
  using EmitPtxPassBase::EmitPtxPassBase;

  void runOnOperation() override {
    if (llvm::Error error = emit()) {
      getOperation().emitError(llvm::toString(std::move(error)));
      signalPassFailure();
    }
  }

private:
  llvm::Error emit() {
    auto devices = Devices::parse(arch);
    if (!devices)
      return devices.takeError();
    if (!devices->gpu)
      return llvm::createStringError("--gpu-arch: names no GPU, the emulator "
                                     "runs no PTX");
    auto ptx = emitPtx(getOperation(), *devices->gpu);
    if (!ptx)
      return ptx.takeError();
    if (output == "-") {
      llvm::outs() << *ptx;
      return llvm::Error::success();
    }
    return moe::writeFile(output, [&](llvm::raw_ostream &os) { os << *ptx; });
  }
};

} // namespace
