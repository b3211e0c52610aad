//===- ModelRun.cpp - walks @forward over the rows of a text --------------===//
#include "ModelRun.h"

#include "Operations.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

using namespace llvm;
using namespace moe;

namespace {
/// The arguments of @forward.
enum Argument { Tokens, Sequences, Positions, Wanted, State };

/// Rows that chose an expert, and with what weight.
using Routed = std::vector<std::pair<int64_t, float>>;
} // namespace

//===----------------------------------------------------------------------===//
// What operations read
//===----------------------------------------------------------------------===//

/// The operation that stored what `op` attends to; null if that was before.
static KvAppendOp findAppend(AttentionOp op) {
  for (mlir::Value kv = op.getKv();;) {
    auto append = kv.getDefiningOp<KvAppendOp>();
    if (!append || append.getLayer() == op.getLayer())
      return append;
    kv = append.getKv();
  }
}

/// Values whose rows the operation reads. What is appended to the state is read
/// by attention only, so that the state needs no storage of its own.
static SmallVector<mlir::Value> getReads(mlir::Operation *op) {
  if (isa<KvAppendOp>(op))
    return {};
  if (auto attention = dyn_cast<AttentionOp>(op)) {
    KvAppendOp append = findAppend(attention);
    return {attention.getQueries(), append.getKeys(), append.getValues()};
  }
  return SmallVector<mlir::Value>(op->getOperands());
}

/// The first use of each weight that multiplies rows.
StringMap<Use> moe::findUses(ModelOp model) {
  StringMap<Use> uses;
  auto add = [&](mlir::Operation *op, mlir::FlatSymbolRefAttr symbol,
                 Role role) {
    if (symbol)
      uses.try_emplace(symbol.getValue(), Use{op, role});
  };
  auto gated = [&](auto op) {
    add(op, op.getGateAttr(), Role::Gate);
    add(op, op.getUpAttr(), Role::Up);
    add(op, op.getDownAttr(), Role::Down);
  };
  if (auto forward = model.lookupSymbol<mlir::func::FuncOp>("forward"))
    forward.walk([&](mlir::Operation *op) {
      TypeSwitch<mlir::Operation *>(op)
          .Case([&](LinearOp o) { add(o, o.getWeightAttr(), Role::Weight); })
          .Case([&](ExpertsOp o) { gated(o); })
          .Case([&](MlpOp o) {
            gated(o);
            add(o, o.getSharedGateAttr(), Role::SharedGate);
          });
    });
  return uses;
}

//===----------------------------------------------------------------------===//
// Which models a text can run through
//===----------------------------------------------------------------------===//

static Error named(mlir::Operation *op, Error error) {
  return createStringError(op->getName().getStringRef() + ": " +
                           toString(std::move(error)));
}

/// Rows are told apart by the arguments of @forward alone.
static bool readsBatch(mlir::Operation *op, mlir::Block &block) {
  auto is = [&](mlir::Value value, Argument argument) {
    return value == block.getArgument(argument);
  };
  return TypeSwitch<mlir::Operation *, bool>(op)
      .Case([&](EmbedOp o) { return is(o.getTokens(), Tokens); })
      .Case([&](PickOp o) { return is(o.getRows(), Wanted); })
      .Case([&](RopeOp o) { return is(o.getPositions(), Positions); })
      .Case<KvAppendOp, AttentionOp>([&](auto o) {
        return is(o.getPositions(), Positions) &&
               is(o.getSequences(), Sequences);
      })
      .Default(true);
}

static Error verify(mlir::Operation *op, mlir::Block &block) {
  if (!isa<EmbedOp, PickOp, NormOp, LinearOp, AddOp, ClampOp, RopeOp,
           KvAppendOp, AttentionOp, RouteOp, MlpOp, ExpertsOp, QuantizeOp,
           DequantizeOp, mlir::func::ReturnOp>(op))
    return createStringError("cannot be calibrated");
  if (!readsBatch(op, block))
    return createStringError(
        "works on other rows than the batch's, which cannot be calibrated");
  auto attention = dyn_cast<AttentionOp>(op);
  if (attention && !findAppend(attention))
    return createStringError("attends to a layer that nothing was appended to");
  return Error::success();
}

