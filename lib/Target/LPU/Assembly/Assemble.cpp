//===- Assemble.cpp - programs as the runtime reads them ------------------===//
#include "Assembly/Assemble.h"
#include "IR/Machines.h"
#include "Passes.h"
#include "lpu_generated.h"
#include "moe/Support/OutputFile.h"

#include "llvm/ADT/DenseMap.h"

namespace moe::lpu {
#define GEN_PASS_DEF_ASSEMBLEPASS
#include "Passes.h.inc"
} // namespace moe::lpu

using namespace mlir;
using namespace moe::lpu;
namespace fb = moert::lpu;

namespace {

/// The bits of each number, in order.
SmallVector<uint32_t> bitsOf(DenseElementsAttr values) {
  SmallVector<uint32_t> bits;
  bits.reserve(values.getNumElements());
  if (isa<FloatType>(values.getElementType())) {
    for (const APFloat &value : values.getValues<APFloat>())
      bits.push_back(value.bitcastToAPInt().getZExtValue());
  } else {
    for (const APInt &value : values.getValues<APInt>())
      bits.push_back(value.getZExtValue());
  }
  return bits;
}

/// Rank 2, as byte planes of each vector.
std::vector<uint8_t> planesOf(DenseElementsAttr values, int64_t bytes) {
  SmallVector<uint32_t> bits = bitsOf(values);
  int64_t lanes = values.getType().getDimSize(1);
  std::vector<uint8_t> planes(bits.size() * bytes);
  for (auto [i, word] : llvm::enumerate(bits))
    for (int64_t p = 0; p < bytes; ++p)
      planes[(i / lanes * bytes + p) * lanes + i % lanes] =
          uint8_t(word >> (8 * p));
  return planes;
}

template <typename T> std::vector<T> listOf(IndicesAttr indices) {
  if (!indices)
    return {};
  return {indices.getValues().begin(), indices.getValues().end()};
}

class Assembler {
public:
  Assembler(ProgramOp program, Machine machine)
      : program(program), machine(std::move(machine)) {}

  llvm::Error run();
  std::vector<char> takeBytes() {
    return {builder.GetBufferPointer(),
            builder.GetBufferPointer() + builder.GetSize()};
  }

private:
  template <typename T> using Offset = flatbuffers::Offset<T>;
  template <typename T> using List = std::vector<Offset<T>>;

  Offset<fb::Load> addLoad(LoadAttr load);
  llvm::Error addBuffer(BufferOp buffer);
  Offset<fb::Track> addTrack(QueueOp queue);
  llvm::Error addSegment(SegmentOp segment);
  std::vector<fb::Link> listLinks();
  List<fb::LayerState> addLayers(InterfaceOp interface);
  int32_t numberOf(Value buffer) {
    return buffer ? int32_t(numbers.lookup(buffer)) : -1;
  }

