//===- EmitObject.cpp - object code for one processor ---------------------===//
#include "moe/HostCode/EmitObject.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "moert/abi/module.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace moe::host;

namespace {

constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

/// What the code generator makes use of by itself. moert/drivers/cpu knows how
/// to ask a processor for each of them.
constexpr llvm::StringLiteral kUsefulFeatures[] = {
    "avx",          "avx2",       "avx512bf16",
    "avx512bitalg", "avx512bw",   "avx512cd",
    "avx512dq",     "avx512f",    "avx512fp16",
    "avx512ifma",   "avx512vbmi", "avx512vbmi2",
    "avx512vl",     "avx512vnni", "avx512vpopcntdq",
    "avxvnni",      "bmi",        "bmi2",
    "cx16",         "f16c",       "fma",
    "gfni",         "lzcnt",      "movbe",
    "popcnt",       "sse3",       "sse4.1",
    "sse4.2",       "ssse3"};

/// Below these, widening of weights and fused arithmetic would be calls.
constexpr llvm::StringLiteral kNeededFeatures[] = {"avx2", "f16c", "fma"};

llvm::Expected<const llvm::Target *> lookupTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(llvm::Triple(kTriple), error);
  if (!target)
    return llvm::createStringError(error);
  return target;
}

std::string joinFeatures(const Processor &processor) {
  std::string text;
  for (const std::string &feature : processor.features)
    text += (text.empty() ? "+" : ",+") + feature;
  return text;
}

/// Splits --features into "+name" and "-name", of which a processor must be able
/// to say whether it has them. LLVM also calls its tuning features: no runtime
/// could ever find them.
llvm::Expected<SmallVector<llvm::StringRef>>
parseFeatures(llvm::StringRef text) {
  const llvm::StringMap<bool> known = llvm::sys::getHostCPUFeatures();
  SmallVector<llvm::StringRef> features;
  text.split(features, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef feature : features) {
    llvm::StringRef bare = feature.ltrim("+-");
    if (bare.size() + 1 != feature.size() || !known.contains(bare))
      return llvm::createStringError("unknown feature '" + feature +
                                     "' in --features, want +name or -name");
  }
  return features;
}

/// Every function runs on what the features name, and only the entry can be
/// reached from outside.
void setAttributes(llvm::Module &module, const Processor &processor) {
  std::string features = joinFeatures(processor);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    // The base processor has nothing but what the features name.
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("tune-cpu", processor.name);
    function.addFnAttr("target-features", features);
    // There is no C library on the other side of the ABI.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (function.getName() != MOERT_ABI_FORWARD_SYMBOL) {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
      function.addFnAttr(llvm::Attribute::NoInline);
    }
  }
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  // Vectors are explicit; anything else would change nothing but the time.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  // Kernels are written as they should run: more than the first level only costs
  // time.
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1)
      .run(module, modules);
}

} // namespace

llvm::Expected<Processor> moe::host::resolveProcessor(llvm::StringRef name,
                                                     llvm::StringRef features) {
  auto target = lookupTarget();
  if (!target)
    return target.takeError();
  Processor processor;
  processor.triple = kTriple.str();
  processor.name =
      name.empty() ? llvm::sys::getHostCPUName().str() : name.str();
  std::unique_ptr<llvm::MCSubtargetInfo> probe(
      (*target)->createMCSubtargetInfo(llvm::Triple(kTriple), "", ""));
  if (!probe->isCPUStringValid(processor.name))
    return llvm::createStringError("unknown cpu '" + processor.name + "' for " +
                                   kTriple);
  auto extra = parseFeatures(features);
  if (!extra)
    return extra.takeError();

  llvm::SubtargetFeatures wanted;
  if (name.empty())
    for (const auto &[feature, isThere] : llvm::sys::getHostCPUFeatures())
      wanted.AddFeature(feature, isThere);
  for (llvm::StringRef feature : *extra)
    wanted.AddFeature(feature.drop_front(), feature.front() == '+');
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      (*target)->createMCSubtargetInfo(llvm::Triple(kTriple), processor.name,
                                       wanted.getString()));
  for (llvm::StringRef feature : kUsefulFeatures)
    if (subtarget->checkFeatures(("+" + feature).str()))
      processor.features.push_back(feature.str());
  // What somebody asks for by name, and does not take back, is asked of the
  // machine, useful or not.
  for (llvm::StringRef feature : *extra)
    if (feature.front() == '+' && subtarget->checkFeatures(feature) &&
        !llvm::is_contained(processor.features, feature.drop_front()))
      processor.features.push_back(feature.drop_front().str());
  llvm::sort(processor.features);
  for (llvm::StringRef feature : kNeededFeatures)
    if (!llvm::is_contained(processor.features, feature))
      return llvm::createStringError(
          "cpu '" + processor.name + "' lacks " + feature +
          ", the cpu target needs avx2, f16c and fma");
  return processor;
}

llvm::Expected<std::vector<char>>
moe::host::emitObject(ModuleOp module, const Processor &processor) {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context, "moe");
  if (!llvmModule)
    return llvm::createStringError("cannot translate the module to LLVM IR");

  auto target = lookupTarget();
  if (!target)
    return target.takeError();
  llvm::Triple triple(processor.triple);
  std::unique_ptr<llvm::TargetMachine> machine((*target)->createTargetMachine(
      triple, processor.name, joinFeatures(processor), llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  llvmModule->setTargetTriple(triple);
  llvmModule->setDataLayout(machine->createDataLayout());
  setAttributes(*llvmModule, processor);
  optimize(*llvmModule, *machine);

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emitter;
  if (machine->addPassesToEmitFile(emitter, stream, nullptr,
                                   llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("cannot emit an object file");
  emitter.run(*llvmModule);
  return std::vector<char>(bytes.begin(), bytes.end());
}
