//===- Exits.cpp - a step in pieces, at whose ends a token may leave ------===//
#include "Lowering/Exits.h"
#include "Lowering/Route.h"

using namespace mlir;
using namespace moe;
using namespace moe::lpu;

Exits::Exits(Emitter &e, int64_t count) : e(e) {
  for (int64_t exit = 0; exit < count; ++exit) {
    std::string number = std::to_string(exit);
    scores.push_back(
        e.buffer(BufferKind::Output, "score." + number, Side::East, 1, e.f32));
    auto &[layers, ask, left] = ends.emplace_back();
    layers = e.boundary("layers " + number);
    ask = e.boundary("ask " + number, scores.back());
    left = e.boundary("left " + number);
  }
}

/// An operation is for the tokens that all of its operands are for: those that
/// left, or ask, are fewer. What a table held, or a state, was for others.
Part Exits::partOf(Operation *op) const {
  Part part;
  for (Value operand : op->getOperands()) {
    auto known = parts.find(operand);
    auto place = dyn_cast<PlaceOp>(op);
    if (known == parts.end() || isa<KvType>(operand.getType()) ||
        (place && operand == place.getInto()))
      continue;
    const Part &other = known->second;
    if (other.kind > part.kind ||
        (other.kind == part.kind && other.exit > part.exit))
      part = other;
  }
  // Those who go on asking do so at the next exit.
  if (auto pick = dyn_cast<PickOp>(op))
    if (auto exit = pick.getRows().getDefiningOp<ExitOp>())
      if (pick.getRows() == exit.getKept())
        return {Part::Asking, behind};
  return part;
}

void Exits::enter(Operation *op) {
  Part part = partOf(op);
  bool isLast = part.exit == getCount();
  e.goBefore(isLast ? nullptr : ends[part.exit][part.kind]);
}

void Exits::leave(Operation *op) {
  Part part = partOf(op);
  for (Value result : op->getResults())
    parts.try_emplace(result, part);
}

void Exits::name(EnterOp op) { parts[op.getAsking()] = {Part::Asking, 0}; }

void Exits::name(ExitOp op) {
  parts[op.getRunningOn()] = {Part::Running, behind + 1};
  parts[op.getGone()] = {Part::Left, behind};
  parts[op.getStillDue()] = {Part::Running, behind + 1};
  ++behind;
}

Value moe::lpu::confidence(Emitter &e, Confidence kind, Row logits) {
  Side side = Emitter::sideOf(logits.buffer);
  std::string name = "confidence";
  Largest first = findLargest(e, name, logits);
  Value total = sumPowers(e, name, logits, first.value);
  Value share = e.splat(1, side);
  if (kind == Confidence::Margin) {
    Largest second =
        findLargest(e, name, withoutLargest(e, name, logits, first));
    Value difference = e.temporary(name, side);
    e.cluster(name, [&](Tree &t) {
      t.write(t.sub(t.read(share),
                    powerOf(e, t, t.read(second.value), first.value)),
              difference);
    });
    share = difference;
  }
  Value score = e.temporary(name, side);
  e.cluster(name, [&](Tree &t) {
    t.write(t.mul(t.inverse(t.read(total), t.read(total)), t.read(share)),
            score);
  });
  return score;
}
