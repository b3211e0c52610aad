//===- Route.cpp - the experts of each row --------------------------------===//
#include "WarpRow.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::columnsOf;

namespace {

/// One row of logits, by one warp; all orders of addition are ascending.
struct Router {
  ThreadBuilder &t;
  WarpRow logits;
  Value row;
  int64_t k;
  Value terms, chosen; ///< shared memory for all experts, for the chosen ones

  Value chosenAt(Value j) { return t.load(t.getF32Type(), chosen, j); }

  /// The largest logits in order; equal ones by ascending expert.
  void choose(Value experts) {
    Value first = rowStart(t, row, k);
    logits.take(k, [&](Value j, Value logit, Value expert) {
      t.store(logit, chosen, j);
      t.store(expert, experts, t.add(first, t.wide(j)));
    });
    t.syncWarp();
  }

  /// Replaces each of the chosen.
  void change(function_ref<Value(Value)> next) {
    forLanes(t, k, [&](Value j) { t.store(next(chosenAt(j)), chosen, j); });
    t.syncWarp();
  }

  void score(RouteScore kind) {
    if (kind == RouteScore::Sigmoid)
      return change([&](Value x) { return t.sigmoid(x); });
    // Both softmaxes are taken against the largest logit, the first chosen.
    Value top = chosenAt(t.i32(0));
    auto term = [&](Value x) { return t.exp(t.fsub(x, top)); };
    Value total;
    if (kind == RouteScore::Softmax) {
      SmallVector<Value> all;
      for (Value x : logits.values())
        all.push_back(term(x));
      total = logits.sumOf(all, terms);
      return change([&](Value x) { return t.fdiv(term(x), total); });
    }
    t.syncWarp(); // all know the top
    change(term);
    total = sumAscending(t, chosen, k);
    t.syncWarp();
    change([&](Value x) { return t.fdiv(x, total); });
  }

  void renormalize() {
    Value sum = sumAscending(t, chosen, k);
    t.syncWarp();
    change([&](Value w) { return t.fdiv(w, sum); });
  }

  void write(Value weights, double scale) {
    Value first = rowStart(t, row, k);
    forLanes(t, k, [&](Value j) {
      Value w = chosenAt(j);
      if (scale != 1.0)
        w = t.fmul(w, t.f32(scale));
      t.store(w, weights, t.add(first, t.wide(j)));
    });
  }
};

} // namespace

void moe::cuda::launchRoute(Launcher &l, RouteScore score, bool renormalize,
                            double scale, Value logits, Value experts,
                            Value weights) {
  int64_t count = columnsOf(logits), k = columnsOf(experts);
  std::string name = ("route_" + stringifyRouteScore(score) + "_" +
                      nameOfNumber(scale) + (renormalize ? "_renormalize" : ""))
                         .str();
  launchWarps(l, name, logits, {logits, experts, weights},
              [&](ThreadBuilder &t, ValueRange args, Value row) {
                bool needsAll = score == RouteScore::Softmax;
                Value chosen = sharedOfWarp(t, k);
                Value terms = needsAll ? sharedOfWarp(t, count) : Value();
                Router router{
                    t, WarpRow(t, args[0], row, count), row, k, terms, chosen};
                router.choose(args[1]);
                router.score(score);
                if (renormalize)
                  router.renormalize();
                router.write(args[2], scale);
              });
}
