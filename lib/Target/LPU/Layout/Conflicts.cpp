//===- Conflicts.cpp - which buffers should not share a slice -------------===//
#include "Layout/Conflicts.h"

using namespace mlir;
using namespace moe::lpu;

namespace {
struct Access {
  int buffer;
  bool writes;
  bool moves; ///< to another vector each time
};

/// What it costs if two accesses of a cluster go to one slice: writes of one value,
/// and a map and what it is for, come in one cycle for sure, reads mostly. A loop
/// pays every time.
constexpr int64_t bothWrite = 16, mapRead = 64, bothRead = 4, readAndWrite = 1;
constexpr int64_t inLoop = 8;
/// Loops through one buffer run at the same time.
constexpr int64_t sideBySide = 2;
} // namespace

static void addCluster(ClusterOp cluster,
                       const llvm::DenseMap<Value, int> &numbers,
                       std::vector<BufferUse> &uses) {
  SmallVector<Access> accesses;
  for (Operation &op : cluster.getBody().front()) {
    if (auto read = dyn_cast<ReadOp>(op))
      accesses.push_back(
          {numbers.lookup(read.getBuffer()), false, read.getStep() != 0});
    else if (auto gather = dyn_cast<GatherOp>(op))
      accesses.push_back(
          {numbers.lookup(gather.getBuffer()), false, gather.getStep() != 0});
    else if (auto write = dyn_cast<WriteOp>(op))
      accesses.push_back(
          {numbers.lookup(write.getBuffer()), true, write.getStep() != 0});
    else if (auto scatter = dyn_cast<ScatterOp>(op))
      accesses.push_back(
          {numbers.lookup(scatter.getBuffer()), true, scatter.getStep() != 0});
    if (isa<GatherOp, ScatterOp>(op))
      uses[accesses.back().buffer].isDynamic = true;
  }
  // A map is taken in the same cycle as what it is for.
  for (Operation &op : cluster.getBody().front()) {
    auto permute = dyn_cast<PermuteOp>(op);
    auto value = permute ? permute.getValue().getDefiningOp<ReadOp>() : ReadOp();
    auto map = permute ? permute.getMap().getDefiningOp<ReadOp>() : ReadOp();
    if (!value || !map)
      continue;
    int a = numbers.lookup(value.getBuffer());
    int b = numbers.lookup(map.getBuffer());
    uses[a].conflicts[b] += mapRead;
    uses[b].conflicts[a] += mapRead;
  }
  int64_t weight = cluster.getTimes() > 1 ? inLoop : 1;
  for (const Access &a : accesses) {
    uses[a.buffer].accesses += cluster.getTimes();
    uses[a.buffer].isWritten |= a.writes;
    uses[a.buffer].isStreamed |= a.moves && cluster.getTimes() > 1;
    for (const Access &b : accesses) {
      if (a.buffer == b.buffer)
        continue;
      if (a.writes == b.writes)
        uses[a.buffer].conflicts[b.buffer] +=
            weight * (a.writes ? bothWrite : bothRead);
      else
        uses[a.buffer].bankConflicts[b.buffer] += weight * readAndWrite;
    }
  }
}

/// Buffers of loops through the same buffer should not share slices either.
static void addLoops(ProgramOp program,
                     const llvm::DenseMap<Value, int> &numbers,
                     std::vector<BufferUse> &uses) {
  std::vector<llvm::SmallSetVector<int, 8>> loops(uses.size());
  for (auto cluster : program.getOps<ClusterOp>()) {
    if (cluster.getTimes() < 2)
      continue;
    llvm::SmallSetVector<int, 8> touched;
    for (Operation &op : cluster.getBody().front())
      for (Value operand : op.getOperands())
        if (isa<VectorsType>(operand.getType()))
          touched.insert(numbers.lookup(operand));
    for (int buffer : touched)
      if (uses[buffer].isStreamed)
        loops[buffer].insert(touched.begin(), touched.end());
  }
  for (const auto &together : loops)
    for (int a : together)
      for (int b : together)
        if (a != b)
          uses[a].conflicts[b] = std::max(uses[a].conflicts[b], sideBySide);
}

std::vector<BufferUse> moe::lpu::findConflicts(ProgramOp program) {
  llvm::DenseMap<Value, int> numbers;
  std::vector<BufferUse> uses;
  for (BufferOp buffer : program.getOps<BufferOp>()) {
    numbers[buffer.getResult()] = int(uses.size());
    uses.emplace_back();
  }
  for (Operation &op : program.getBody().front()) {
    if (auto cluster = dyn_cast<ClusterOp>(op)) {
      addCluster(cluster, numbers, uses);
      continue;
    }
    auto install = dyn_cast<InstallOp>(op);
    if (!install)
      continue;
    BufferUse &low = uses[numbers.lookup(install.getBuffer())];
    low.isWeights = true;
    low.isPacked = install.getExpand();
    if (install.getHigh()) {
      BufferUse &high = uses[numbers.lookup(install.getHigh())];
      high.isWeights = true;
      high.isHigh = true;
      low.otherHalves.insert(numbers.lookup(install.getHigh()));
      high.otherHalves.insert(numbers.lookup(install.getBuffer()));
    }
    if (install.getMap()) {
      BufferUse &map = uses[numbers.lookup(install.getMap())];
      map.accesses += 20;
      map.mapOf.insert(numbers.lookup(install.getBuffer()));
      if (install.getHigh())
        map.mapOf.insert(numbers.lookup(install.getHigh()));
    }
  }
  addLoops(program, numbers, uses);
  return uses;
}
