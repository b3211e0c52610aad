//===- OLMoE.cpp - olmoe: norms over all heads, clipped q, k and v --------===//
#include "moe/Driver/Registry.h"
#include "moe/Model/Decoder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class OLMoE : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "olmoe"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    DecoderConfig decoder =
        readDecoder(config, {/*kvHeads=*/0, /*headSize=*/0, /*context=*/4096,
                             /*epsilon=*/1e-5});
    int64_t width = readWidth(config, "intermediate_size");
    ExpertCounts counts =
        readExpertCounts(config, {"num_experts", "num_local_experts"}, {64, 8});
    bool renormalize = config.getBool("norm_topk_prob", false);
    bool bias = config.getBool("attention_bias", false);
    std::optional<double> clip = config.getNumber("clip_qkv", {1e-6, 1e6});

    auto attention = [&](Value rows, int64_t layer) {
      AttentionBlock block = decoder.attention(layer);
      block.inputBias = block.outputBias = bias;
      block.norm = QueryKeyNorm::FullWidth;
      block.clip = clip;
      return attentionBlock(builder, rows, block);
    };
    auto feedForward = [&](Value rows, int64_t layer) {
      MoeBlock block = decoder.moe(layer, width, counts);
      block.renormalize = renormalize;
      return moeBlock(builder, rows, block);
    };
    buildDecoder(builder, decoder, attention, feedForward);
    return llvm::Error::success();
  }
};
} // namespace

extern "C" void moeRegister_family_OLMoE(Registry &registry) {
  registry.families["olmoe"] = [] { return std::make_unique<OLMoE>(); };
}
