//===- LayoutPass.cpp - buffers get slices and rows -----------------------===//
//
// Weights stream from the outer slices, all else lies in the inner ones: so a load
// leaves the streams near the VXM free. Rows of weights follow from the vector's
// number alone, vector n in slice n mod 16 of its block, because maps of experts
// count in rows.
//===----------------------------------------------------------------------===//
#include "Layout/Conflicts.h"
#include "Layout/Places.h"
#include "Passes.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"

namespace moe::lpu {
#define GEN_PASS_DEF_ASSIGNLAYOUTPASS
#include "Passes.h.inc"
} // namespace moe::lpu

using namespace mlir;
using namespace moe::lpu;

namespace {

/// Slices of a column, the smallest part of memory that a vector of four bytes
/// fits into.
constexpr int64_t innerColumns = 3;

class LayoutAssigner {
public:
  LayoutAssigner(ProgramOp program, const Machine &machine)
      : program(program), machine(machine), places(machine, program.getChips()),
        uses(findConflicts(program)) {}
  LogicalResult assign();

private:
  LogicalResult checkSize();
  LogicalResult placeWeights(int index);
  std::vector<SmallVector<int64_t>> candidatesFor(int index,
                                                  bool mayBeOuter) const;
  LogicalResult placeOther(int index);
  void keepPlace(int index);
  LogicalResult failToPlace(BufferOp op, int64_t rows);
  void setPlace(int index, ArrayRef<int64_t> slices, int64_t row);
  int64_t costOf(int index, ArrayRef<int64_t> slices, int64_t row) const;
  int64_t rowsOf(int index, int64_t groups) const;
  std::vector<int> orderOfOthers() const;

  struct Placed {
    SmallVector<int64_t> slices;
    int64_t row = -1;
  };
  ProgramOp program;
  const Machine &machine;
  Places places;
  std::vector<BufferUse> uses;
  std::vector<BufferOp> buffers;
  std::vector<Placed> placed;
  /// Rows of weights, by side and block of slices.
  SmallVector<int64_t> blockRows[2];
};
} // namespace

static int64_t bytesOfVectors(BufferOp op) {
  return bytesOf(cast<VectorsType>(op.getType()).getElementType());
}

int64_t LayoutAssigner::rowsOf(int index, int64_t groups) const {
  BufferOp op = buffers[index];
  return llvm::divideCeil(cast<VectorsType>(op.getType()).getCount(), groups);
}

/// Whether all fits at all: of each chip, bytes needed and there.
LogicalResult LayoutAssigner::checkSize() {
  std::vector<uint64_t> bytes(program.getChips());
  for (BufferOp op : buffers)
    bytes[op.getChip()] += uint64_t(cast<VectorsType>(op.getType()).getCount()) *
                           bytesOfVectors(op) * machine.width();
  uint64_t most = *llvm::max_element(bytes), total = 0;
  for (uint64_t each : bytes)
    total += each;
  if (most <= machine.sramBytes())
    return success();
  constexpr uint64_t mebi = 1 << 20;
  return program.emitError()
         << "model needs " << llvm::divideCeil(most, mebi)
         << " MiB of SRAM, machine " << machine.name << " has "
         << machine.sramBytes() / mebi << " MiB, "
         << llvm::divideCeil(most - machine.sramBytes(), mebi)
         << " MiB too few: " << llvm::divideCeil(total, machine.sramBytes())
         << " chips would hold it";
}

LogicalResult LayoutAssigner::failToPlace(BufferOp op, int64_t rows) {
  return op.emitError() << "buffer \"" << op.getName() << "\" needs " << rows
                        << " rows of " << bytesOfVectors(op)
                        << " slices in the "
                        << stringifySide(op.getSide())
                        << ", where no slices have so many left of "
                        << machine.rowsOfSlice();
}

void LayoutAssigner::setPlace(int index, ArrayRef<int64_t> slices,
                              int64_t row) {
  BufferOp op = buffers[index];
  int64_t rows = rowsOf(index, int64_t(slices.size()) / bytesOfVectors(op));
  placed[index].slices.assign(slices.begin(), slices.end());
  placed[index].row = row;
  places.take(op.getChip(), int(op.getSide()), slices, row, rows);
  op.setPlaceAttr(
      PlaceAttr::get(op.getContext(), op.getSide(), slices, row, 1));
}