Expected<ModelRun> ModelRun::create(ModelOp model, const Windows &windows,
                                    WeightData &data, Workers &workers) {
  auto forward = model.lookupSymbol<mlir::func::FuncOp>("forward");
  if (!forward)
    return createStringError("model @" + model.getSymName() +
                             " has no function @forward");
  if (!forward.getBody().hasOneBlock())
    return createStringError("@forward has " +
                             Twine(forward.getBody().getBlocks().size()) +
                             " blocks, calibration takes 1");
  mlir::Block &block = forward.getBody().front();
  for (mlir::Operation &op : block)
    if (Error error = verify(&op, block))
      return named(&op, std::move(error));
  return ModelRun(model, forward, windows, data, workers);
}

ModelRun::ModelRun(ModelOp model, mlir::func::FuncOp forward,
                   const Windows &windows, WeightData &data, Workers &workers)
    : model(model), forward(forward), windows(&windows), workers(&workers),
      reader(data), next(forward.getBody().front().begin()) {
  for (mlir::Operation &op : forward.getBody().front())
    for (mlir::Value value : getReads(&op))
      lastUser[value] = &op;
}

//===----------------------------------------------------------------------===//
// Progress
//===----------------------------------------------------------------------===//

bool ModelRun::isPast(mlir::Operation *op) const {
  return op->isBeforeInBlock(&*next);
}

Error ModelRun::advanceTo(mlir::Operation *op) {
  while (next->isBeforeInBlock(op))
    if (Error error = runNext())
      return error;
  return Error::success();
}

Expected<std::shared_ptr<const Rows>> ModelRun::finish() {
  mlir::Operation *last = forward.getBody().front().getTerminator();
  if (Error error = advanceTo(last))
    return std::move(error);
  return values.lookup(last->getOperand(0));
}

/// Rows of the batch and rows that moe.pick took must not meet.
Error ModelRun::checkRows(mlir::Operation *op) const {
  std::optional<int64_t> expected;
  if (isa<RopeOp, AttentionOp>(op))
    expected = windows->tokens.size();
  for (mlir::Value value : getReads(op)) {
    RowsPtr in = values.lookup(value);
    if (!in || isa<PickOp, mlir::func::ReturnOp>(op))
      continue;
    if (expected && *expected != in->rows)
      return createStringError("takes " + Twine(in->rows) + " rows and " +
                               Twine(*expected));
    expected = in->rows;
  }
  return Error::success();
}

