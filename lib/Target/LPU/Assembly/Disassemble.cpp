//===- Disassemble.cpp - programs that were assembled, as IR --------------===//
#include "Assembly/Disassemble.h"
#include "IR/InstructionText.h"
#include "IR/Machines.h"
#include "Passes.h"
#include "lpu_generated.h"
#include "moe/Support/OutputFile.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/MemoryBuffer.h"

namespace moe::lpu {
#define GEN_PASS_DEF_DISASSEMBLEPASS
#include "Passes.h.inc"
} // namespace moe::lpu

using namespace mlir;
using namespace moe::lpu;
namespace fb = moert::lpu;

namespace {

/// "buffer 3 \"x\"".
template <typename T> std::string nameOf(const char *what, size_t i, T *table) {
  return what + (" " + std::to_string(i)) + " \"" + table->name()->str() + "\"";
}

template <typename... Parts> llvm::Error fail(const Parts &...parts) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  (stream << ... << parts);
  return llvm::createStringError(message);
}

class Disassembler {
public:
  Disassembler(const fb::Program &source, ModuleOp module)
      : source(source), builder(module.getBodyRegion()), loc(module.getLoc()) {
    builder.setInsertionPointToEnd(module.getBody());
  }

  llvm::Error run();

  ProgramOp program;

private:
  llvm::Error addBuffer(size_t number);
  llvm::Expected<Attribute> valuesOf(const fb::Buffer &buffer,
                                     const std::string &name, Type element);
  llvm::Expected<ArrayAttr> loadsOf(const fb::Buffer &buffer,
                                    const std::string &name);
  llvm::Error addInterface();
  llvm::Expected<Value> bufferOf(const char *what, int64_t number);
  llvm::Error addSegment(size_t number);
  llvm::Error addTrack(const std::string &segment, const fb::Track &track);
  ArrayAttr linksOf();
  IndicesAttr indicesOf(const flatbuffers::Vector<int32_t> *numbers) {
    return IndicesAttr::get(builder.getContext(),
                            ArrayRef(numbers->data(), numbers->size()));
  }

  const fb::Program &source;
  OpBuilder builder;
  Location loc;
  Machine machine;
  SmallVector<Value> buffers;
};

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// Rank 1 or 2, of the bits as they are.
Attribute valuesOfBits(ArrayRef<int64_t> shape, Type element,
                       ArrayRef<uint32_t> words) {
  // Four bytes are written as one number.
  if (isa<VectorType>(element))
    element = IntegerType::get(element.getContext(), 32);
  auto type = RankedTensorType::get(shape, element);
  unsigned width = element.getIntOrFloatBitWidth();
  SmallVector<APInt> bits;
  bits.reserve(words.size());
  for (uint32_t word : words)
    bits.push_back(APInt(width, word, /*isSigned=*/false,
                         /*implicitTrunc=*/true));
  if (auto floating = dyn_cast<FloatType>(element)) {
    SmallVector<APFloat> values;
    for (const APInt &value : bits)
      values.push_back(APFloat(floating.getFloatSemantics(), value));
    return DenseElementsAttr::get(type, values);
  }
  return DenseElementsAttr::get(type, bits);
}

llvm::Expected<Attribute> Disassembler::valuesOf(const fb::Buffer &buffer,
                                                 const std::string &name,
                                                 Type element) {
  int64_t count = buffer.count(), lanes = machine.width(),
          planes = bytesOf(element);
  SmallVector<uint32_t> words;
  if (buffer.splats()) {
    if (buffer.bytes())
      return fail(name, " has splats and bytes");
    if (buffer.splats()->size() != buffer.count())
      return fail(name, " has ", buffer.splats()->size(), " splats and ",
                  buffer.count(), " vectors");
    for (uint32_t word : *buffer.splats()) {
      if (planes < 4 && word >> (8 * planes))
        return fail(name, " has a splat of ", word, ", its vectors have ",
                    planes, " byte planes");
      words.push_back(word);
    }
    return valuesOfBits({count}, element, words);
  }
  if (!buffer.bytes())
    return Attribute();
  uint64_t size = buffer.bytes()->size(), vector = planes * lanes;
  if (size % vector || size / vector != uint64_t(count))
    return fail(name, " has ", size, " bytes, its ", count, " vectors take ",
                vector, " each");
  const uint8_t *bytes = buffer.bytes()->data();
  words.assign(count * lanes, 0);
  for (size_t i = 0; i < words.size(); ++i)
    for (int64_t p = 0; p < planes; ++p)
      words[i] |= uint32_t(bytes[(i / lanes * planes + p) * lanes + i % lanes])
                  << (8 * p);
  return valuesOfBits({count, lanes}, element, words);
}

