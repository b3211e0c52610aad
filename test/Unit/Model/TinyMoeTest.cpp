//===- TinyMoeTest.cpp - the demo checkpoint becomes verified IR ----------===//
#include "mlir/IR/MLIRContext.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Driver/Registry.h"
#include "moe/Model/Import.h"
#include <gtest/gtest.h>

using namespace moe;

TEST(TinyMoe, Imports) {
  Registry registry;
  registerPlugins(registry);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto model =
      importCheckpoint(MOE_SOURCE_DIR "/models/tiny-moe", registry, context);
  ASSERT_TRUE(bool(model)) << llvm::toString(model.takeError());

  auto op = *model->module->getOps<ModelOp>().begin();
  EXPECT_EQ(op.getSymName(), "tiny-moe");
  EXPECT_EQ(op.getVocabulary(), 2048u);
  EXPECT_EQ(op.getContext(), 1024u);
  EXPECT_EQ(model->eosTokens, std::vector<int32_t>{0});
  EXPECT_EQ(model->bosToken, 0);
  EXPECT_FALSE(model->addBos);
  EXPECT_FALSE(model->tokenizerJson.empty());

  auto experts = llvm::cast<WeightOp>(
      mlir::SymbolTable::lookupSymbolIn(op, "layers.5.experts.down"));
  EXPECT_EQ(experts.getTensorType().getShape(),
            llvm::ArrayRef<int64_t>({8, 256, 128}));
  EXPECT_EQ(experts.getSources().size(), 8u);
}
