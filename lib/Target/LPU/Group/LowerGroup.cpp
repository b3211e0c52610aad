//===- LowerGroup.cpp - a decoder on many chips, step by step -------------===//
#include "Group/LowerGroup.h"

#include "Lowering/Route.h"

using namespace mlir;
using namespace moe;
using namespace moe::lpu;

namespace {

class GroupLowering {
public:
  GroupLowering(ProgramOp program, func::FuncOp forward,
                const moert::lpu::Machine &machine, const GroupOptions &options)
      : program(program), forward(forward), machine(machine), options(options),
        partition(options.partition) {}

  LogicalResult makeChips(
      function_ref<std::unique_ptr<ChipLowering>(Emitter &, Shard)> makeChip);
  LogicalResult run();

private:
  /// The chips that share some layers.
  struct Stage {
    SmallVector<Emitter *> emitters;
    SmallVector<ChipLowering *> chips;
  };

  LogicalResult findStages();
  LogicalResult begin(Stage &stage, ArrayRef<Value> tokens,
                      ArrayRef<Value> positions);
  LogicalResult enterStage(NormOp first);
  void enterWithRow(Value rows);
  LogicalResult begin();
  LogicalResult lower(Operation *op);
  void finish(func::ReturnOp op);
  void finishLayers(Value rows);
  void writeInterface(Value logits, Value next);
  Collectives collectives() {
    return Collectives(stages[current].emitters, partition);
  }

  ProgramOp program;
  func::FuncOp forward;
  const moert::lpu::Machine &machine;
  const GroupOptions &options;
  const Partition &partition;
  std::vector<std::unique_ptr<Emitter>> emitters;
  std::vector<std::unique_ptr<ChipLowering>> chips;
  std::vector<Stage> stages;
  size_t current = 0;
  /// Norms with which layers begin, and the stage that begins there.
  llvm::DenseMap<Operation *, size_t> starts;
  llvm::SmallVector<Value> positions; ///< of the stage at hand
  Value token, position;              ///< what the host writes
};

} // namespace

/// Layers go to the stages in equal numbers; a layer begins with the norm of
/// its attention.
LogicalResult GroupLowering::findStages() {
  SmallVector<NormOp> firsts;
  NormOp last;
  for (Operation &op : forward.getBody().front()) {
    if (auto norm = dyn_cast<NormOp>(op)) {
      if (isa_and_nonnull<EmbedOp, AddOp>(norm.getInput().getDefiningOp()))
        last = norm;
    } else if (isa<KvAppendOp>(op)) {
      firsts.push_back(last);
    }
  }
  int64_t layers = firsts.size();
  if (partition.isMirrored || partition.stages == 1)
    return success();
  if (layers < partition.stages)
    return forward.emitError() << "has " << layers << " layers for "
                               << partition.stages << " stages";
  for (int64_t stage = 1; stage < partition.stages; ++stage) {
    int64_t layer = Shard{stage, partition.stages}.of(layers).first;
    if (layer >= layers || !firsts[layer])
      return forward.emitError() << "cannot be cut before layer " << layer;
    starts[firsts[layer]] = stage;
  }
  return success();
}

LogicalResult GroupLowering::begin(Stage &stage, ArrayRef<Value> tokens,
                                   ArrayRef<Value> positions) {
  for (auto [i, chip] : llvm::enumerate(stage.chips))
    if (failed(chip->begin(tokens[i], positions[i])))
      return failure();
  this->positions.assign(positions.begin(), positions.end());
  return success();
}

/// x and the position go to the chips that have the next layers.
LogicalResult GroupLowering::enterStage(NormOp first) {
  Stage &from = stages[current], &to = stages[++current];
  Value x = first.getInput();
  SmallVector<Value> values;
  for (ChipLowering *chip : from.chips)
    values.push_back(chip->rowOf(x).buffer);
  auto next = Collectives::handOver("position", positions, to.emitters);
  auto rows = Collectives::handOver("stage", values, to.emitters);
  for (auto [i, chip] : llvm::enumerate(to.chips))
    chip->rowOf(x) = {rows[i], from.chips[i]->rowOf(x).lanes};
  SmallVector<Value> tokens(to.chips.size());
  return begin(to, tokens, next);
}