llvm::Expected<ArrayAttr> Disassembler::loadsOf(const fb::Buffer &buffer,
                                                const std::string &name) {
  if (!buffer.loads())
    return ArrayAttr();
  SmallVector<Attribute> loads;
  for (const fb::Load *load : *buffer.loads()) {
    std::optional<Field> field = symbolizeField(uint32_t(load->field()));
    if (!field)
      return fail(name, " loads field ", unsigned(load->field()),
                  ", fields are below ", getMaxEnumValForField() + 1);
    if (load->first() > buffer.count())
      return fail(name, " loads vector ", load->first(), ", it has ",
                  buffer.count());
    DenseF32ArrayAttr factors;
    if (load->factors())
      factors = builder.getDenseF32ArrayAttr(
          ArrayRef(load->factors()->data(), load->factors()->size()));
    loads.push_back(LoadAttr::get(
        builder.getContext(), builder.getStringAttr(""), load->parameter(),
        load->matrix(), *field, load->first(), load->transposed(),
        indicesOf(load->rows()), indicesOf(load->columns()), factors));
  }
  return builder.getArrayAttr(loads);
}

llvm::Error Disassembler::addBuffer(size_t number) {
  const fb::Buffer &buffer = *source.buffers()->Get(number);
  std::string name = nameOf("buffer", number, &buffer);
  std::optional<BufferKind> kind = symbolizeBufferKind(uint32_t(buffer.kind()));
  if (!kind)
    return fail(name, " has kind ", unsigned(buffer.kind()),
                ", kinds are below ", getMaxEnumValForBufferKind() + 1);
  Type element = typeOfCode(builder.getContext(), buffer.type());
  if (!element)
    return fail(name, " has type ", unsigned(buffer.type()),
                ", types are below ", MOERT_LPU_TYPES);
  uint64_t cells = machine.sramBytes() / machine.width();
  if (buffer.count() < 1 || buffer.count() > cells)
    return fail(name, " has ", buffer.count(), " vectors, 1 to ", cells,
                " fit");
  if (buffer.hemisphere() > 1)
    return fail(name, " is in hemisphere ", unsigned(buffer.hemisphere()),
                ", there are 2");
  llvm::Expected<Attribute> values = valuesOf(buffer, name, element);
  if (!values)
    return values.takeError();
  llvm::Expected<ArrayAttr> loads = loadsOf(buffer, name);
  if (!loads)
    return loads.takeError();
  Side side = Side(buffer.hemisphere());
  SmallVector<int64_t> slices(buffer.slices()->begin(), buffer.slices()->end());
  auto place = PlaceAttr::get(builder.getContext(), side, slices, buffer.row(),
                              buffer.step());
  auto type = VectorsType::get(builder.getContext(), buffer.count(), element);
  buffers.push_back(BufferOp::create(
      builder, loc, type, *kind, buffer.name()->str(), side, buffer.chip(),
      cast_or_null<ElementsAttr>(*values), *loads, place));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// What the host sees
//===----------------------------------------------------------------------===//

llvm::Expected<Value> Disassembler::bufferOf(const char *what, int64_t number) {
  if (number < 0 || number >= int64_t(buffers.size()))
    return fail(what, " are in buffer ", number, ", there are ",
                buffers.size());
  return buffers[number];
}

llvm::Error Disassembler::addInterface() {
  bool isThere = source.token() != -1 || source.position() != -1 ||
                 source.logits() != -1 || source.next_token() != -1 ||
                 source.layers() || source.heads() || source.dims();
  if (!isThere)
    return llvm::Error::success();
  SmallVector<Value> single;
  for (auto [what, number] : {std::pair("tokens", source.token()),
                              std::pair("positions", source.position()),
                              std::pair("logits", source.logits())}) {
    llvm::Expected<Value> buffer = bufferOf(what, number);
    if (!buffer)
      return buffer.takeError();
    single.push_back(*buffer);
  }
  Value next;
  if (source.next_token() != -1) {
    llvm::Expected<Value> buffer = bufferOf("next tokens", source.next_token());
    if (!buffer)
      return buffer.takeError();
    next = *buffer;
  }
  SmallVector<Value> state[4]; // high, low, copies, values
  for (size_t i = 0; source.layers() && i < source.layers()->size(); ++i) {
    const fb::LayerState *layer = source.layers()->Get(i);
    for (auto [k, number] : llvm::enumerate(
             std::array<int64_t, 4>{layer->key_high(), layer->key_low(),
                                    layer->key_high_copy(), layer->value()})) {
      if (k == 2 && number == -1)
        continue;
      llvm::Expected<Value> buffer = bufferOf("keys or values", number);
      if (!buffer)
        return buffer.takeError();
      state[k].push_back(*buffer);
    }
  }
  InterfaceOp::create(builder, loc, single[0], single[1], single[2], next,
                      state[0], state[1], state[2], state[3],
                      source.heads() ? indicesOf(source.heads()) : nullptr,
                      source.dims() ? indicesOf(source.dims()) : nullptr);
  return llvm::Error::success();
}

ArrayAttr Disassembler::linksOf() {
  if (!source.links())
    return nullptr;
  SmallVector<Attribute> links;
  for (const fb::Link *link : *source.links())
    links.push_back(LinkAttr::get(builder.getContext(), link->chip_a(),
                                  link->link_a(), link->chip_b(),
                                  link->link_b()));
  return builder.getArrayAttr(links);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

llvm::Error Disassembler::addTrack(const std::string &segment,
                                   const fb::Track &track) {
  std::optional<TrackKind> kind = symbolizeTrackKind(track.kind());
  if (!kind || track.hemisphere() > 1)
    return fail(segment, " has a track of kind ", unsigned(track.kind()),
                " in hemisphere ", unsigned(track.hemisphere()),
                ", kinds are below ", MOERT_LPU_TRACK_KINDS,
                ", hemispheres below 2");
  auto attribute = TrackAttr::get(builder.getContext(), track.chip(), *kind,
                                  Side(track.hemisphere()), track.index());
  std::string name = segment + ", " + nameOfTrack(attribute);
  size_t count = track.words()->size();
  if (track.claims()->size() != count || track.uses()->size() != count)
    return fail(name, " has ", count, " words, ", track.claims()->size(),
                " claims and ", track.uses()->size(), " uses");
  auto queue = QueueOp::create(builder, loc, attribute, track.resident());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&queue.getBody());
  for (size_t i = 0; i < count; ++i) {
    const fb::Word *word = track.words()->Get(i);
    auto instruction = instructionOf(word->low(), word->high());
    std::string wrong = checkEncoding(instruction);
    if (!wrong.empty())
      return fail(name, ", word ", i, ": ", wrong);
    TextOp::create(builder, loc, instruction, track.claims()->Get(i),
                   track.uses()->Get(i));
  }
  return llvm::Error::success();
}

llvm::Error Disassembler::addSegment(size_t number) {
  const fb::Segment &segment = *source.segments()->Get(number);
  std::string name = nameOf("segment", number, &segment);
  if (segment.cycles() > uint64_t(INT64_MAX))
    return fail(name, " takes ", segment.cycles(), " cycles, at most ",
                INT64_MAX, " are counted");
  Value score;
  if (segment.score() != -1) {
    llvm::Expected<Value> buffer = bufferOf("scores", segment.score());
    if (!buffer)
      return buffer.takeError();
    score = *buffer;
  }
  auto op = SegmentOp::create(builder, loc, segment.name()->str(),
                              segment.cycles(), segment.outputs(), score);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBody());
  for (const fb::Track *track : *segment.tracks())
    if (llvm::Error error = addTrack(name, *track))
      return error;
  return llvm::Error::success();
}

