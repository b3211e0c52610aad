//===- Decoder.cpp - the skeleton of a decoder-only model -----------------===//
#include "moe/Model/Decoder.h"

using namespace mlir;
using namespace moe;
using llvm::Twine;

static Activation readActivation(const Config &config) {
  std::string name = config.getString("hidden_act", "silu");
  if (name == "silu" || name == "swish")
    return Activation::Silu;
  if (name == "gelu_pytorch_tanh")
    return Activation::GeluTanh;
  if (name == "relu")
    return Activation::Relu;
  config.refuse("hidden_act", "silu, swish, gelu_pytorch_tanh, relu");
  return Activation::Silu;
}

/// Heads, key/value heads and their size must fit each other.
static void readHeads(const Config &config, const DecoderDefaults &defaults,
                      DecoderConfig &result) {
  result.heads = config.requireInteger("num_attention_heads", limits::heads);
  // Absent is the family's default, null is one for each head.
  bool ownHeads = !defaults.kvHeads || config.mentions("num_key_value_heads");
  int64_t kvHeads = ownHeads ? result.heads : defaults.kvHeads;
  result.kvHeads =
      config.getInteger("num_key_value_heads", kvHeads, limits::heads);
  if (result.heads % result.kvHeads)
    config.fail("key 'num_attention_heads' is " + Twine(result.heads) +
                ", no multiple of num_key_value_heads " +
                Twine(result.kvHeads));
  if (std::optional<int64_t> size =
          config.getInteger("head_dim", limits::headSize)) {
    result.headSize = *size;
    return;
  }
  result.headSize =
      defaults.headSize ? defaults.headSize : result.hidden / result.heads;
  if (!defaults.headSize && result.hidden % result.heads)
    config.fail("key 'hidden_size' is " + Twine(result.hidden) +
                ", no multiple of num_attention_heads " + Twine(result.heads));
}

DecoderConfig moe::readDecoder(const Config &config,
                               const DecoderDefaults &defaults) {
  DecoderConfig result;
  result.vocabulary = config.requireInteger("vocab_size", limits::vocabulary);
  result.hidden = config.requireInteger("hidden_size", limits::features);
  result.layers = config.requireInteger("num_hidden_layers", limits::layers);
  readHeads(config, defaults, result);
  result.context = config.getInteger("max_position_embeddings",
                                     defaults.context, limits::context);
  result.epsilon =
      config.getNumber("rms_norm_eps", defaults.epsilon, limits::epsilon);
  result.tiedEmbeddings = config.getBool("tie_word_embeddings", false);
  result.activation = readActivation(config);
  result.rope =
      readRope(config, result.headSize, result.context, defaults.ropeTheta);
  return result;
}

int64_t moe::readWidth(const Config &config, StringRef key) {
  return config.requireInteger(key, limits::features);
}

ExpertCounts moe::readExpertCounts(const Config &config,
                                   ArrayRef<StringRef> expertKeys,
                                   ExpertCounts defaults) {
  ExpertCounts result = defaults;
  StringRef found;
  for (StringRef key : expertKeys) {
    std::optional<int64_t> count = config.getInteger(key, limits::experts);
    if (!count)
      continue;
    if (!found.empty() && *count != result.experts)
      config.fail("key '" + key + "' is " + Twine(*count) + ", but '" + found +
                  "' is " + Twine(result.experts));
    found = key;
    result.experts = *count;
  }
  result.chosen = config.getInteger("num_experts_per_tok", defaults.chosen,
                                    limits::experts);
  if (result.chosen > result.experts)
    config.fail("key 'num_experts_per_tok' is " + Twine(result.chosen) +
                ", the model has only " + Twine(result.experts) + " experts");
  return result;
}

std::vector<bool> moe::readSparseLayers(const Config &config, int64_t layers) {
  int64_t step = config.getInteger("decoder_sparse_step", 1, limits::layers);
  std::vector<bool> sparse;
  for (int64_t layer = 0; layer < layers; ++layer)
    sparse.push_back((layer + 1) % step == 0);
  for (int64_t layer : config.getIntegers("mlp_only_layers", {0, layers - 1}))
    sparse[layer] = false;
  return sparse;
}

std::optional<int64_t> moe::readWindow(const Config &config,
                                       std::optional<int64_t> absent) {
  if (!config.mentions("sliding_window"))
    return absent;
  Bounds<int64_t> bounds{0, limits::context.high};
  // Null and 0 both stand for none.
  int64_t window = config.getInteger("sliding_window", 0, bounds);
  return window ? std::optional<int64_t>(window) : std::nullopt;
}

