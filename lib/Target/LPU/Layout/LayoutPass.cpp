//===- LayoutPass.cpp - buffers get slices and rows -----------------------===//
//
// Weights stream from the outer slices, all else lies in the inner ones: so a
// load leaves the streams near the VXM free. Rows of weights follow from the
// vector's number alone, vector n in slice n mod 16 of its block, because maps of
// experts count in rows. Where that leaves no room, all is packed anew: the
// largest weights first, in slices that need not be neighbours, from row to row
// over both banks, and in as few of the inner slices as will do.
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
  /// From the beginning, weights as told; `false`: `missing` found no room.
  bool placeAll(llvm::function_ref<bool(int)> placeWeights,
                ArrayRef<int> weights);
  bool placeWeights(int index, int64_t bank);
  bool isOtherHalfIn(int index, int64_t slice) const;
  bool packWeights(int index, int64_t lowest);
  std::vector<SmallVector<int64_t>> candidatesFor(int index,
                                                  bool mayBeOuter) const;
  bool placeOther(int index);
  bool canFlowToWeights(int index, ArrayRef<int64_t> slices) const;
  void keepPlace(int index);
  LogicalResult failToPlace(int index);
  void setPlace(int index, ArrayRef<int64_t> slices, int64_t row);
  int64_t costOf(int index, ArrayRef<int64_t> slices, int64_t row) const;
  int64_t rowsOf(int index, int64_t groups) const;
  int64_t streamsOf(int index) const;
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
  int missing = -1;
};
} // namespace

static int64_t bytesOfVectors(BufferOp op) {
  return bytesOf(cast<VectorsType>(op.getType()).getElementType());
}

int64_t LayoutAssigner::rowsOf(int index, int64_t groups) const {
  BufferOp op = buffers[index];
  return llvm::divideCeil(cast<VectorsType>(op.getType()).getCount(), groups);
}

/// Chips that share the layers: a wire from a chip to itself stands for one more.
static uint64_t chipsOf(ProgramOp program) {
  uint64_t chips = program.getChips();
  if (!program.getLinksAttr())
    return chips;
  for (auto link : program.getLinksAttr().getAsRange<LinkAttr>())
    chips += link.getChipA() == link.getChipB() &&
             link.getLinkA() == link.getLinkB();
  return chips;
}

/// Whether all fits at all: of each chip, bytes needed and there. That all chips
/// of a group hold less if there are more is an estimate.
LogicalResult LayoutAssigner::checkSize() {
  std::vector<uint64_t> bytes(program.getChips());
  for (BufferOp op : buffers)
    bytes[op.getChip()] += uint64_t(cast<VectorsType>(op.getType()).getCount()) *
                           bytesOfVectors(op) * machine.width();
  uint64_t most = *llvm::max_element(bytes), chips = chipsOf(program);
  if (most <= machine.sramBytes())
    return success();
  constexpr uint64_t mebi = 1 << 20;
  InFlightDiagnostic error = program.emitError();
  error << "model needs " << llvm::divideCeil(most, mebi) << " MiB of SRAM";
  if (chips > 1)
    error << " on one of " << chips << " chips";
  return error << ", machine " << machine.name << " has "
               << machine.sramBytes() / mebi << " MiB, "
               << llvm::divideCeil(most - machine.sramBytes(), mebi)
               << " MiB too few: "
               << llvm::divideCeil(most * chips, machine.sramBytes())
               << " chips would hold it";
}

LogicalResult LayoutAssigner::failToPlace(int index) {
  BufferOp op = buffers[index];
  int64_t rows = rowsOf(index, uses[index].isWeights ? streamsOf(index) : 1);
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

int64_t LayoutAssigner::streamsOf(int index) const {
  return uses[index].isPacked ? machine.mxm.streams * 7 / 16
                              : machine.mxm.streams;
}

/// In a block of neighbouring slices, in rows of `bank` if there are some.
bool LayoutAssigner::placeWeights(int index, int64_t bank) {
  BufferOp op = buffers[index];
  const BufferUse &use = uses[index];
  int64_t streams = streamsOf(index);
  int64_t inner = innerColumns * machine.mem.group;
  int64_t blocks =
      std::max<int64_t>(1, (machine.mem.slices - inner) / machine.mxm.streams);
  int64_t parts = machine.mxm.streams / streams;
  int64_t rows = rowsOf(index, streams);
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
    return true;
  }
  return false;
}

