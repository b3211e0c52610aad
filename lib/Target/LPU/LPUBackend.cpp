//===- LPUBackend.cpp - models as statically scheduled programs -----------===//
#include "Assembly/Assemble.h"
#include "Group/Partition.h"
#include "IR/Lpu.h"
#include "IR/Machines.h"
#include "Passes.h"
#include "moe/Driver/Registry.h"
#include "moe/Target/TargetBackend.h"
#include "moert/abi/lpu.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moe;

namespace {

/// What --lpu-machine, --lpu-context and --lpu-chips say.
struct LPUOptions {
  std::string machine = "tsp1";
  int64_t context = 1024, chips = 1;

  static llvm::Expected<LPUOptions> parse(const TargetOptions &options) {
    LPUOptions result;
    if (!options.lpuMachine.empty())
      result.machine = options.lpuMachine;
    auto machine = lpu::findMachine(result.machine);
    if (!machine)
      return machine.takeError();
    // A vector for each position, and bases of rows have 16 bits.
    constexpr int64_t most = 1 << 16;
    StringRef context = options.lpuContext;
    if (!context.empty() && (context.getAsInteger(10, result.context) ||
                             result.context < 1 || result.context > most))
      return llvm::createStringError("--lpu-context: bad value '" + context +
                                     "', expected 1 to " + Twine(most));
    StringRef chips = options.lpuChips;
    if (!chips.empty() && chips.getAsInteger(10, result.chips))
      return llvm::createStringError("--lpu-chips: bad value '" + chips +
                                     "', expected a number");
    std::string wrong = lpu::checkPartition(*machine, {result.chips, 1});
    if (!wrong.empty())
      return llvm::createStringError("--lpu-chips: " + wrong);
    return result;
  }
};

class LPUBackend : public TargetBackend {
public:
  StringRef getName() const override { return "lpu"; }
  bool leavesEarly() const override { return true; }

  void registerDialects(DialectRegistry &registry) const override {
    registry.insert<lpu::LPUDialect>();
  }

  llvm::Error verifyOptions(const TargetOptions &options) const override {
    if (llvm::Error error = refuseFlagsOfOthers(options, "LPU"))
      return error;
    return LPUOptions::parse(options).takeError();
  }

  llvm::Error buildPipeline(OpPassManager &manager,
                            const TargetOptions &options) const override {
    auto wanted = LPUOptions::parse(options);
    if (!wanted)
      return wanted.takeError();
    lpu::LowerModelPassOptions lowering;
    lowering.machine = wanted->machine;
    lowering.context = wanted->context;
    lowering.chips = wanted->chips;
    manager.addPass(lpu::createLowerModelPass(lowering));
    manager.addPass(lpu::createAssignLayoutPass());
    manager.addPass(lpu::createSchedulePass({options.lpuReport}));
    manager.addPass(lpu::createFormQueuesPass());
    return llvm::Error::success();
  }

  llvm::Expected<CodeObject> serialize(ModuleOp module,
                                       const TargetOptions &) const override {
    auto programs = module.getOps<lpu::ProgramOp>();
    if (!llvm::hasSingleElement(programs))
      return llvm::createStringError(
          Twine(std::distance(programs.begin(), programs.end())) +
          " programs are left, expected 1");
    lpu::ProgramOp program = *programs.begin();
    auto machine = lpu::findMachine(program.getMachine());
    if (!machine)
      return machine.takeError();
    auto bytes = lpu::assemble(program);
    if (!bytes)
      return bytes.takeError();
    CodeObject code;
    code.bytes = std::move(*bytes);
    code.driver = "lpu";
    code.entry = program.getSymName().str();
    code.triple = "lpu";
    code.cpu = machine->name;
    code.features = {llvm::formatv("lpu-isa-{0}", MOERT_LPU_VERSION)};
    code.context = program.getPositions().value_or(0);
    int64_t cycles = 0;
    for (auto segment : program.getOps<lpu::SegmentOp>()) {
      code.operations.push_back(segment.getName().str());
      cycles += segment.getCycles();
    }
    code.summary =
        llvm::formatv("{0} cycles a token, {1:f0} tokens/s at {2:f0} MHz on {3}",
                      cycles, machine->clockHz / double(cycles),
                      machine->clockHz / 1e6, machine->name);
    return code;
  }
};

} // namespace

extern "C" void moeRegister_backend_LPU(Registry &registry) {
  lpu::registerLowerModelPass();
  lpu::registerAssignLayoutPass();
  lpu::registerSchedulePass();
  lpu::registerFormQueuesPass();
  lpu::registerAssemblePass();
  lpu::registerDisassemblePass();
  registry.backends["lpu"] = [] { return std::make_unique<LPUBackend>(); };
}
