//===- Linear.cpp - which kernel multiplies rows and elements -------------===//
#include "LinearKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::KernelBuilder;

/// From so many rows on tensor cores pay, though the smallest tile has more.
static constexpr int64_t kTensorRows = 16;
/// Rows that share a pass over weights: of the batch, and of one expert.
static constexpr int64_t kFewRows = 8, kFewOfExpert = 4;

static void either(KernelBuilder &b, Value condition, function_ref<void()> yes,
                   function_ref<void()> no) {
  auto op = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  yes();
  b.setInsertionPointToStart(op.elseBlock());
  no();
}

static Type biasOf(const LinearMap &map) {
  return map.bias ? cast<MemRefType>(map.bias.getType()).getElementType()
                  : Type();
}

/// Maps of one launch read the same kind of numbers.
static bool belongTogether(const LinearMap &a, const LinearMap &b) {
  return a.matrix.element == b.matrix.element && biasOf(a) == biasOf(b);
}

static LinearCall makeCall(KernelBuilder &b, const Rows &rows,
                           const Assignments *assignments,
                           ArrayRef<LinearMap> maps) {
  LinearCall call;
  call.rows = assignments ? assignments->rows : rows.count;
  call.assignments = assignments;
  LinearShape &shape = call.shape;
  shape.element = maps.front().matrix.element;
  shape.bias = biasOf(maps.front());
  shape.features = maps.front().matrix.columns;
  shape.ofExperts = assignments;
  call.arguments = {rows.plain};
  if (assignments) {
    shape.gathers = bool(assignments->rowOf);
    call.arguments.append({assignments->addresses, assignments->first,
                           assignments->ready, assignments->readyCount});
    if (shape.gathers)
      call.arguments.push_back(assignments->rowOf);
  } else {
    call.arguments.push_back(rows.count);
  }
  for (const LinearMap &map : maps) {
    shape.outputs.push_back(map.matrix.rows);
    shape.offsets.push_back(map.matrix.offset);
    shape.alignment =
        llvm::MinAlign(llvm::MinAlign(shape.alignment, shape.rowBytes()),
                       map.matrix.getAlignment());
    if (!assignments)
      call.arguments.push_back(map.matrix.address);
    if (map.bias)
      call.arguments.push_back(map.bias);
    call.arguments.push_back(map.result);
  }
  return call;
}

/// Whether large tiles, of the mean number of rows that meet a matrix, occupy
/// the device and are not mostly empty.
static Value isLarge(Launcher &l, const LinearCall &call) {
  KernelBuilder &b = l.host();
  Value panels = b.index(call.shape.panels(kLargeTile));
  Value enough = b.index(kLargeTile / 2);
  if (!call.assignments) {
    Value blocks = b.mul(blocksFor(b, call.rows, kLargeTile), panels);
    Value many = b.less(enough, call.rows);
    return arith::AndIOp::create(b, many, b.less(l.getProcessors(), blocks));
  }
  const Assignments &assignments = *call.assignments;
  Value all = b.mul(assignments.rows, assignments.chosen);
  return b.less(b.mul(enough, assignments.experts), all);
}

static void launchTensor(Launcher &l, const LinearCall &call) {
  either(
      l.host(), isLarge(l, call), [&] { launchTensorLinear(l, call, true); },
      [&] { launchTensorLinear(l, call, false); });
}

static void launchFast(Launcher &l, const LinearCall &call) {
  KernelBuilder &b = l.host();
  bool ofExperts = call.assignments;
  Value isOne = b.less(call.rows, b.index(2));
  auto launchFew = [&] {
    either(
        b, isOne, [&] { launchVectorLinear(l, call, 1); },
        [&] {
          launchVectorLinear(l, call, ofExperts ? kFewOfExpert : kFewRows);
        });
  };
  if (!hasTensorLinear(call.shape))
    return launchFew();
  // Of experts, the mean.
  Value rows = call.rows, limit = b.index(kTensorRows);
  if (ofExperts) {
    rows = b.mul(rows, call.assignments->chosen);
    limit = b.mul(limit, call.assignments->experts);
  }
  either(
      b, b.less(limit, rows), [&] { launchTensor(l, call); }, launchFew);
}

static void launchAll(Launcher &l, const Rows &rows,
                      const Assignments *assignments,
                      ArrayRef<LinearMap> maps) {
  KernelBuilder &b = l.host();
  while (!maps.empty()) {
    const LinearMap &first = maps.front();
    ArrayRef<LinearMap> group = maps.take_while(
        [&](const LinearMap &map) { return belongTogether(first, map); });
    maps = maps.drop_front(group.size());
    LinearCall call = makeCall(b, rows, assignments, group);
    auto launchExact = [&] {
      either(
          b, b.less(call.rows, b.index(2)),
          [&] { launchExactLinear(l, call, 1); },
          [&] { launchExactLinear(l, call, 4); });
    };
    either(b, l.isExact(), launchExact, [&] { launchFast(l, call); });
  }
}

void moe::cuda::launchLinears(Launcher &l, const Rows &rows,
                              ArrayRef<LinearMap> maps) {
  launchAll(l, rows, nullptr, maps);
}

void moe::cuda::launchExpertLinears(Launcher &l, const Rows &rows,
                                    const Assignments &assignments,
                                    ArrayRef<LinearMap> maps) {
  launchAll(l, rows, &assignments, maps);
}