/// A row that another stage made, on all chips.
void GroupLowering::enterWithRow(Value rows) {
  for (auto [e, chip] :
       llvm::zip(stages[current].emitters, stages[current].chips)) {
    Row &row = chip->rowOf(rows);
    row.buffer =
        e->buffer(BufferKind::Input, "x", Side::East, row.vectors(), e->f32);
  }
}

LogicalResult GroupLowering::lower(Operation *op) {
  auto start = starts.find(op);
  if (start != starts.end() && failed(enterStage(cast<NormOp>(op))))
    return failure();
  bool isPart = false;
  for (ChipLowering *chip : stages[current].chips) {
    FailureOr<bool> result = chip->lower(op);
    if (failed(result))
      return failure();
    isPart |= *result;
  }
  if (!isPart)
    return success();
  SmallVector<Value> parts;
  for (ChipLowering *chip : stages[current].chips)
    parts.push_back(chip->rowOf(op->getResult(0)).buffer);
  auto sums = collectives().allReduce("all-reduce", parts);
  for (auto [i, chip] : llvm::enumerate(stages[current].chips))
    chip->rowOf(op->getResult(0)).buffer = sums[i];
  return success();
}

//===----------------------------------------------------------------------===//
// The end
//===----------------------------------------------------------------------===//

/// x goes on to the next stage; a mirrored chip gets its own.
void GroupLowering::finishLayers(Value rows) {
  Stage &stage = stages[current];
  SmallVector<Value> values;
  for (ChipLowering *chip : stage.chips)
    values.push_back(chip->rowOf(rows).buffer);
  if (partition.isMirrored && partition.stages > 1)
    (void)Collectives::handOver("stage", values, stage.emitters);
  for (auto [i, e] : llvm::enumerate(stage.emitters)) {
    Value value = values[i];
    int64_t vectors = Emitter::countOf(value);
    Value out = e->buffer(BufferKind::Output, "x", Side::East, vectors, e->f32);
    e->copy("x", value, out);
  }
}

void GroupLowering::finish(func::ReturnOp op) {
  Stage &stage = stages[current];
  Emitter &e = *stage.emitters[0];
  ChipLowering::Outputs given = stage.chips[0]->getOutputs();
  if (given.logits)
    return writeInterface(given.logits, given.next);
  Value rows = op.getOperand(0);
  SmallVector<Value> pieces;
  LaneMap lanes;
  for (ChipLowering *chip : stage.chips) {
    const Row &row = chip->rowOf(rows);
    pieces.push_back(row.buffer);
    lanes.insert(lanes.end(), row.lanes->begin(), row.lanes->end());
  }
  int64_t vectors =
      partition.isMirrored ? lanes.size() * partition.chips : lanes.size();
  Value logits =
      e.buffer(BufferKind::Output, "logits", Side::East, vectors, e.f32);
  collectives().gather("logits", pieces, logits);
  if (partition.isMirrored)
    lanes = denseLanes(cast<RankedTensorType>(rows.getType()).getDimSize(1),
                       e.width());
  Row all{partition.chips == 1 ? pieces[0] : logits, &lanes};
  Value number = numberOf(e, "next", findLargest(e, "next", all));
  Value next = e.buffer(BufferKind::Output, "next", Side::East, 1, e.i32);
  e.copy("next", number, next);
  if (options.part == ModelPart::All && !partition.isMirrored)
    writeInterface(logits, next);
}

