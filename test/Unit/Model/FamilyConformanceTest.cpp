//===- FamilyConformanceTest.cpp - what every family must do --------------===//
//
// Runs for each registered family; a new one needs no change here, nor in
// commonKeys() unless it requires a key that cannot be 2.
//===----------------------------------------------------------------------===//
#include "TestCheckpoint.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "moe/Analysis/DecoderStack.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Driver/Registry.h"
#include "moe/Model/ModelFamily.h"
#include <gmock/gmock.h>

using namespace moe;
using namespace moe::test;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

namespace {
class FamilyConformance : public testing::TestWithParam<std::string> {
protected:
  TestDirectory directory;
  Keys keys = commonKeys(GetParam());
  Shapes shapes;

  /// Puts the family's own tiny checkpoint into the directory.
  void makeCheckpoint() {
    static std::map<std::string, std::pair<Keys, Shapes>> known;
    auto [entry, isNew] = known.try_emplace(GetParam(), keys, shapes);
    auto &[knownKeys, knownShapes] = entry->second;
    if (isNew)
      ASSERT_EQ(satisfy(directory, knownKeys, knownShapes).error, "");
    keys = knownKeys;
    shapes = knownShapes;
    directory.write("config.json", configText(keys));
    directory.writeTensors("model.safetensors", shapes);
  }
};

std::vector<std::string> familyNames() {
  Registry registry;
  registerPlugins(registry);
  std::vector<std::string> names;
  for (const auto &family : registry.families)
    names.push_back(family.first);
  return names;
}
} // namespace

TEST_P(FamilyConformance, IsRegisteredUnderItsName) {
  Registry registry;
  registerPlugins(registry);
  EXPECT_EQ(registry.families.at(GetParam())()->getName(), GetParam());
}

TEST_P(FamilyConformance, NamesAKeyThatAnEmptyConfigLacks) {
  directory.write("config.json",
                  configText({{"model_type", keys["model_type"]}}));
  directory.writeTensors("model.safetensors", {});
  EXPECT_THAT(import(directory).error, AllOf(HasSubstr("/config.json: key '"),
                                             EndsWith("' is missing")));
}

TEST_P(FamilyConformance, BuildsVerifiedIR) {
  makeCheckpoint();
  Imported result = import(directory);
  ASSERT_EQ(result.error, "");
  EXPECT_THAT(result.text, HasSubstr("family \"" + GetParam() + "\""));
  EXPECT_THAT(result.text, HasSubstr("func.func @forward("));
  // What the importer prints can be read again.
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
  EXPECT_TRUE(
      bool(mlir::parseSourceString<mlir::ModuleOp>(result.text, &context)));
}

/// So that passes which ask for layers, as --exit-policy does, find them.
TEST_P(FamilyConformance, LayersAreToldApart) {
  makeCheckpoint();
  Imported result = import(directory);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(result.text, &context);
  ASSERT_TRUE(bool(module));
  ModelOp model = *module->getOps<ModelOp>().begin();
  llvm::Expected<DecoderStack> stack = DecoderStack::find(model);
  // A family without attention has no layers.
  if (result.text.find("moe.attention") == std::string::npos) {
    EXPECT_THAT(messageOf(stack.takeError()), HasSubstr("0 store keys"));
    return;
  }
  ASSERT_TRUE(bool(stack)) << llvm::toString(stack.takeError());
  EXPECT_EQ(stack->layers.size(), 2u);
  EXPECT_FALSE(stack->output.getDefiningOp<NormOp>());
}

TEST_P(FamilyConformance, MissesEveryTensor) {
  makeCheckpoint();
  for (const auto &[name, shape] : shapes) {
    Shapes fewer = shapes;
    fewer.erase(name);
    directory.writeTensors("model.safetensors", fewer);
    EXPECT_THAT(import(directory).error, HasSubstr("is missing")) << name;
  }
}

TEST_P(FamilyConformance, RefusesEveryWrongShape) {
  makeCheckpoint();
  for (const auto &[name, shape] : shapes) {
    Shapes wrong = shapes;
    ++wrong[name].back();
    directory.writeTensors("model.safetensors", wrong);
    EXPECT_THAT(import(directory).error, HasSubstr(", config.json asks for ["))
        << name;
  }
}

TEST_P(FamilyConformance, RefusesATensorWithoutPlace) {
  makeCheckpoint();
  shapes["model.layers.0.self_attn.sinks"] = {2};
  directory.writeTensors("model.safetensors", shapes);
  EXPECT_THAT(import(directory).error,
              HasSubstr("tensor 'model.layers.0.self_attn.sinks' of shape [2] "
                        "has no place in a model of family"));
}

TEST_P(FamilyConformance, RefusesAKeyThatItDoesNotKnow) {
  makeCheckpoint();
  keys["attn_logit_softcapping"] = "50.0";
  directory.write("config.json", configText(keys));
  EXPECT_THAT(import(directory).error,
              HasSubstr("key 'attn_logit_softcapping' is not supported, "
                        "supported: "));
}

TEST_P(FamilyConformance, RefusesZeroAndAbsurdSizes) {
  makeCheckpoint();
  for (const char *value : {"0", "-1", "4611686018427387904", "8.0", "\"8\"",
                            "18446744073709551616", "[]"}) {
    Keys wrong = keys;
    wrong["hidden_size"] = value;
    directory.write("config.json", configText(wrong));
    EXPECT_THAT(import(directory).error, HasSubstr("key 'hidden_size' "))
        << value;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FamilyConformance,
                         testing::ValuesIn(familyNames()),
                         [](const auto &info) { return info.param; });