/// Both halves of f16 weights are loaded at once.
bool LayoutAssigner::isOtherHalfIn(int index, int64_t slice) const {
  return llvm::any_of(uses[index].otherHalves, [&](int other) {
    return llvm::is_contained(placed[other].slices, slice);
  });
}

/// In slices from `lowest` on, as near to the first row as it goes, and of the
/// slices that are free there in those which lose least, then in the outer ones.
bool LayoutAssigner::packWeights(int index, int64_t lowest) {
  // What is written in one cycle must lie apart.
  if (uses[index].isWritten)
    return placeWeights(index, 0);
  BufferOp op = buffers[index];
  int64_t streams = streamsOf(index), rows = rowsOf(index, streams);
  SmallVector<std::pair<int64_t, int64_t>> ends; // rows that are used, slice
  for (int64_t slice = lowest; slice < machine.mem.slices; ++slice)
    if (!isOtherHalfIn(index, slice))
      ends.push_back(
          {places.endOf(op.getChip(), int(op.getSide()), slice), slice});
  if (int64_t(ends.size()) < streams)
    return false;
  llvm::sort(ends);
  int64_t row = ends[streams - 1].first;
  if (row + rows > machine.rowsOfSlice())
    return false;
  llvm::erase_if(ends, [&](const auto &end) { return end.first > row; });
  SmallVector<int64_t> chosen;
  for (auto [used, slice] : ArrayRef(ends).take_back(streams))
    chosen.push_back(slice);
  llvm::sort(chosen);
  setPlace(index, chosen, row);
  return true;
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

/// Maps of weights flow outward to them, while these are read.
bool LayoutAssigner::canFlowToWeights(int index,
                                      ArrayRef<int64_t> slices) const {
  for (int weights : uses[index].mapOf) {
    const Placed &there = placed[weights];
    if (there.row < 0)
      continue;
    if (machine.columnOf(slices.back()) >
        machine.columnOf(there.slices.front()))
      return false;
    for (int64_t slice : slices)
      if (llvm::is_contained(there.slices, slice))
        return false;
  }
  return true;
}

bool LayoutAssigner::placeOther(int index) {
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
      if (!canFlowToWeights(index, slices))
        continue;
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
    return false;
  setPlace(index, best, bestRow);
  return true;
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

bool LayoutAssigner::placeAll(llvm::function_ref<bool(int)> placeWeights,
                              ArrayRef<int> weights) {
  places = Places(machine, program.getChips());
  placed.assign(buffers.size(), Placed());
  for (auto &rows : blockRows)
    rows.clear();
  for (int i = 0, e = int(buffers.size()); i < e; ++i)
    if (buffers[i].getPlaceAttr())
      keepPlace(i);
  for (int index : weights)
    if (!placeWeights(index)) {
      missing = index;
      return false;
    }
  for (int index : orderOfOthers())
    if (!placeOther(index)) {
      missing = index;
      return false;
    }
  return true;
}

LogicalResult LayoutAssigner::assign() {
  for (BufferOp op : program.getOps<BufferOp>())
    buffers.push_back(op);
  if (buffers.empty())
    return success();
  if (failed(checkSize()))
    return failure();
  std::vector<int> weights;
  for (int i = 0, e = int(buffers.size()); i < e; ++i)
    if (uses[i].isWeights && !buffers[i].getPlaceAttr())
      weights.push_back(i);
  // What is computed shares slices with what is loaded, but no bank.
  bool isPlaced = placeAll(
      [&](int index) {
        return placeWeights(index,
                            uses[index].isWritten ? machine.mem.banks - 1 : 0);
      },
      weights);
  int firstMissing = missing;
  llvm::sort(weights, [&](int a, int b) {
    return std::tuple(!uses[a].isWritten, -rowsOf(a, 1), a) <
           std::tuple(!uses[b].isWritten, -rowsOf(b, 1), b);
  });
  for (int64_t lowest = innerColumns * machine.mem.group;
       !isPlaced && lowest >= 0; --lowest)
    isPlaced = placeAll(
        [&](int index) { return packWeights(index, lowest); }, weights);
  if (!isPlaced)
    return failToPlace(firstMissing);
  for (auto [op, place] : llvm::zip(buffers, placed))
    if (!op.getPlaceAttr())
      op.setPlaceAttr(PlaceAttr::get(op.getContext(), op.getSide(),
                                     place.slices, place.row, 1));
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
