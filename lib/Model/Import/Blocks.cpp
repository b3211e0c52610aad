//===- Blocks.cpp - attention and dense feed-forward ----------------------===//
#include "moe/Model/Blocks.h"

#include <cmath>

using namespace mlir;
using namespace moe;

namespace {
/// One of q, k, v and o.
struct Projection {
  StringRef name;
  int64_t in, out;
  bool bias;
};
} // namespace

static Value project(ModelBuilder &builder, Value rows, const PartNames &names,
                     const Projection &projection) {
  std::string symbol = names.symbols + projection.name.str();
  std::string tensor = names.tensors + projection.name.str() + "_proj.";
  FlatSymbolRefAttr weight = builder.weight(symbol, tensor + "weight",
                                            {projection.out, projection.in});
  FlatSymbolRefAttr bias;
  if (projection.bias)
    bias = builder.weight(symbol + "_bias", tensor + "bias", {projection.out});
  return builder.linear(rows, weight, bias, projection.out);
}

/// Norm of queries (`name` q_norm) or keys (k_norm).
static Value normalise(ModelBuilder &builder, Value rows, StringRef name,
                       int64_t heads, const AttentionBlock &block) {
  if (block.norm == QueryKeyNorm::None)
    return rows;
  bool perHead = block.norm == QueryKeyNorm::PerHead;
  int64_t features = perHead ? block.headSize : heads * block.headSize;
  FlatSymbolRefAttr scale =
      builder.weight(block.names.symbols + name.str(),
                     block.names.tensors + name.str() + ".weight", {features});
  return builder.rmsNorm(rows, scale, block.epsilon, perHead ? heads : 1);
}

Value moe::attentionBlock(ModelBuilder &builder, Value rows,
                          const AttentionBlock &block) {
  int64_t width = block.heads * block.headSize;
  int64_t kvWidth = block.kvHeads * block.headSize;
  auto input = [&](StringRef name, int64_t out) {
    return project(builder, rows, block.names,
                   {name, block.hidden, out, block.inputBias});
  };
  Value queries = input("q", width);
  Value keys = input("k", kvWidth);
  Value values = input("v", kvWidth);
  queries = normalise(builder, queries, "q_norm", block.heads, block);
  keys = normalise(builder, keys, "k_norm", block.kvHeads, block);
  if (block.clip)
    for (Value *part : {&queries, &keys, &values})
      *part = builder.clamp(*part, *block.clip);
  queries = builder.rope(queries, "rope", block.heads);
  keys = builder.rope(keys, "rope", block.kvHeads);
  Value seen =
      builder.attention(queries, keys, values, block.layer, block.heads,
                        1.0 / std::sqrt(double(block.headSize)), block.window);
  return project(builder, seen, block.names,
                 {"o", width, block.hidden, block.outputBias});
}

Value moe::mlpBlock(ModelBuilder &builder, Value rows, const MlpBlock &block) {
  auto weight = [&](StringRef name, int64_t out, int64_t in) {
    return builder.weight(block.names.symbols + name.str(),
                          block.names.tensors + name.str() + "_proj.weight",
                          {out, in});
  };
  FlatSymbolRefAttr gate = weight("gate", block.width, block.hidden);
  FlatSymbolRefAttr up = weight("up", block.width, block.hidden);
  FlatSymbolRefAttr down = weight("down", block.hidden, block.width);
  FlatSymbolRefAttr sharedGate;
  if (!block.sharedGate.empty())
    sharedGate = builder.weight(block.names.symbols + "router",
                                block.sharedGate, {1, block.hidden});
  return MlpOp::create(builder.getBuilder(), builder.getLocation(),
                       rows.getType(), rows, gate.getValue(), up.getValue(),
                       down.getValue(), block.activation, sharedGate,
                       /*gateInput=*/Value());
}
