//===- Qwen2MoE.cpp - qwen2_moe: routed experts beside a gated one --------===//
#include "moe/Driver/Registry.h"
#include "moe/Model/Decoder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class Qwen2MoE : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "qwen2_moe"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    DecoderConfig decoder = readDecoder(
        config, {/*kvHeads=*/16, /*headSize=*/0, /*context=*/32768});
    ExpertCounts counts =
        readExpertCounts(config, {"num_experts", "num_local_experts"}, {60, 4});
    bool renormalize = config.getBool("norm_topk_prob", false);
    bool bias = config.getBool("qkv_bias", true);
    std::vector<bool> sparse = readSparseLayers(config, decoder.layers);
    int64_t expertWidth = readWidth(config, "moe_intermediate_size");
    int64_t sharedWidth = readWidth(config, "shared_expert_intermediate_size");
    int64_t denseWidth =
        config.getInteger("intermediate_size", 5632, limits::features);
    // Every second of the first layers slides.
    int64_t slidingLayers =
        config.getInteger("max_window_layers", 28, {0, limits::layers.high});
    Windows windows = readWindows(
        config, decoder.layers, readUsedWindow(config, 4096),
        [&](int64_t layer) { return layer % 2 == 0 && layer < slidingLayers; });

    auto attention = [&](Value rows, int64_t layer) {
      AttentionBlock block = decoder.attention(layer);
      block.inputBias = bias;
      block.window = windows[layer];
      return attentionBlock(builder, rows, block);
    };
    auto feedForward = [&](Value rows, int64_t layer) {
      if (!sparse[layer])
        return mlpBlock(builder, rows, decoder.mlp(layer, denseWidth));
      MoeBlock routed = decoder.moe(layer, expertWidth, counts);
      routed.renormalize = renormalize;
      MlpBlock shared = decoder.mlp(layer, sharedWidth);
      shared.sharedGate = shared.names.tensors + "shared_expert_gate.weight";
      shared.names.tensors += "shared_expert.";
      shared.names.symbols = decoder.layerNames(layer).symbols + "shared.";
      Value chosen = moeBlock(builder, rows, routed);
      return builder.add(chosen, mlpBlock(builder, rows, shared));
    };
    buildDecoder(builder, decoder, attention, feedForward);
    return llvm::Error::success();
  }
};
} // namespace

extern "C" void moeRegister_family_Qwen2MoE(Registry &registry) {
  registry.families["qwen2_moe"] = [] { return std::make_unique<Qwen2MoE>(); };
}