/// The state of a layer lies on the chips of its stage, each with some heads.
void GroupLowering::writeInterface(Value logits, Value next) {
  SmallVector<Value> high, low, copies, values;
  std::vector<int32_t> heads, dims;
  for (Stage &stage : stages) {
    size_t layers = stage.chips[0]->getStates().size();
    for (size_t layer = 0; layer < layers; ++layer)
      for (ChipLowering *chip : stage.chips) {
        for (const LayerState::Part &part : chip->getStates()[layer].parts) {
          high.push_back(part.high);
          low.push_back(part.low);
          copies.push_back(part.copy);
          values.push_back(part.values);
        }
      }
  }
  for (ChipLowering *chip : stages[0].chips)
    chip->listLanes(heads, dims);
  emitters[0]->interface([&](ImplicitLocOpBuilder &b) {
    MLIRContext *context = b.getContext();
    // A model without attention has no state.
    auto indices = [&](ArrayRef<int32_t> list) {
      return list.empty() ? IndicesAttr() : IndicesAttr::get(context, list);
    };
    InterfaceOp::create(b, token, position, logits, next, high, low, copies,
                        values, indices(heads), indices(dims));
  });
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

LogicalResult GroupLowering::makeChips(
    function_ref<std::unique_ptr<ChipLowering>(Emitter &, Shard)> makeChip) {
  bool isMirrored = partition.isMirrored;
  for (int64_t s = 0; s < (isMirrored ? 1 : partition.stages); ++s) {
    Stage &stage = stages.emplace_back();
    for (int64_t c = 0; c < (isMirrored ? 1 : partition.chips); ++c) {
      emitters.push_back(std::make_unique<Emitter>(
          program, machine, s * partition.chips + c, !isMirrored));
      chips.push_back(makeChip(*emitters.back(), {c, partition.chips}));
      stage.emitters.push_back(emitters.back().get());
      stage.chips.push_back(chips.back().get());
      if (failed(chips.back()->prepare()))
        return failure();
    }
  }
  return success();
}

/// What the host writes goes to all chips of the first stage.
LogicalResult GroupLowering::begin() {
  Emitter &e = *emitters[0];
  token = e.buffer(BufferKind::Input, "token", Side::East, 1, e.i32);
  position = e.buffer(BufferKind::Input, "position", Side::East, 1, e.i32);
  if (options.part == ModelPart::Head)
    return success();
  Collectives::Values tokens(stages[0].chips.size());
  if (options.part == ModelPart::All)
    tokens = collectives().broadcast("token", token);
  auto all = collectives().broadcast("position", position);
  return begin(stages[0], tokens, all);
}

LogicalResult GroupLowering::run() {
  if (failed(findStages()) || failed(begin()))
    return failure();
  bool isHead = options.part == ModelPart::Head;
  bool isLayers = options.part == ModelPart::Layers;
  bool isBehindLayers = false;
  for (Operation &op : forward.getBody().front()) {
    auto pick = dyn_cast<PickOp>(op);
    isBehindLayers |= bool(pick);
    if (isHead && pick)
      enterWithRow(pick.getInput());
    if (isHead && !isBehindLayers)
      continue;
    if (isLayers && (pick || isa<func::ReturnOp>(op))) {
      finishLayers(op.getOperand(0));
      return success();
    }
    if (isLayers && isa<EmbedOp>(op))
      enterWithRow(op.getResult(0));
    else if (auto done = dyn_cast<func::ReturnOp>(op))
      finish(done);
    else if (failed(lower(&op)))
      return failure();
  }
  return success();
}

LogicalResult moe::lpu::lowerGroup(
    ProgramOp program, func::FuncOp forward, const moert::lpu::Machine &machine,
    const GroupOptions &options,
    function_ref<std::unique_ptr<ChipLowering>(Emitter &, Shard)> makeChip) {
  GroupLowering lowering(program, forward, machine, options);
  return failure(failed(lowering.makeChips(makeChip)) ||
                 failed(lowering.run()));
}
