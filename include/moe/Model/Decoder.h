//===- Decoder.h - what all decoder-only families share ---------*- C++ -*-===//
#ifndef MOE_MODEL_DECODER_H
#define MOE_MODEL_DECODER_H

#include "moe/Model/Blocks.h"
#include "moe/Model/Config.h"

namespace moe {

/// What a family assumes when config.json does not say it.
struct DecoderDefaults {
  int64_t kvHeads = 0;  ///< 0: as many as heads
  int64_t headSize = 0; ///< 0: hidden size over heads
  int64_t context = 2048;
  double epsilon = 1e-6;
  double ropeTheta = 10000.0;
};

/// How many experts there are, and how many a token goes to.
struct ExpertCounts {
  int64_t experts, chosen;
};

/// The keys of config.json that every family of this kind has.
struct DecoderConfig {
  int64_t vocabulary, context, hidden, layers, heads, kvHeads, headSize;
  double epsilon;
  bool tiedEmbeddings;
  Activation activation;
  RopeFrequencies rope;

  /// "model.layers.3." and "layers.3.".
  PartNames layerNames(int64_t layer) const;
  /// An attention block without options, for one layer.
  AttentionBlock attention(int64_t layer) const;
  /// The dense feed-forward network of a layer.
  MlpBlock mlp(int64_t layer, int64_t width) const;
  /// Routed experts of a layer, without options.
  MoeBlock moe(int64_t layer, int64_t width, ExpertCounts counts) const;
};

DecoderConfig readDecoder(const Config &config,
                          const DecoderDefaults &defaults);

/// The width of a dense feed-forward network or of an expert.
int64_t readWidth(const Config &config, llvm::StringRef key);

/// Keys of the routed experts; `expertKeys` are synonyms.
ExpertCounts readExpertCounts(const Config &config,
                              llvm::ArrayRef<llvm::StringRef> expertKeys,
                              ExpertCounts defaults);

/// For each layer whether `decoder_sparse_step` and `mlp_only_layers` make it
/// one of experts.
std::vector<bool> readSparseLayers(const Config &config, int64_t layers);

/// `sliding_window`: what the family assumes if absent; null and 0 are none.
std::optional<int64_t> readWindow(const Config &config,
                                  std::optional<int64_t> absent);

/// The same, for families that slide only if `use_sliding_window` says so.
std::optional<int64_t> readUsedWindow(const Config &config, int64_t absent);

/// The window of each layer; none: the layer sees everything. `byDefault` says
/// which layers slide when config.json has no `layer_types`.
using Windows = std::vector<std::optional<int64_t>>;
Windows readWindows(const Config &config, int64_t layers,
                    std::optional<int64_t> window,
                    llvm::function_ref<bool(int64_t)> byDefault);

/// Computes a part of layer `layer` from normalised rows.
using LayerPart =
    llvm::function_ref<mlir::Value(mlir::Value rows, int64_t layer)>;

/// Embedding, layers of attention and feed-forward with a norm in front of
/// each and a residual around it, final norm and head.
void buildDecoder(ModelBuilder &builder, const DecoderConfig &config,
                  LayerPart attention, LayerPart feedForward);

} // namespace moe

#endif // MOE_MODEL_DECODER_H