  ProgramOp program;
  Machine machine;
  flatbuffers::FlatBufferBuilder builder;
  llvm::DenseMap<Value, size_t> numbers;
  List<fb::Buffer> buffers;
  List<fb::Segment> segments;
};

Assembler::Offset<fb::Load> Assembler::addLoad(LoadAttr load) {
  auto rows = listOf<int32_t>(load.getRows());
  auto columns = listOf<int32_t>(load.getColumns());
  std::vector<float> factors;
  if (load.getFactors())
    factors.assign(load.getFactors().asArrayRef().begin(),
                   load.getFactors().asArrayRef().end());
  return fb::CreateLoadDirect(builder, load.getFirst(), load.getParameter(),
                              load.getMatrix(), fb::Field(load.getField()),
                              load.getTransposed(), &rows, &columns,
                              load.getFactors() ? &factors : nullptr);
}

llvm::Error Assembler::addBuffer(BufferOp buffer) {
  PlaceAttr place = buffer.getPlaceAttr();
  if (!place)
    return llvm::createStringError("buffer \"" + buffer.getName() +
                                   "\" has no place");
  auto type = buffer.getType();
  std::vector<uint8_t> slices(place.getSlices().begin(),
                              place.getSlices().end());
  std::vector<uint32_t> splats;
  std::vector<uint8_t> bytes;
  auto values = dyn_cast_or_null<DenseElementsAttr>(buffer.getValuesAttr());
  bool isPerLane = values && values.getType().getRank() == 2;
  if (isPerLane)
    bytes = planesOf(values, bytesOf(type.getElementType()));
  else if (values)
    llvm::append_range(splats, bitsOf(values));
  List<fb::Load> loads;
  if (buffer.getLoadsAttr())
    for (auto load : buffer.getLoadsAttr().getAsRange<LoadAttr>())
      loads.push_back(addLoad(load));
  numbers[buffer.getResult()] = buffers.size();
  buffers.push_back(fb::CreateBufferDirect(
      builder, buffer.getName().str().c_str(), fb::BufferKind(buffer.getKind()),
      typeCodeOf(type.getElementType()), type.getCount(), buffer.getChip(),
      uint8_t(place.getSide()), &slices, place.getRow(), place.getStep(),
      splats.empty() ? nullptr : &splats, bytes.empty() ? nullptr : &bytes,
      loads.empty() ? nullptr : &loads));
  return llvm::Error::success();
}

Assembler::Offset<fb::Track> Assembler::addTrack(QueueOp queue) {
  std::vector<fb::Word> words;
  std::vector<uint32_t> claims;
  std::vector<uint16_t> uses;
  for (auto text : queue.getBody().getOps<TextOp>()) {
    words.emplace_back(text.getLow(), text.getHigh());
    claims.push_back(text.getClaim());
    uses.push_back(text.getUses());
  }
  TrackAttr track = queue.getTrack();
  return fb::CreateTrackDirect(builder, track.getChip(),
                               uint8_t(track.getKind()),
                               uint8_t(track.getSide()), track.getIndex(),
                               &words, &claims, &uses, queue.getResident());
}

llvm::Error Assembler::addSegment(SegmentOp segment) {
  if (!segment.getBody().getOps<IssueOp>().empty())
    return llvm::createStringError("segment \"" + segment.getName() +
                                   "\" is a schedule, not queues");
  List<fb::Track> tracks;
  for (auto queue : segment.getBody().getOps<QueueOp>())
    tracks.push_back(addTrack(queue));
  segments.push_back(fb::CreateSegmentDirect(
      builder, segment.getName().str().c_str(), &tracks, segment.getCycles(),
      segment.getOutputs(), numberOf(segment.getScore())));
  return llvm::Error::success();
}

std::vector<fb::Link> Assembler::listLinks() {
  std::vector<fb::Link> links;
  if (program.getLinksAttr())
    for (auto link : program.getLinksAttr().getAsRange<LinkAttr>())
      links.emplace_back(link.getChipA(), link.getLinkA(), link.getChipB(),
                         link.getLinkB());
  return links;
}

Assembler::List<fb::LayerState> Assembler::addLayers(InterfaceOp interface) {
  List<fb::LayerState> layers;
  for (auto [i, high] : llvm::enumerate(interface.getHigh())) {
    Value copy =
        interface.getCopies().empty() ? Value() : interface.getCopies()[i];
    layers.push_back(fb::CreateLayerState(
        builder, numberOf(high), numberOf(interface.getLow()[i]),
        numberOf(interface.getValues()[i]), numberOf(copy)));
  }
  return layers;
}

llvm::Error Assembler::run() {
  InterfaceOp interface;
  for (Operation &op : program.getBody().front()) {
    llvm::Error error = llvm::Error::success();
    if (auto buffer = dyn_cast<BufferOp>(op))
      error = addBuffer(buffer);
    else if (auto segment = dyn_cast<SegmentOp>(op))
      error = addSegment(segment);
    else if (auto found = dyn_cast<InterfaceOp>(op))
      interface = found;
    else
      error = llvm::createStringError("program still has " +
                                      op.getName().getStringRef() +
                                      ", it is not scheduled");
    if (error)
      return error;
  }
  std::vector<fb::Link> links = listLinks();
  List<fb::LayerState> layers;
  std::vector<int32_t> heads, dims;
  if (interface) {
    layers = addLayers(interface);
    heads = listOf<int32_t>(interface.getHeadsAttr());
    dims = listOf<int32_t>(interface.getDimsAttr());
  }
  fb::FinishProgramBuffer(
      builder,
      fb::CreateProgramDirect(
          builder, machine.name.c_str(), machine.text.c_str(),
          program.getChips(), links.empty() ? nullptr : &links, &buffers,
          &segments, interface ? numberOf(interface.getToken()) : -1,
          interface ? numberOf(interface.getPosition()) : -1,
          interface ? numberOf(interface.getLogits()) : -1,
          interface ? numberOf(interface.getNext()) : -1,
          program.getVocabulary().value_or(0),
          program.getPositions().value_or(0),
          layers.empty() ? nullptr : &layers, heads.empty() ? nullptr : &heads,
          dims.empty() ? nullptr : &dims));
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::vector<char>> moe::lpu::assemble(ProgramOp program) {
  auto machine = findMachine(program.getMachine());
  if (!machine)
    return machine.takeError();
  Assembler assembler(program, std::move(*machine));
  if (llvm::Error error = assembler.run())
    return std::move(error);
  return assembler.takeBytes();
}

namespace {
class AssemblePass : public moe::lpu::impl::AssemblePassBase<AssemblePass> {
public:
  using AssemblePassBase::AssemblePassBase;

private:
  void runOnOperation() override {
    auto programs = getOperation().getOps<ProgramOp>();
    auto count = std::distance(programs.begin(), programs.end());
    if (count != 1) {
      getOperation().emitError()
          << "module has " << count << " programs, 1 is assembled";
      return signalPassFailure();
    }
    ProgramOp program = *programs.begin();
    llvm::Expected<std::vector<char>> bytes = assemble(program);
    if (!bytes) {
      program.emitError(llvm::toString(bytes.takeError()));
      return signalPassFailure();
    }
    llvm::Error error = moe::writeFile(output, [&](llvm::raw_ostream &stream) {
      stream.write(bytes->data(), bytes->size());
    });
    if (error) {
      program.emitError(llvm::toString(std::move(error)));
      signalPassFailure();
    }
  }
};
} // namespace
