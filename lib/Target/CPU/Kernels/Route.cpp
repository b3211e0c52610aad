//===- Route.cpp - the experts of each row --------------------------------===//
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using namespace moe::host;

namespace {

/// One row of logits; all orders of addition are ascending.
struct Router {
  KernelBuilder &b;
  Value logits, scratch, experts, weights;
  Value row;
  int64_t count, k;

  Value logitAt(Value e) const { return b.loadScalar({logits, row}, e); }
  Value weightAt(Value j) const { return b.loadScalar({weights, row}, j); }
  void setWeight(Value value, Value j) const {
    b.store(value, {weights, row}, j);
  }

  Value sumOf(int64_t size, function_ref<Value(Value)> term) const {
    return b
        .loop(b.index(0), b.index(size), 1, b.f32(0),
              [&](Value i, ValueRange carried) -> SmallVector<Value> {
                return {b.fadd(carried.front(), term(i))};
              })
        .front();
  }

  /// The largest logits in order; equal ones by ascending expert. Weights get
  /// the chosen logits.
  void choose() const {
    Value zero = b.index(0), end = b.index(count);
    b.loop(zero, end, 1, [&](Value e) {
      b.store(logitAt(e), {scratch, row}, e);
    });
    b.loop(zero, b.index(k), 1, [&](Value j) {
      auto [logit, column] = findLargest(b, {scratch, row});
      setWeight(logit, j);
      Value expert = arith::IndexCastOp::create(b, b.getI32Type(), column);
      memref::StoreOp::create(b, expert, experts, ValueRange{row, j});
      Value lowest = arith::ConstantOp::create(
          b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
      b.store(lowest, {scratch, row}, column);
    });
  }

  void forChosen(function_ref<Value(Value)> change) const {
    b.loop(b.index(0), b.index(k), 1,
           [&](Value j) { setWeight(change(weightAt(j)), j); });
  }
};

} // namespace

void moe::cpu::emitRoute(KernelBuilder &b, RouteScore score, bool renormalize,
                         double scale, ValueRange args) {
  Value logits = args[1], scratch = args[2], experts = args[3];
  Value weights = args[4];
  Value rows = memref::DimOp::create(b, logits, 0);
  b.parallel(args[0], rows, [&](Value begin, Value end) {
    b.loop(begin, end, 1, [&](Value row) {
      Router router{b,       logits, scratch,           experts,
                    weights, row,    columnsOf(logits), columnsOf(experts)};
      router.choose();
      if (score == RouteScore::Sigmoid) {
        router.forChosen([&](Value x) { return b.sigmoid(x); });
      } else {
        // Both softmaxes are taken against the largest logit, the first chosen.
        Value top = router.weightAt(b.index(0));
        auto term = [&](Value x) { return b.exp(b.fsub(x, top)); };
        Value total =
            score == RouteScore::Softmax
                ? router.sumOf(router.count,
                               [&](Value e) { return term(router.logitAt(e)); })
                : router.sumOf(router.k, [&](Value j) {
                    return term(router.weightAt(j));
                  });
        router.forChosen([&](Value x) { return b.fdiv(term(x), total); });
      }
      if (renormalize) {
        Value sum =
            router.sumOf(router.k, [&](Value j) { return router.weightAt(j); });
        router.forChosen([&](Value w) { return b.fdiv(w, sum); });
      }
      if (scale != 1.0)
        router.forChosen([&](Value w) { return b.fmul(w, b.f32(scale)); });
    });
  });
}
