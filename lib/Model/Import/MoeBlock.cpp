//===- MoeBlock.cpp - router and experts, separate or fused ---------------===//
#include "moe/Model/Blocks.h"

using namespace mlir;
using namespace moe;

namespace {
/// The three weights of all experts.
struct ExpertBank {
  FlatSymbolRefAttr gate, up, down;
};

/// Collects one slice per expert for each weight of the bank.
class BankReader {
public:
  BankReader(ModelBuilder &builder, const MoeBlock &block,
             const ExpertNames &names)
      : builder(builder), block(block), names(names),
        prefix(block.names.tensors + names.folder.str() + "experts.") {}

  bool isFused() const { return builder.hasTensor(prefix + "gate_up_proj"); }
  bool isSeparate() const { return builder.hasTensor(separate(0, names.gate)); }
  ExpertBank read() {
    if (isFused())
      collectFused();
    else
      collectSeparate();
    return {emit("gate", gate, block.width, block.hidden),
            emit("up", up, block.width, block.hidden),
            emit("down", down, block.hidden, block.width)};
  }

private:
  using Slices = SmallVector<TensorSlice>;

  std::string separate(int64_t expert, StringRef name) const {
    return prefix + std::to_string(expert) + "." + name.str() + ".weight";
  }

  void collectSeparate() {
    for (int64_t e = 0; e < block.experts && !builder.failed(); ++e) {
      addSeparate(gate, e, names.gate, {block.width, block.hidden});
      addSeparate(up, e, names.up, {block.width, block.hidden});
      addSeparate(down, e, names.down, {block.hidden, block.width});
    }
  }

  void addSeparate(Slices &slices, int64_t expert, StringRef name,
                   ArrayRef<int64_t> shape) {
    if (auto *tensor = builder.find(separate(expert, name), shape))
      slices.push_back({tensor, 0, tensor->length});
  }

  /// An expert's gate is the first half of its rows of gate_up_proj.
  void collectFused() {
    auto *gateUp = builder.find(prefix + "gate_up_proj",
                                {block.experts, 2 * block.width, block.hidden});
    auto *downs = builder.find(prefix + "down_proj",
                               {block.experts, block.hidden, block.width});
    if (!gateUp || !downs)
      return;
    uint64_t size = downs->length / uint64_t(block.experts);
    uint64_t half = gateUp->length / uint64_t(block.experts) / 2;
    for (uint64_t e = 0; e < uint64_t(block.experts); ++e) {
      gate.push_back({gateUp, 2 * e * half, half});
      up.push_back({gateUp, (2 * e + 1) * half, half});
      down.push_back({downs, e * size, size});
    }
  }

  FlatSymbolRefAttr emit(StringRef name, ArrayRef<TensorSlice> slices,
                         int64_t out, int64_t in) {
    return builder.weight(block.names.symbols + "experts." + name.str(), slices,
                          {block.experts, out, in});
  }

  ModelBuilder &builder;
  const MoeBlock &block;
  const ExpertNames &names;
  std::string prefix;
  Slices gate, up, down;
};
} // namespace

/// The layout that the checkpoint uses; the first if it has no experts at all.
static const ExpertNames &chooseLayout(ModelBuilder &builder,
                                       const MoeBlock &block) {
  for (const ExpertNames &names : block.layouts) {
    BankReader reader(builder, block, names);
    if (reader.isFused() || reader.isSeparate())
      return names;
  }
  return block.layouts.front();
}

Value moe::moeBlock(ModelBuilder &builder, Value rows, const MoeBlock &block) {
  const ExpertNames &names = chooseLayout(builder, block);
  FlatSymbolRefAttr router =
      builder.weight(block.names.symbols + "router",
                     block.names.tensors + names.folder.str() + "gate.weight",
                     {block.experts, block.hidden});
  ExpertBank bank = BankReader(builder, block, names).read();

  OpBuilder &ops = builder.getBuilder();
  Value logits = builder.linear(rows, router, nullptr, block.experts);
  auto route = RouteOp::create(ops, builder.getLocation(),
                               builder.rowsType(block.chosen, ops.getI32Type()),
                               builder.rowsType(block.chosen), logits,
                               block.chosen, block.score, block.renormalize,
                               llvm::APFloat(block.scale));
  return ExpertsOp::create(ops, builder.getLocation(), rows.getType(), rows,
                           route.getExperts(), route.getWeights(),
                           bank.gate.getValue(), bank.up.getValue(),
                           bank.down.getValue(), block.activation);
}
