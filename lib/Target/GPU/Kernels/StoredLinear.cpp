//===- StoredLinear.cpp - quantised rows times several stored matrices ----===//
#include "Stored.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using host::KernelBuilder;

namespace {

/// Launches for maps whose codes are the same.
class StoredLaunch {
public:
  StoredLaunch(Launcher &l, const Rows &rows, const Assignments *assignments,
               ArrayRef<LinearMap> maps)
      : l(l), b(l.host()), rows(rows), assignments(assignments), maps(maps) {
    const Matrix &matrix = maps.front().matrix;
    shape.code = matrix.code;
    shape.columns = matrix.columns;
    shape.alignment = matrix.getAlignment();
    shape.sumsOfRow = host::columnsOf(rows.levels.sums);
    shape.ofExperts = assignments;
    shape.hasRowOf = assignments && assignments->rowOf;
    for (const LinearMap &map : maps) {
      shape.alignment = std::min(shape.alignment, map.matrix.getAlignment());
      Type bias;
      if (map.bias)
        bias = cast<MemRefType>(map.bias.getType()).getElementType();
      shape.maps.push_back({map.matrix.rows, map.matrix.offset, bias});
    }
    name = shape.getName(l);
    arguments = getArguments();
  }

  void emit() {
    Value batch = assignments ? assignments->rows : rows.count;
    Value isOne = b.less(batch, b.index(2));
    Value isFew = b.less(batch, b.index(mostFewRows + 1));
    int64_t copies = assignments ? assignments->chosen : 1;
    auto one = VectorPlan::get(shape, 1, copies);
    auto few = VectorPlan::get(shape, togetherRows, copies);
    // Rows so long that sums of groups find no place are products of matrices.
    if (one.rows == 0)
      return launchMatrix();
    choose(isFew,
           [&] {
             choose(isOne, [&] { launchVector(one); },
                    [&] { launchVector(few); });
           },
           [&] { launchMatrix(); });
  }

private:
  SmallVector<Value> getArguments() {
    SmallVector<Value> values = {rows.levels.levels, rows.levels.scales,
                                 rows.levels.sums};
    if (assignments) {
      llvm::append_values(values, assignments->addresses, assignments->first,
                          assignments->ready, assignments->readyCount);
      if (assignments->rowOf)
        values.push_back(assignments->rowOf);
    } else {
      values.push_back(rows.count);
    }
    for (const LinearMap &map : maps) {
      if (!assignments)
        values.push_back(map.matrix.address);
      if (map.bias)
        values.push_back(map.bias);
      values.push_back(map.result);
    }
    return values;
  }

  void choose(Value condition, function_ref<void()> yes,
              function_ref<void()> no) {
    Value otherwise = arith::XOrIOp::create(
        b, condition, arith::ConstantOp::create(b, b.getBoolAttr(true)));
    b.when(condition, yes);
    b.when(otherwise, no);
  }

  Value divideUp(Value a, Value size) {
    Value above = b.sub(b.add(a, size), b.index(1));
    return arith::DivUIOp::create(b, above, size);
  }

  /// Experts that a wave may have.
  Value mostExperts() {
    Value assigned = b.mul(assignments->rows, assignments->chosen);
    return b.min(assigned, b.index(assignments->experts));
  }

  void launchVector(const VectorPlan &plan) {
    Value y = assignments ? mostExperts() : blocksFor(b, rows.count, plan.rows);
    // As many blocks as run at the same time, each with as many sets of tiles.
    int64_t sets = llvm::divideCeil(shape.tiles(), plan.tilesOfBlock());
    Value atOnce =
        b.mul(l.getProcessors(), plan.warpsAtOnce(shape) / plan.warps);
    Value share = b.max(divideUp(atOnce, b.max(y, b.index(1))), b.index(1));
    Value turns = divideUp(b.index(sets), share);
    Value x = divideUp(b.index(sets), turns);
    launch("vector", "_m" + std::to_string(plan.rows), {x, y},
           plan.warps * kWarp, [&](ThreadBuilder &thread, ValueRange values) {
             emitVectorKernel(l, thread, shape, plan, values);
           });
  }

  void launchMatrix() {
    auto plan = MatrixPlan::get(shape);
    int64_t x = 0;
    for (const StoredMap &map : shape.maps)
      x += llvm::divideCeil(map.tiles(), plan.tilesOfBlock());
    Value y = assignments ? mostExperts() : blocksFor(b, rows.count, plan.rows);
    launch("matrix", "", {b.index(x), y}, plan.warps * kWarp,
           [&](ThreadBuilder &thread, ValueRange values) {
             emitMatrixKernel(l, thread, shape, plan, values);
           });
  }

  void launch(StringRef kind, const std::string &suffix, Grid grid,
              int64_t threads,
              function_ref<void(ThreadBuilder &, ValueRange)> emit) {
    std::string full = "stored_" + kind.str() +
                       (assignments ? "_experts" : "") + "_" + name + suffix;
    l.launch(full, grid, threads, arguments, emit);
  }

  Launcher &l;
  KernelBuilder &b;
  const Rows &rows;
  const Assignments *assignments;
  ArrayRef<LinearMap> maps;
  StoredShape shape;
  std::string name;
  SmallVector<Value> arguments;
};

} // namespace

/// One launch for each code among the maps.
static void launchByCode(Launcher &l, const Rows &rows,
                         const Assignments *assignments,
                         ArrayRef<LinearMap> maps) {
  llvm::MapVector<Attribute, SmallVector<LinearMap>> byCode;
  for (const LinearMap &map : maps)
    byCode[map.matrix.code].push_back(map);
  for (auto &[code, own] : byCode)
    StoredLaunch(l, rows, assignments, own).emit();
}

void moe::cuda::launchStoredLinears(Launcher &l, const Rows &rows,
                                    ArrayRef<LinearMap> maps) {
  launchByCode(l, rows, nullptr, maps);
}

void moe::cuda::launchStoredExpertLinears(Launcher &l, const Rows &rows,
                                          const Assignments &assignments,
                                          ArrayRef<LinearMap> maps) {
  launchByCode(l, rows, &assignments, maps);
}
