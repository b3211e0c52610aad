//===- BackendTest.cpp - what every backend must do -----------------------===//
//
// Runs for each backend that is plugged in; a new one is tested without a
// change here. What its code computes is compared with the oracle elsewhere.
//===----------------------------------------------------------------------===//
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Driver/RegisterDialects.h"
#include "moe/Driver/Registry.h"
#include "moe/Target/TargetBackend.h"
#include <gtest/gtest.h>

using namespace moe;

namespace {

class BackendTest : public testing::TestWithParam<std::string> {
protected:
  BackendTest() : backend(getRegistry().backends.at(GetParam())()) {
    mlir::DialectRegistry dialects;
    registerDialects(dialects);
    context.appendDialectRegistry(dialects);
    module = mlir::parseSourceFile<mlir::ModuleOp>(
        MOE_SOURCE_DIR "/test/Tools/moe-compile/Inputs/quantized.mlir", &context);
  }

  CodeObject compile(const TargetOptions &options) {
    mlir::PassManager manager(&context);
    llvm::Error error = backend->buildPipeline(manager, options);
    EXPECT_FALSE(bool(error)) << toString(std::move(error));
    mlir::OwningOpRef<mlir::ModuleOp> lowered = module->clone();
    EXPECT_TRUE(succeeded(manager.run(*lowered)));
    llvm::Expected<CodeObject> code = backend->serialize(*lowered, options);
    if (code)
      return std::move(*code);
    ADD_FAILURE() << toString(code.takeError());
    return {};
  }

  mlir::MLIRContext context;
  std::unique_ptr<TargetBackend> backend;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_P(BackendTest, IsRegisteredUnderItsName) {
  EXPECT_EQ(backend->getName(), GetParam());
}

TEST_P(BackendTest, CompilesASmallModelForThisHost) {
  ASSERT_TRUE(module);
  CodeObject code = compile({});
  EXPECT_FALSE(code.driver.empty());
  // Code and its entry come together: a module without code has neither.
  EXPECT_EQ(code.bytes.empty(), code.entry.empty());
}

TEST_P(BackendTest, MakesTheSameCodeAgain) {
  ASSERT_TRUE(module);
  CodeObject first = compile({}), second = compile({});
  EXPECT_EQ(first.bytes, second.bytes);
  EXPECT_EQ(first.features, second.features);
  EXPECT_EQ(first.workspaceFixed, second.workspaceFixed);
  EXPECT_EQ(first.workspacePerRow, second.workspacePerRow);
  EXPECT_EQ(first.operations, second.operations);
}

std::vector<std::string> allBackends() {
  std::vector<std::string> names;
  for (const auto &[name, create] : getRegistry().backends)
    names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, BackendTest, testing::ValuesIn(allBackends()),
                         [](const auto &info) { return info.param; });

} // namespace