std::optional<int64_t> moe::readUsedWindow(const Config &config,
                                           int64_t absent) {
  std::optional<int64_t> window = readWindow(config, absent);
  bool isUsed = config.getBool("use_sliding_window", false);
  return isUsed ? window : std::nullopt;
}

Windows moe::readWindows(const Config &config, int64_t layers,
                         std::optional<int64_t> window,
                         llvm::function_ref<bool(int64_t)> byDefault) {
  Windows windows(layers);
  if (!config.has("layer_types")) {
    for (int64_t layer = 0; layer < layers; ++layer)
      if (byDefault(layer))
        windows[layer] = window;
    return windows;
  }
  std::vector<std::string> types = config.getStrings("layer_types");
  if (!config.failed() && int64_t(types.size()) != layers)
    config.fail("key 'layer_types' has " + Twine(types.size()) +
                " entries, the model has " + Twine(layers) + " layers");
  for (int64_t layer = 0; layer < layers && !config.failed(); ++layer) {
    if (types[layer] == "sliding_attention" && window)
      windows[layer] = window;
    else if (types[layer] == "sliding_attention")
      config.fail("key 'layer_types' has a sliding layer " + Twine(layer) +
                  ", but there is no sliding_window");
    else if (types[layer] != "full_attention")
      config.refuse("layer_types", "full_attention, sliding_attention");
  }
  return windows;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

PartNames DecoderConfig::layerNames(int64_t layer) const {
  std::string number = std::to_string(layer);
  return {"model.layers." + number + ".", "layers." + number + "."};
}

AttentionBlock DecoderConfig::attention(int64_t layer) const {
  AttentionBlock block;
  block.names = layerNames(layer);
  block.names.tensors += "self_attn.";
  block.layer = layer;
  block.hidden = hidden;
  block.heads = heads;
  block.kvHeads = kvHeads;
  block.headSize = headSize;
  block.epsilon = epsilon;
  return block;
}

MlpBlock DecoderConfig::mlp(int64_t layer, int64_t width) const {
  MlpBlock block;
  block.names = layerNames(layer);
  block.names.tensors += "mlp.";
  block.names.symbols += "mlp.";
  block.hidden = hidden;
  block.width = width;
  block.activation = activation;
  return block;
}

MoeBlock DecoderConfig::moe(int64_t layer, int64_t width,
                            ExpertCounts counts) const {
  MoeBlock block;
  block.names = layerNames(layer);
  block.hidden = hidden;
  block.width = width;
  block.experts = counts.experts;
  block.chosen = counts.chosen;
  block.activation = activation;
  return block;
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

/// The embedding again, or a matrix of its own.
static FlatSymbolRefAttr headWeight(ModelBuilder &builder,
                                    const DecoderConfig &config,
                                    FlatSymbolRefAttr embedding) {
  if (!config.tiedEmbeddings)
    return builder.weight("head", "lm_head.weight",
                          {config.vocabulary, config.hidden});
  // Some exports store the tied matrix twice.
  builder.allowUnused("lm_head.weight");
  return embedding;
}

void moe::buildDecoder(ModelBuilder &builder, const DecoderConfig &config,
                       LayerPart attention, LayerPart feedForward) {
  builder.begin({config.vocabulary, config.context, config.layers,
                 config.kvHeads, config.headSize});
  builder.setLocation("embed");
  FlatSymbolRefAttr embedding = builder.weight(
      "embed", "model.embed_tokens.weight", {config.vocabulary, config.hidden});
  builder.ropeTable("rope", RopeLayout::Half, config.rope);
  Value rows = builder.embed(embedding, config.hidden);

  auto norm = [&](Value input, const Twine &symbol, const Twine &tensor) {
    FlatSymbolRefAttr scale =
        builder.weight(symbol.str(), tensor.str(), {config.hidden});
    return builder.rmsNorm(input, scale, config.epsilon);
  };
  for (int64_t layer = 0; layer < config.layers && !builder.failed(); ++layer) {
    PartNames names = config.layerNames(layer);
    builder.setLocation(names.symbols + "attention");
    Value input = norm(rows, names.symbols + "attention_norm",
                       names.tensors + "input_layernorm.weight");
    rows = builder.add(rows, attention(input, layer));
    builder.setLocation(names.symbols + "mlp");
    input = norm(rows, names.symbols + "mlp_norm",
                 names.tensors + "post_attention_layernorm.weight");
    rows = builder.add(rows, feedForward(input, layer));
  }

  builder.setLocation("head");
  rows = norm(builder.pickWanted(rows), "norm", "model.norm.weight");
  FlatSymbolRefAttr head = headWeight(builder, config, embedding);
  builder.endForward(builder.linear(rows, head, nullptr, config.vocabulary));
}