/// A buffer that has a place already.
void LayoutAssigner::keepPlace(int index) {
  BufferOp op = buffers[index];
  PlaceAttr place = op.getPlaceAttr();
  int64_t groups = int64_t(place.getSlices().size()) / bytesOfVectors(op);
  int64_t rows = (rowsOf(index, groups) - 1) * place.getStep() + 1;
  placed[index].slices.assign(place.getSlices().begin(),
                              place.getSlices().end());
  placed[index].row = place.getRow();
  places.take(op.getChip(), int(place.getSide()), place.getSlices(),
              place.getRow(), rows);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

LogicalResult LayoutAssigner::placeWeights(int index) {
  BufferOp op = buffers[index];
  const BufferUse &use = uses[index];
  int64_t streams =
      use.isPacked ? machine.mxm.streams * 7 / 16 : machine.mxm.streams;
  int64_t inner = innerColumns * machine.mem.group;
  int64_t blocks =
      std::max<int64_t>(1, (machine.mem.slices - inner) / machine.mxm.streams);
  int64_t parts = machine.mxm.streams / streams;
  int64_t rows = rowsOf(index, streams);
  // What is computed shares slices with what is loaded, but no bank.
  int64_t bank = use.isWritten ? machine.mem.banks - 1 : 0;
  auto &filled = blockRows[int(op.getSide())];
  filled.resize(blocks * parts);
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < blocks * parts; ++i)
    order.push_back(i);
  llvm::sort(order, [&](int64_t a, int64_t b) {
    // High bytes lie apart from low ones, so that both load at once.
    int64_t wrongA = use.isHigh != (a / parts % 2 == 1) && (use.isHigh);
    int64_t wrongB = use.isHigh != (b / parts % 2 == 1) && (use.isHigh);
    return std::tie(wrongA, filled[a], a) < std::tie(wrongB, filled[b], b);
  });
  for (int64_t part : order) {
    int64_t first = inner + part / parts * machine.mxm.streams +
                    part % parts * streams;
    SmallVector<int64_t> slices;
    for (int64_t i = 0; i < streams; ++i)
      slices.push_back(first + i);
    if (slices.back() >= machine.mem.slices)
      continue;
    int64_t row = places.findRow(op.getChip(), int(op.getSide()), slices, rows,
                                 bank);
    if (row < 0)
      continue;
    filled[part] += rows;
    setPlace(index, slices, row);
    return success();
  }
  return failToPlace(op, rows);
}

//===----------------------------------------------------------------------===//
// All else
//===----------------------------------------------------------------------===//

/// How much speaks against a place: buffers that clusters use together with this
/// one, then how busy the slices are.
int64_t LayoutAssigner::costOf(int index, ArrayRef<int64_t> slices,
                               int64_t row) const {
  constexpr int64_t conflict = 1 << 20;
  BufferOp op = buffers[index];
  const BufferUse &use = uses[index];
  int64_t cost = 0;
  for (size_t other = 0; other < placed.size(); ++other) {
    if (placed[other].row < 0 || int(other) == index)
      continue;
    BufferOp otherOp = buffers[other];
    if (otherOp.getSide() != op.getSide() ||
        otherOp.getChip() != op.getChip())
      continue;
    bool shares = llvm::any_of(slices, [&](int64_t slice) {
      return llvm::is_contained(placed[other].slices, slice);
    });
    if (!shares)
      continue;
    cost += use.conflicts.lookup(int(other)) * conflict;
    if (row / machine.mem.rows == placed[other].row / machine.mem.rows)
      cost += use.bankConflicts.lookup(int(other)) * conflict;
    cost += uses[other].accesses;
  }
  return cost;
}