/// How an lpu.program names a machine: one that comes with the project by its
/// name, another one by its text.
std::string referenceTo(const std::string &text) {
  for (const moert::lpu::NamedMachine &named : moert::lpu::machines())
    if (text == named.text)
      return named.name;
  return text;
}

llvm::Error Disassembler::run() {
  std::string text = source.machine()->str();
  std::string wrong = moert::lpu::parseMachine(text, "machine", machine);
  if (!wrong.empty())
    return fail(wrong);
  if (machine.name != source.machine_name()->str())
    return fail("program is for machine \"", source.machine_name()->str(),
                "\", the one in it is \"", machine.name, "\"");
  auto number = [&](uint64_t value) {
    return value ? builder.getI64IntegerAttr(value) : nullptr;
  };
  program = ProgramOp::create(builder, loc, builder.getStringAttr("program"),
                              builder.getStringAttr(referenceTo(text)),
                              builder.getI64IntegerAttr(source.chips()),
                              number(source.context()),
                              number(source.vocabulary()), linksOf());
  builder.createBlock(&program.getBody());
  for (size_t i = 0; i < source.buffers()->size(); ++i)
    if (llvm::Error error = addBuffer(i))
      return error;
  if (llvm::Error error = addInterface())
    return error;
  for (size_t i = 0; i < source.segments()->size(); ++i)
    if (llvm::Error error = addSegment(i))
      return error;
  return llvm::Error::success();
}

