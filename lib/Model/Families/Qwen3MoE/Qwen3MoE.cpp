//===- Qwen3MoE.cpp - qwen3_moe: per-head norms, optional renormalising ---===//
#include "moe/Driver/Registry.h"
#include "moe/Model/Decoder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class Qwen3MoE : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "qwen3_moe"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    DecoderConfig decoder =
        readDecoder(config, {/*kvHeads=*/4, /*headSize=*/0, /*context=*/32768});
    ExpertCounts counts = readExpertCounts(
        config, {"num_experts", "num_local_experts"}, {128, 8});
    bool renormalize = config.getBool("norm_topk_prob", false);
    bool bias = config.getBool("attention_bias", false);
    std::vector<bool> sparse = readSparseLayers(config, decoder.layers);
    int64_t expertWidth = readWidth(config, "moe_intermediate_size");
    int64_t denseWidth =
        config.getInteger("intermediate_size", 6144, limits::features);
    // All layers slide, or none; max_window_layers is stored without meaning.
    (void)config.has("max_window_layers");
    Windows windows =
        readWindows(config, decoder.layers, readUsedWindow(config, 4096),
                    [](int64_t) { return true; });

    auto attention = [&](Value rows, int64_t layer) {
      AttentionBlock block = decoder.attention(layer);
      block.inputBias = block.outputBias = bias;
      block.norm = QueryKeyNorm::PerHead;
      block.window = windows[layer];
      return attentionBlock(builder, rows, block);
    };
    auto feedForward = [&](Value rows, int64_t layer) {
      if (!sparse[layer])
        return mlpBlock(builder, rows, decoder.mlp(layer, denseWidth));
      MoeBlock block = decoder.moe(layer, expertWidth, counts);
      block.renormalize = renormalize;
      return moeBlock(builder, rows, block);
    };
    buildDecoder(builder, decoder, attention, feedForward);
    return llvm::Error::success();
  }
};
} // namespace

extern "C" void moeRegister_family_Qwen3MoE(Registry &registry) {
  registry.families["qwen3_moe"] = [] { return std::make_unique<Qwen3MoE>(); };
}
