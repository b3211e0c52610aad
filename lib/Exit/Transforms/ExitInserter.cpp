//===- ExitInserter.cpp - from the first layer to the head ----------------===//
#include "ExitInserter.h"

using namespace mlir;
using namespace moe;

ExitInserter::ExitInserter(ModelOp model, DecoderStack stack,
                           const ExitPlan &plan, const ExitPolicy &policy,
                           std::optional<LightHead> light)
    : model(model), stack(std::move(stack)), plan(plan), policy(policy),
      light(std::move(light)), builder(model.getLoc(), model->getContext()) {
  if (plan.rowsWait)
    state = this->stack.getState();
  ofRunning = {this->stack.getTokens(), this->stack.getSequences(),
               this->stack.getPositions()};
}

void ExitInserter::run() {
  enter();
  for (size_t number = 0; number < plan.exits.size(); ++number)
    insertExit(number);
  leave();
}

//===----------------------------------------------------------------------===//
// Rows and tables
//===----------------------------------------------------------------------===//

Value ExitInserter::pick(Value table, Value rows) {
  auto type = cast<RankedTensorType>(table.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = cast<RankedTensorType>(rows.getType()).getDimSize(0);
  return PickOp::create(builder, type.clone(shape), table, rows);
}

Value ExitInserter::place(Value rows, Value places, Value table) {
  return PlaceOp::create(builder, table.getType(), rows, places, table);
}

Value ExitInserter::placeAll(Value rows) {
  return all ? place(rows, running, all) : rows;
}

Value ExitInserter::pickWanted(Value all, Value entries) {
  return pick(all, pick(stack.getWanted(), entries));
}

void ExitInserter::letRun(DecoderLayer &layer) {
  Block *block = layer.first->getBlock();
  auto isBehind = [&](OpOperand &use) {
    Operation *user = block->findAncestorOpInBlock(*use.getOwner());
    return !user->isBeforeInBlock(layer.first);
  };
  Value features = pick(all, running);
  layer.input.replaceUsesWithIf(features, isBehind);
  layer.input = features;
  for (auto [number, now] : llvm::enumerate(ofRunning)) {
    if (llvm::none_of(now.getUses(), isBehind))
      continue;
    Value rows = pick(stack.forward.getArgument(number), running);
    now.replaceUsesWithIf(rows, isBehind);
    now = rows;
  }
}

//===----------------------------------------------------------------------===//
// From layer to layer
//===----------------------------------------------------------------------===//

void ExitInserter::enter() {
  DecoderLayer &first = stack.layers.front();
  builder.setInsertionPoint(first.first);
  builder.setLoc(first.first->getLoc());
  auto enter = EnterOp::create(builder, stack.getWanted(), stack.getSequences(),
                               stack.getPositions(), state);
  running = enter.getRunning();
  due = enter.getDue();
  asking = enter.getAsking();
  logits =
      ZerosOp::create(builder, stack.getLogits().getType(), stack.getWanted());
  if (!state)
    return;
  all = ResumeOp::create(builder, first.input, stack.getSequences(),
                         stack.getPositions(), state);
  allBefore = 0;
  // Also here, so that a row that waits is not run again from the start.
  letRun(first);
}

ExitSite ExitInserter::describe(const ExitPlan::Exit &exit, Value now) {
  ExitSite site;
  site.model = model;
  site.layers = exit.layers;
  site.before = policyState;
  Value rows = pick(stack.getWanted(), asking);
  site.features = pick(now, rows);
  if (policy.needsFeaturesBefore()) {
    Value before = allBefore == exit.layers - 1
                       ? all
                       : placeAll(stack.layers[exit.layers - 1].input);
    site.featuresBefore = pick(before, rows);
  }
  if (policy.needsLogits() && light) {
    lightRows = light->build(builder, stack, site.features);
    site.logits = lightRows.inside;
  } else if (policy.needsLogits()) {
    site.logits = plan.buildHead(builder, stack, site.features);
  }
  return site;
}

void ExitInserter::placeLogits(ExitOp exit, Value now) {
  Value entries = pick(asking, exit.getLeaving());
  if (lightRows.inside) {
    LightHead::Rows rows = {pick(lightRows.features, exit.getLeaving()),
                            pick(lightRows.inside, exit.getLeaving())};
    logits = light->place(builder, stack, rows, entries, logits);
    return;
  }
  Value rows = pickWanted(now, entries);
  if (light)
    logits = light->place(builder, stack, light->build(builder, stack, rows),
                          entries, logits);
  else
    logits = place(plan.buildHead(builder, stack, rows), entries, logits);
}

void ExitInserter::insertExit(size_t number) {
  const ExitPlan::Exit &exit = plan.exits[number];
  bool isLast = number + 1 == plan.exits.size();
  DecoderLayer &next = stack.layers[exit.layers];
  builder.setInsertionPoint(next.first);
  builder.setLoc(next.input.getLoc());

  Value now = placeAll(next.input);
  ExitSite site = describe(exit, now);
  site.index = number;
  ExitScores said = policy.buildScores(builder, site);
  auto leaving = ExitOp::create(
      builder, said.scores, builder.getStringAttr(policy.getName()),
      builder.getF64FloatAttr(exit.threshold),
      builder.getI64IntegerAttr(exit.layers),
      exit.taken ? builder.getF64FloatAttr(*exit.taken) : FloatAttr(), asking,
      running, due, stack.getWanted(), stack.getSequences(),
      stack.getPositions(), state, said.watched);
  // A whole head's are there already.
  if (site.logits && !light)
    logits = place(site.logits, asking, logits);
  else
    placeLogits(leaving, now);

  all = now;
  allBefore = exit.layers;
  running = leaving.getRunningOn();
  gone = leaving.getGone();
  due = leaving.getStillDue();
  if (!isLast) {
    asking = pick(asking, leaving.getKept());
    policyState.clear();
    for (Value value : said.state)
      policyState.push_back(pick(value, leaving.getKept()));
  }
  letRun(next);
  if (!state)
    storeGone(exit.layers,
              isLast ? stack.layers.size() : plan.exits[number + 1].layers);
}

void ExitInserter::storeGone(int64_t begin, int64_t end) {
  Value features = pick(all, gone);
  Value sequences = pick(stack.getSequences(), gone);
  Value positions = pick(stack.getPositions(), gone);
  Value tokens;
  for (DecoderLayer &layer : llvm::make_range(stack.layers.begin() + begin,
                                              stack.layers.begin() + end)) {
    builder.setInsertionPoint(layer.append);
    builder.setLoc(layer.append.getLoc());
    IRMapping made;
    made.map(layer.input, features);
    made.map(ofRunning[1], sequences);
    made.map(ofRunning[2], positions);
    for (Operation *op : layer.keysAndValues) {
      if (!tokens && llvm::is_contained(op->getOperands(), ofRunning[0]))
        tokens = pick(stack.getTokens(), gone);
      if (tokens)
        made.map(ofRunning[0], tokens);
      builder.clone(*op, made);
    }
    Value stored = KvAppendOp::create(
        builder, layer.append.getType(), made.lookup(layer.append.getKeys()),
        made.lookup(layer.append.getValues()), layer.append.getKv(),
        layer.append.getLayer(), sequences, positions);
    layer.append.getKvMutable().assign(stored);
  }
}

void ExitInserter::leave() {
  func::ReturnOp end = stack.getReturn();
  builder.setInsertionPoint(end);
  builder.setLoc(end.getLoc());
  Value now = placeAll(stack.output);
  Value last = buildFullHead(builder, stack, pickWanted(now, due));
  end.setOperand(0, place(last, due, logits));
  if (state)
    end.setOperand(1,
                   ParkOp::create(builder, now, gone, end.getOperand(1),
                                  stack.getSequences(), stack.getPositions()));
  for (Operation *op : llvm::reverse(stack.head))
    if (op->use_empty())
      op->erase();
}