/// What a verifier says first.
llvm::Error verifyProgram(ProgramOp program) {
  std::string said;
  ScopedDiagnosticHandler handler(
      program.getContext(), [&](Diagnostic &diagnostic) {
        if (said.empty() &&
            diagnostic.getSeverity() == DiagnosticSeverity::Error)
          said = diagnostic.str();
        return success();
      });
  if (succeeded(verify(program)))
    return llvm::Error::success();
  return fail(said);
}

} // namespace

llvm::Expected<ProgramOp> moe::lpu::disassemble(ArrayRef<char> bytes,
                                                ModuleOp module) {
  flatbuffers::Verifier::Options limits;
  limits.max_tables = 1u << 30;
  auto *data = reinterpret_cast<const uint8_t *>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size(), limits);
  if (bytes.size() < 8 || !fb::ProgramBufferHasIdentifier(data))
    return fail(
        "is no program of an LPU, which begins with \"LPU1\" at byte 4");
  if (!fb::VerifyProgramBuffer(verifier))
    return fail("is cut off or corrupt: offsets lead out of its ", bytes.size(),
                " bytes");
  Disassembler disassembler(*fb::GetProgram(data), module);
  llvm::Error error = disassembler.run();
  if (!error)
    error = verifyProgram(disassembler.program);
  if (!error)
    return disassembler.program;
  if (disassembler.program)
    disassembler.program.erase();
  return std::move(error);
}

namespace {
class DisassemblePass
    : public moe::lpu::impl::DisassemblePassBase<DisassemblePass> {
public:
  using DisassemblePassBase::DisassemblePassBase;

private:
  void runOnOperation() override {
    auto refuse = [&](const llvm::Twine &what) {
      getOperation().emitError() << input << ": " << what;
      signalPassFailure();
    };
    auto file = llvm::MemoryBuffer::getFile(input, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
    if (!file)
      return refuse(moe::lower(file.getError()));
    StringRef text = (*file)->getBuffer();
    llvm::Expected<ProgramOp> program =
        disassemble({text.data(), text.size()}, getOperation());
    if (!program)
      refuse(llvm::toString(program.takeError()));
  }
};
} // namespace
