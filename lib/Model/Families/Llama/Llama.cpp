//===- Llama.cpp - llama: the plain dense decoder -------------------------===//
#include "moe/Driver/Registry.h"
#include "moe/Model/Decoder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class Llama : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "llama"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    DecoderConfig decoder = readDecoder(config, {});
    int64_t width = readWidth(config, "intermediate_size");
    bool bias = config.getBool("attention_bias", false);
    if (config.getBool("mlp_bias", false))
      config.refuse("mlp_bias", "false");

    auto attention = [&](Value rows, int64_t layer) {
      AttentionBlock block = decoder.attention(layer);
      block.inputBias = block.outputBias = bias;
      return attentionBlock(builder, rows, block);
    };
    auto feedForward = [&](Value rows, int64_t layer) {
      return mlpBlock(builder, rows, decoder.mlp(layer, width));
    };
    buildDecoder(builder, decoder, attention, feedForward);
    return llvm::Error::success();
  }
};
} // namespace

extern "C" void moeRegister_family_Llama(Registry &registry) {
  registry.families["llama"] = [] { return std::make_unique<Llama>(); };
}
