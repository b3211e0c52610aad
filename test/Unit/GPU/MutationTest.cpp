//===- MutationTest.cpp - who finds out what is wrong in a kernel ---------===//
//
// One thing in each kernel of a model goes wrong as it is compiled: the
// emulator's detectors must say so, and must say nothing about kernels as they
// are.
//===----------------------------------------------------------------------===//
#include "Passes.h"
#include "RunForward.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "moe/Analysis/ParameterPlan.h"
#include "moe/Driver/RegisterDialects.h"
#include "moe/Driver/Registry.h"
#include "moe/Target/TargetBackend.h"
#include <gmock/gmock.h>
#include <set>

using namespace mlir;
using namespace moe;
using testing::HasSubstr;

namespace {

/// The model, lowered once.
class Mutants {
public:
  Mutants() : backend(getRegistry().backends.at("gpu")()) {
    DialectRegistry dialects;
    registerDialects(dialects);
    context.appendDialectRegistry(dialects);
    auto module = parseSourceFile<ModuleOp>(
        MOE_SOURCE_DIR "/test/Unit/GPU/Inputs/mixed.mlir", &context);
    facts.vocabulary = 96;
    facts.capacity = 512;
    facts.stateBytes = 2 * 16 * facts.capacity * sizeof(float);
    ParameterPlan plan(*module->getOps<ModelOp>().begin());
    for (const Parameter &parameter : plan.getParameters())
      facts.parameterBytes.push_back(
          parameter.kind == Parameter::Kind::RopeTable
              ? 16 * facts.capacity * sizeof(float) // the runtime's own
              : parameter.size);

    TargetOptions withoutEmulator;
    withoutEmulator.gpuArch = "sm_80";
    PassManager manager(&context);
    EXPECT_FALSE(bool(backend->buildPipeline(manager, withoutEmulator)));
    EXPECT_TRUE(succeeded(manager.run(*module)));
    lowered = std::move(module);
    healthy = compile({});
  }

  /// What is said about each kernel that runs: many rows, a few, one that looks
  /// far back.
  std::map<std::string, std::string>
  run(const cuda::EmulatePassOptions &defects) {
    CompiledModel defective = compile(defects);
    std::map<std::string, std::string> result;
    for (Batch batch : {Batch{70, 0, false}, Batch{3, 5, false},
                        Batch{1, 300, false}, Batch{5, 0, true}}) {
      std::string failure;
      for (auto &[kernel, said] :
           runForward(healthy, defective, batch, failure))
        if (std::string &known = result[kernel]; known.empty())
          known = said;
      EXPECT_EQ(failure, "") << "of " << batch.rows << " rows";
    }
    return result;
  }

  /// The kernels that have operations of a kind.
  template <typename Op> std::set<std::string> findKernels() {
    std::set<std::string> names;
    for (auto kernels : lowered->getOps<gpu::GPUModuleOp>())
      for (auto kernel : kernels.getOps<LLVM::LLVMFuncOp>()) {
        auto interrupt = [](Op) { return WalkResult::interrupt(); };
        if (kernel.walk(interrupt).wasInterrupted())
          names.insert(kernel.getName().str());
      }
    return names;
  }

private:
  CompiledModel compile(const cuda::EmulatePassOptions &defects) {
    OwningOpRef<ModuleOp> copy = lowered->clone();
    PassManager manager(&context);
    manager.addPass(cuda::createEmulatePass(defects));
    EXPECT_TRUE(succeeded(manager.run(*copy)));
    TargetOptions emulator;
    emulator.gpuArch = "emulator";
    auto code = backend->serialize(*copy, emulator);
    EXPECT_TRUE(bool(code));
    CompiledModel result = facts;
    result.bytes = std::move(code->bytes);
    result.workspaceFixed = code->workspaceFixed;
    result.workspacePerRow = code->workspacePerRow;
    return result;
  }

  MLIRContext context;
  std::unique_ptr<TargetBackend> backend;
  OwningOpRef<ModuleOp> lowered;
  CompiledModel facts, healthy;
};

class Mutation : public testing::Test {
protected:
  static void SetUpTestSuite() { mutants = new Mutants; }
  static void TearDownTestSuite() {
    delete mutants;
    mutants = nullptr;
  }

  /// Expects that somebody complains about each of these kernels that runs.
  static void expectFound(const std::set<std::string> &kernels,
                          const cuda::EmulatePassOptions &defects,
                          size_t least) {
    auto said = mutants->run(defects);
    size_t found = 0;
    for (const std::string &kernel : kernels)
      if (auto it = said.find(kernel); it != said.end()) {
        EXPECT_NE(it->second, "") << kernel;
        ++found;
      }
    EXPECT_GE(found, least);
  }

  static Mutants *mutants;
};

Mutants *Mutation::mutants = nullptr;

TEST_F(Mutation, NothingIsSaidOfKernelsAsTheyAre) {
  auto said = mutants->run({});
  EXPECT_GT(said.size(), 20u);
  for (auto &[kernel, text] : said)
    EXPECT_EQ(text, "");
}

TEST_F(Mutation, ADroppedBarrierIsFound) {
  cuda::EmulatePassOptions defects;
  defects.dropBarrier = 0;
  expectFound(mutants->findKernels<NVVM::Barrier0Op>(), defects, 10);
}

TEST_F(Mutation, ADroppedWaitForCopiesIsFound) {
  cuda::EmulatePassOptions defects;
  defects.dropWait = 0;
  expectFound(mutants->findKernels<NVVM::CpAsyncWaitGroupOp>(), defects, 4);
}

// Which access goes astray decides whether anybody can see it.
TEST_F(Mutation, AWrongIndexIsFound) {
  cuda::EmulatePassOptions defects;
  defects.shiftIndex = 1;
  size_t found = 0;
  for (auto &[kernel, text] : mutants->run(defects))
    found += !text.empty();
  EXPECT_GT(found, 10u);
}

} // namespace