Error ModelRun::runNext() {
  mlir::Operation *op = &*next;
  if (Error error = checkRows(op))
    return named(op, std::move(error));
  // What carries rows on as they are shares them.
  if (isa<QuantizeOp, DequantizeOp>(op)) {
    values[op->getResult(0)] = values.lookup(op->getOperand(0));
  } else if (!isa<KvAppendOp>(op)) {
    Expected<Rows> result =
        TypeSwitch<mlir::Operation *, Expected<Rows>>(op)
            .Case<EmbedOp, PickOp, NormOp, LinearOp, AddOp, ClampOp, RopeOp,
                  AttentionOp, RouteOp, MlpOp, ExpertsOp>(
                [&](auto known) { return run(known); });
    if (!result)
      return named(op, result.takeError());
    // The weights of a route; of all others the only result.
    values[op->getResults().back()] =
        std::make_shared<const Rows>(std::move(*result));
  }
  for (mlir::Value value : getReads(op))
    if (lastUser.lookup(value) == op) {
      values.erase(value);
      choices.erase(value);
    }
  ++next;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

WeightOp ModelRun::weight(mlir::FlatSymbolRefAttr symbol) {
  return model.lookupSymbol<WeightOp>(symbol.getValue());
}

Expected<std::vector<float>> ModelRun::vector(mlir::FlatSymbolRefAttr symbol) {
  std::vector<float> values;
  if (Error error = reader.read(weight(symbol), 0, 1, values))
    return std::move(error);
  return std::move(values);
}

Expected<Rows> ModelRun::product(const Rows &in, mlir::FlatSymbolRefAttr symbol,
                                 int64_t matrix) {
  return multiply(in, weight(symbol), matrix, reader, *workers);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

Expected<Rows> ModelRun::run(EmbedOp op) {
  WeightOp table = weight(op.getTableAttr());
  int64_t words = table.getRows();
  Rows out(windows->tokens.size(), table.getColumns());
  std::vector<float> row;
  for (auto [r, token] : enumerate(windows->tokens)) {
    if (token < 0 || token >= words)
      return createStringError("token " + Twine(token) +
                               " requested, there are " + Twine(words));
    if (Error error = reader.read(table, token, 1, row))
      return std::move(error);
    llvm::copy(row, out.row(r));
  }
  return std::move(out);
}

Expected<Rows> ModelRun::run(PickOp op) {
  const Rows &in = rows(op.getInput());
  Rows out(windows->wanted.size(), in.columns);
  for (auto [i, r] : enumerate(windows->wanted))
    std::copy_n(in.row(r), in.columns, out.row(i));
  return std::move(out);
}

Expected<Rows> ModelRun::run(NormOp op) {
  Expected<std::vector<float>> scale = vector(op.getScaleAttr());
  if (!scale)
    return scale.takeError();
  return normalize(op, rows(op.getInput()), *scale, *workers);
}

Expected<Rows> ModelRun::run(LinearOp op) {
  Expected<Rows> out = product(rows(op.getInput()), op.getWeightAttr());
  if (!out || !op.getBiasAttr())
    return out;
  Expected<std::vector<float>> bias = vector(op.getBiasAttr());
  if (!bias)
    return bias.takeError();
  for (int64_t r = 0; r < out->rows; ++r)
    for (int64_t c = 0; c < out->columns; ++c)
      out->row(r)[c] += (*bias)[c];
  return out;
}

Expected<Rows> ModelRun::run(AddOp op) {
  Rows out = rows(op.getLhs());
  const Rows &rhs = rows(op.getRhs());
  for (size_t i = 0; i < out.values.size(); ++i)
    out.values[i] += rhs.values[i];
  return std::move(out);
}

Expected<Rows> ModelRun::run(ClampOp op) {
  Rows out = rows(op.getInput());
  float limit = op.getLimit().convertToDouble();
  for (float &value : out.values)
    value = std::clamp(value, -limit, limit);
  return std::move(out);
}

Expected<Rows> ModelRun::run(RopeOp op) {
  auto table = model.lookupSymbol<RopeTableOp>(op.getTable());
  return rotatePositions(op, table, rows(op.getInput()), windows->window,
                         *workers);
}

Expected<Rows> ModelRun::run(AttentionOp op) {
  KvAppendOp append = findAppend(op);
  return attend(op, rows(op.getQueries()), rows(append.getKeys()),
                rows(append.getValues()), windows->window, *workers);
}

Expected<Rows> ModelRun::run(RouteOp op) {
  const Rows &logits = rows(op.getLogits());
  Expected<Choice> choice = route(op, logits, *workers);
  if (!choice)
    return choice.takeError();
  std::vector<bool> &chosen = reached[op.getExperts()];
  chosen.resize(logits.columns);
  for (int32_t expert : choice->experts)
    chosen[expert] = true;
  choices[op.getExperts()] = std::make_shared<const Choice>(std::move(*choice));
  return choices[op.getExperts()]->weights;
}

template <typename OpT>
Expected<Rows> ModelRun::hidden(OpT op, const Rows &in, int64_t matrix) {
  Expected<Rows> left = product(in, op.getGateAttr(), matrix);
  if (!left)
    return left;
  Expected<Rows> up = product(in, op.getUpAttr(), matrix);
  if (!up)
    return up;
  gate(op.getActivation(), *left, *up, *workers);
  return left;
}

Expected<Rows> ModelRun::run(MlpOp op) {
  const Rows &in = rows(op.getInput());
  Expected<Rows> inner = hidden(op, in, 0);
  if (!inner)
    return inner;
  Expected<Rows> out = product(*inner, op.getDownAttr());
  if (!out || !op.getSharedGateAttr())
    return out;
  Expected<Rows> logits = product(in, op.getSharedGateAttr());
  if (!logits)
    return logits;
  for (int64_t r = 0; r < out->rows; ++r) {
    float factor = sigmoid(logits->row(r)[0]);
    for (int64_t c = 0; c < out->columns; ++c)
      out->row(r)[c] *= factor;
  }
  return out;
}

/// Rows that chose the expert.
static Routed findRouted(const Choice &choice, const Rows &weights,
                         int64_t expert) {
  Routed routed;
  for (int64_t r = 0; r < choice.rows; ++r)
    for (int64_t j = 0; j < choice.count; ++j)
      if (choice.experts[r * choice.count + j] == expert)
        routed.push_back({r, weights.row(r)[j]});
  return routed;
}

static Rows gather(const Rows &in, const Routed &routed) {
  Rows out(routed.size(), in.columns);
  for (auto [i, row] : enumerate(routed))
    std::copy_n(in.row(row.first), in.columns, out.row(i));
  return out;
}

Expected<Rows> ModelRun::run(ExpertsOp op) {
  const Rows &in = rows(op.getInput());
  Rows out(in.rows, in.columns);
  int64_t experts = weight(op.getGateAttr()).getMatrices();
  for (int64_t e = 0; e < experts; ++e) {
    Routed routed =
        findRouted(*choices.lookup(op.getExperts()), rows(op.getWeights()), e);
    if (routed.empty())
      continue;
    Expected<Rows> inner = hidden(op, gather(in, routed), e);
    if (!inner)
      return inner;
    Expected<Rows> part = product(*inner, op.getDownAttr(), e);
    if (!part)
      return part;
    for (auto [i, row] : enumerate(routed))
      for (int64_t c = 0; c < out.columns; ++c)
        out.row(row.first)[c] += row.second * part->row(i)[c];
  }
  return std::move(out);
}

//===----------------------------------------------------------------------===//
// What weights meet
//===----------------------------------------------------------------------===//

static void scale(Rows &rows, int64_t r, float factor) {
  for (int64_t c = 0; c < rows.columns; ++c)
    rows.row(r)[c] *= factor;
}

Expected<Rows> ModelRun::getExpertInputs(ExpertsOp op, Role role,
                                         int64_t expert,
                                         ArrayRef<float> importance) {
  Routed routed = findRouted(*choices.lookup(op.getExperts()),
                             rows(op.getWeights()), expert);
  Rows in = gather(rows(op.getInput()), routed);
  if (role == Role::Down) {
    Expected<Rows> inner = hidden(op, in, expert);
    if (!inner)
      return inner;
    in = std::move(*inner);
  }
  if (!importance.empty())
    for (auto [i, row] : enumerate(routed))
      scale(in, i, row.second * std::sqrt(importance[row.first]));
  return std::move(in);
}

Expected<Rows> ModelRun::getInputs(Use use, int64_t matrix,
                                   ArrayRef<float> importance) {
  if (Error error = checkRows(use.op))
    return named(use.op, std::move(error));
  Expected<Rows> result =
      TypeSwitch<mlir::Operation *, Expected<Rows>>(use.op)
          .Case([&](LinearOp op) { return Rows(rows(op.getInput())); })
          .Case([&](MlpOp op) -> Expected<Rows> {
            const Rows &in = rows(op.getInput());
            return use.role == Role::Down ? hidden(op, in, 0) : Rows(in);
          })
          .Case([&](ExpertsOp op) {
            return getExpertInputs(op, use.role, matrix, importance);
          });
  if (!result)
    return named(use.op, result.takeError());
  // The head works on wanted rows, which are all.
  if (!importance.empty() && !isa<ExpertsOp>(use.op))
    for (int64_t r = 0; r < result->rows; ++r)
      scale(*result, r, std::sqrt(importance[r]));
  return result;
}

namespace {
/// Sums of the exponentials of one row's logits, and of their squares, relative
/// to the largest so far.
struct SoftmaxSums {
  float largest = -std::numeric_limits<float>::infinity();
  double sum = 0, squares = 0;

  void add(ArrayRef<float> logits) {
    float now = std::max(largest, *llvm::max_element(logits));
    double shrink = std::exp(double(largest) - now);
    sum *= shrink;
    squares *= shrink * shrink;
    for (float logit : logits) {
      double part = std::exp(double(logit) - now);
      sum += part;
      squares += part * part;
    }
    largest = now;
  }
};
} // namespace

Expected<std::vector<float>> ModelRun::getUncertainty() {
  mlir::Operation *last = forward.getBody().front().getTerminator();
  std::vector<SoftmaxSums> sums(windows->wanted.size());
  auto add = [&](const Rows &logits) {
    workers->forEach(logits.rows, [&](int64_t r) {
      sums[r].add({logits.row(r), size_t(logits.columns)});
    });
  };
  auto head = last->getOperand(0).getDefiningOp<LinearOp>();
  if (head && !head.getBias()) {
    // All logits of all rows at once would be the largest value by far.
    if (Error error = advanceTo(head))
      return std::move(error);
    if (Error error = multiplyInBlocks(
            rows(head.getInput()), weight(head.getWeightAttr()), 0, reader,
            *workers, [&](int64_t, const Rows &part) { add(part); }))
      return named(head, std::move(error));
  } else {
    Expected<RowsPtr> logits = finish();
    if (!logits)
      return logits.takeError();
    add(**logits);
  }
  std::vector<float> result;
  for (const SoftmaxSums &row : sums)
    result.push_back(float(1 - row.squares / (row.sum * row.sum)));
  return std::move(result);
}
