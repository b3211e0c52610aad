//===- Null.cpp - null: the smallest family, to copy from -----------------===//
#include "moe/Driver/Registry.h"
#include "moe/Model/ModelBuilder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class Null : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "null"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    int64_t vocabulary =
        config.requireInteger("vocab_size", limits::vocabulary);
    int64_t hidden = config.requireInteger("hidden_size", limits::features);
    int64_t context =
        config.requireInteger("max_position_embeddings", limits::context);

    // Each token's logits depend on nothing but the token: the state of
    // attention, which every @forward has, is as small as it can be.
    builder.begin({vocabulary, context});
    auto table = builder.weight("embed", "model.embed_tokens.weight",
                                {vocabulary, hidden});
    auto head = builder.weight("head", "lm_head.weight", {vocabulary, hidden});
    Value rows = builder.pickWanted(builder.embed(table, hidden));
    builder.endForward(builder.linear(rows, head, nullptr, vocabulary));
    return llvm::Error::success();
  }
};
} // namespace

extern "C" void moeRegister_family_Null(Registry &registry) {
  registry.families["null"] = [] { return std::make_unique<Null>(); };
}
