//===- DecoderStack.cpp - cuts a function where one value is alive --------===//
#include "moe/Analysis/DecoderStack.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace moe;
using llvm::createStringError;

namespace {
/// Which values that say something of rows are alive in front of each
/// operation: made before, used there or later.
class Cuts {
public:
  explicit Cuts(Block &block);

  int64_t getPlace(Operation *op) const { return places.lookup(op); }
  Operation *getOperation(int64_t place) const { return ops[place]; }
  /// The only value alive in front of the operation; null if there are more, or
  /// none.
  Value getOnly(int64_t place) const { return only[place]; }

private:
  std::vector<Operation *> ops;
  llvm::DenseMap<Operation *, int64_t> places;
  std::vector<Value> only;
};
} // namespace

Cuts::Cuts(Block &block) {
  for (Operation &op : block) {
    places[&op] = ops.size();
    ops.push_back(&op);
  }
  // Values whose last use is the operation there.
  std::vector<SmallVector<Value, 2>> ending(ops.size());
  auto getLastUse = [&](Value value) {
    int64_t last = -1;
    for (Operation *user : value.getUsers())
      last = std::max(last, places.lookup(block.findAncestorOpInBlock(*user)));
    return last;
  };
  llvm::SetVector<Value> alive;
  for (int64_t place = 0; place < int64_t(ops.size()); ++place) {
    only.push_back(alive.size() == 1 ? alive.front() : Value());
    for (Value value : ending[place])
      alive.remove(value);
    for (Value value : ops[place]->getResults()) {
      int64_t last = getLastUse(value);
      if (!isa<RankedTensorType>(value.getType()) || last < 0)
        continue;
      alive.insert(value);
      ending[last].push_back(value);
    }
  }
}

static llvm::Error cannot(const llvm::Twine &what) {
  return createStringError("layers cannot be told apart: " + what);
}

/// What makes the values of `known`, in order: no state, and nothing with
/// regions.
static llvm::Expected<std::vector<Operation *>>
findMakers(ValueRange values, ArrayRef<Value> known) {
  llvm::SetVector<Operation *> found;
  SmallVector<Value> open(values);
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (llvm::is_contained(known, value))
      continue;
    Operation *op = value.getDefiningOp();
    if (!op || op->getNumRegions() || !isa<RankedTensorType>(value.getType()))
      return createStringError("needs more than the rows that go into it");
    if (found.insert(op))
      llvm::append_range(open, op->getOperands());
  }
  std::vector<Operation *> ops(found.begin(), found.end());
  llvm::sort(ops, [](Operation *lhs, Operation *rhs) {
    return lhs->isBeforeInBlock(rhs);
  });
  return ops;
}

