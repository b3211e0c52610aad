//===- Mixtral.cpp - mixtral: always renormalises its experts -------------===//
#include "moe/Driver/Registry.h"
#include "moe/Model/Decoder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class Mixtral : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "mixtral"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    DecoderConfig decoder =
        readDecoder(config, {/*kvHeads=*/8, /*headSize=*/0, /*context=*/131072,
                             /*epsilon=*/1e-5, /*ropeTheta=*/1e6});
    int64_t width = readWidth(config, "intermediate_size");
    ExpertCounts counts =
        readExpertCounts(config, {"num_local_experts", "num_experts"}, {8, 2});
    Windows windows =
        readWindows(config, decoder.layers, readWindow(config, std::nullopt),
                    [](int64_t) { return true; });

    auto attention = [&](Value rows, int64_t layer) {
      AttentionBlock block = decoder.attention(layer);
      block.window = windows[layer];
      return attentionBlock(builder, rows, block);
    };
    auto feedForward = [&](Value rows, int64_t layer) {
      MoeBlock block = decoder.moe(layer, width, counts);
      block.renormalize = true;
      block.layouts = {sparseMoeExperts, mlpExperts};
      return moeBlock(builder, rows, block);
    };
    buildDecoder(builder, decoder, attention, feedForward);
    return llvm::Error::success();
  }
};
} // namespace

extern "C" void moeRegister_family_Mixtral(Registry &registry) {
  registry.families["mixtral"] = [] { return std::make_unique<Mixtral>(); };
}
