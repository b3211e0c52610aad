//===- Qwen3.cpp - qwen3: dense, with per-head norms of q and k -----------===//
#include "moe/Driver/Registry.h"
#include "moe/Model/Decoder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class Qwen3 : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "qwen3"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    DecoderConfig decoder = readDecoder(
        config, {/*kvHeads=*/32, /*headSize=*/128, /*context=*/32768});
    int64_t width = readWidth(config, "intermediate_size");
    bool bias = config.getBool("attention_bias", false);
    // The first layers see everything, the others slide.
    int64_t fullLayers =
        config.getInteger("max_window_layers", 28, {0, limits::layers.high});
    Windows windows =
        readWindows(config, decoder.layers, readUsedWindow(config, 4096),
                    [&](int64_t layer) { return layer >= fullLayers; });

    auto attention = [&](Value rows, int64_t layer) {
      AttentionBlock block = decoder.attention(layer);
      block.inputBias = block.outputBias = bias;
      block.norm = QueryKeyNorm::PerHead;
      block.window = windows[layer];
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

extern "C" void moeRegister_family_Qwen3(Registry &registry) {
  registry.families["qwen3"] = [] { return std::make_unique<Qwen3>(); };
}