func::ReturnOp DecoderStack::getReturn() {
  return cast<func::ReturnOp>(forward.getBody().front().getTerminator());
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// In order, each of one layer, of all rows.
static llvm::Error findAppends(DecoderStack &stack) {
  for (auto append : stack.forward.getBody().front().getOps<KvAppendOp>()) {
    int64_t number = stack.layers.size();
    if (int64_t(append.getLayer()) != number)
      return cannot(
          "keys and values of layer " + llvm::Twine(append.getLayer()) +
          " are stored where layer " + llvm::Twine(number) + " is expected");
    if (append.getSequences() != stack.getSequences() ||
        append.getPositions() != stack.getPositions())
      return cannot("layer " + llvm::Twine(number) +
                    " does not store keys and values of all rows");
    stack.layers.emplace_back().append = append;
  }
  auto state = cast<KvType>(stack.getState().getType());
  if (int64_t(stack.layers.size()) != state.getLayers())
    return cannot("of " + llvm::Twine(state.getLayers()) + " layers, " +
                  llvm::Twine(stack.layers.size()) +
                  " store keys and values in @forward");
  return llvm::Error::success();
}

/// A layer begins where, before its keys and values are stored, for the last
/// time one value is all that is known.
static llvm::Error findInputs(DecoderStack &stack, const Cuts &cuts) {
  int64_t end = 0; // of the layer before, at the earliest
  for (auto [number, layer] : llvm::enumerate(stack.layers)) {
    int64_t place = cuts.getPlace(layer.append);
    while (place > end && !cuts.getOnly(place))
      --place;
    if (place <= end)
      return cannot("no single value goes into layer " + llvm::Twine(number));
    layer.input = cuts.getOnly(place);
    layer.first = cuts.getOperation(place);
    end = cuts.getPlace(layer.append);
    for (Operation *user : layer.append.getResult().getUsers())
      if (isa<AttentionOp>(user))
        end = std::max(end, cuts.getPlace(user));
  }
  return llvm::Error::success();
}

static llvm::Error findKeysAndValues(DecoderStack &stack) {
  for (auto [number, layer] : llvm::enumerate(stack.layers)) {
    KvAppendOp append = layer.append;
    llvm::Expected<std::vector<Operation *>> found =
        findMakers({append.getKeys(), append.getValues()},
                   {layer.input, stack.getTokens(), stack.getSequences(),
                    stack.getPositions()});
    if (!found)
      return cannot("what stores keys and values of layer " +
                    llvm::Twine(number) + " " +
                    llvm::toString(found.takeError()));
    layer.keysAndValues = std::move(*found);
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Head
//===----------------------------------------------------------------------===//

static llvm::Error findPick(DecoderStack &stack) {
  Value wanted = stack.getWanted();
  if (wanted.hasOneUse())
    stack.pick = dyn_cast<PickOp>(*wanted.getUsers().begin());
  if (!stack.pick || stack.pick.getRows() != wanted ||
      stack.pick->getBlock() != stack.getReturn()->getBlock())
    return cannot("the head does not begin with one pick of the wanted rows");
  stack.output = stack.pick.getInput();
  // A norm may come before the pick. It is the head's unless every layer ends
  // with one.
  auto norm = stack.output.getDefiningOp<NormOp>();
  if (norm && !stack.layers.back().input.getDefiningOp<NormOp>())
    stack.output = norm.getInput();
  return llvm::Error::success();
}

static llvm::Error findHead(DecoderStack &stack, const Cuts &cuts) {
  llvm::Expected<std::vector<Operation *>> found =
      findMakers(stack.getLogits(), {stack.output, stack.getWanted()});
  if (!found)
    return cannot("the head " + llvm::toString(found.takeError()));
  stack.head = std::move(*found);
  bool isCut = !stack.head.empty() &&
               cuts.getOnly(cuts.getPlace(stack.head.front())) == stack.output;
  if (!isCut || !llvm::is_contained(stack.head, stack.pick.getOperation()) ||
      stack.head.front()->isBeforeInBlock(stack.layers.back().append))
    return cannot("no single value goes from the last layer into the head");
  return llvm::Error::success();
}

llvm::Expected<DecoderStack> DecoderStack::find(ModelOp model) {
  DecoderStack stack;
  stack.forward = model.lookupSymbol<func::FuncOp>("forward");
  if (!stack.forward)
    return cannot("the model has no @forward");
  if (!stack.forward.getBody().hasOneBlock())
    return cannot("@forward branches");
  if (llvm::Error error = findAppends(stack))
    return std::move(error);
  Cuts cuts(stack.forward.getBody().front());
  if (llvm::Error error = findInputs(stack, cuts))
    return std::move(error);
  if (llvm::Error error = findKeysAndValues(stack))
    return std::move(error);
  if (llvm::Error error = findPick(stack))
    return std::move(error);
  if (llvm::Error error = findHead(stack, cuts))
    return std::move(error);
  Type features = stack.output.getType();
  for (auto [number, layer] : llvm::enumerate(stack.layers))
    if (layer.input.getType() != features)
      return cannot("layer " + llvm::Twine(number) +
                    " takes other rows than the head");
  return stack;
}