/// Slices that a buffer may take: some of one column, or for what loops go through
/// two columns, so that one is read while the other is written. Columns of weights
/// are for large buffers, and for loops, which run when no weights stream.
std::vector<SmallVector<int64_t>>
LayoutAssigner::candidatesFor(int index, bool mayBeOuter) const {
  BufferOp op = buffers[index];
  int64_t bytes = bytesOfVectors(op), group = machine.mem.group;
  int64_t slices = machine.mem.slices, inner = innerColumns * group;
  int64_t end = mayBeOuter ? slices : inner;
  std::vector<SmallVector<int64_t>> result;
  auto listFrom = [&](int64_t first, SmallVector<int64_t> &out) {
    for (int64_t i = 0; i < bytes; ++i)
      out.push_back(first + i);
  };
  bool isPair = uses[index].isStreamed && !uses[index].isDynamic &&
                op.getKind() == BufferKind::Temporary && rowsOf(index, 1) > 1;
  for (int64_t first = 0; first + bytes <= end; first += bytes) {
    if (!isPair) {
      listFrom(first, result.emplace_back());
      continue;
    }
    for (int64_t second = first / group * group + group; second + bytes <= end;
         second += group) {
      SmallVector<int64_t> &both = result.emplace_back();
      listFrom(first, both);
      listFrom(second + first % group, both);
    }
  }
  return result;
}

LogicalResult LayoutAssigner::placeOther(int index) {
  BufferOp op = buffers[index];
  int64_t bytes = bytesOfVectors(op);
  // What is only read lies in another bank than what is written.
  int64_t bank = uses[index].isWritten ||
                         op.getKind() == BufferKind::Temporary ||
                         op.getKind() == BufferKind::State
                     ? machine.mem.banks - 1
                     : 0;
  SmallVector<int64_t> best;
  int64_t bestRow = -1, bestCost = 0;
  for (bool mayBeOuter : {uses[index].isStreamed, true}) {
    for (ArrayRef<int64_t> slices : candidatesFor(index, mayBeOuter)) {
      int64_t rows = rowsOf(index, int64_t(slices.size()) / bytes);
      int64_t row =
          places.findRow(op.getChip(), int(op.getSide()), slices, rows, bank);
      if (row < 0)
        continue;
      int64_t cost = costOf(index, slices, row);
      if (bestRow < 0 || cost < bestCost) {
        best.assign(slices.begin(), slices.end());
        bestRow = row;
        bestCost = cost;
      }
    }
    // Else the inner slices are full.
    if (bestRow >= 0)
      break;
  }
  if (bestRow < 0)
    return failToPlace(op, rowsOf(index, 1));
  setPlace(index, best, bestRow);
  return success();
}

/// Who has most to lose chooses first.
std::vector<int> LayoutAssigner::orderOfOthers() const {
  std::vector<std::pair<int64_t, int>> weighed;
  for (int i = 0, e = int(buffers.size()); i < e; ++i) {
    BufferOp op = buffers[i];
    if (uses[i].isWeights || op.getPlaceAttr())
      continue;
    int64_t weight = 0;
    for (auto &[other, cost] : uses[i].conflicts)
      weight += cost;
    weighed.push_back({-weight, i});
  }
  llvm::sort(weighed);
  std::vector<int> order;
  for (auto [weight, index] : weighed)
    order.push_back(index);
  return order;
}

LogicalResult LayoutAssigner::assign() {
  for (BufferOp op : program.getOps<BufferOp>())
    buffers.push_back(op);
  placed.resize(buffers.size());
  if (buffers.empty())
    return success();
  if (failed(checkSize()))
    return failure();
  std::vector<int> others = orderOfOthers(), weights;
  for (int i = 0, e = int(buffers.size()); i < e; ++i) {
    if (buffers[i].getPlaceAttr())
      keepPlace(i);
    else if (uses[i].isWeights)
      weights.push_back(i);
  }
  for (int index : weights)
    if (failed(placeWeights(index)))
      return failure();
  for (int index : others)
    if (failed(placeOther(index)))
      return failure();
  return success();
}

namespace {
struct AssignLayoutPass
    : moe::lpu::impl::AssignLayoutPassBase<AssignLayoutPass> {
  void runOnOperation() override {
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      llvm::Expected<Machine> machine = findMachine(program.getMachine());
      if (!machine) {
        program.emitError() << llvm::toString(machine.takeError());
        return signalPassFailure();
      }
      if (failed(LayoutAssigner(program, *machine).assign()))
        return signalPassFailure();
    }
  }
};
} // namespace
