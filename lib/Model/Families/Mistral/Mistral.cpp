//===- Mistral.cpp - mistral: dense, with a sliding window ----------------===//
#include "moe/Driver/Registry.h"
#include "moe/Model/Decoder.h"
#include "moe/Model/ModelFamily.h"

using namespace moe;
using mlir::Value;

namespace {
class Mistral : public ModelFamily {
public:
  llvm::StringRef getName() const override { return "mistral"; }

  llvm::Error build(const Config &config,
                    ModelBuilder &builder) const override {
    DecoderConfig decoder = readDecoder(
        config, {/*kvHeads=*/8, /*headSize=*/0, /*context=*/131072});
    int64_t width = readWidth(config, "intermediate_size");
    Windows windows =
        readWindows(config, decoder.layers, readWindow(config, 4096),
                    [](int64_t) { return true; });

    auto attention = [&](Value rows, int64_t layer) {
      AttentionBlock block = decoder.attention(layer);
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

extern "C" void moeRegister_family_Mistral(Registry &registry) {
  registry.families["mistral"] = [] { return std::make_unique<Mistral>(); };
}
