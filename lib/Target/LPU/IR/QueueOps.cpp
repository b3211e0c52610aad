//===- QueueOps.cpp - issues, queues and their words ----------------------===//
#include "IR/InstructionText.h"
#include "IR/Lpu.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe::lpu;

moert_lpu_instruction_t IssueOp::getInstruction() {
  return instructionOf(getLow(), getHigh());
}
moert_lpu_instruction_t TextOp::getInstruction() {
  return instructionOf(getLow(), getHigh());
}

void IssueOp::build(OpBuilder &, OperationState &state, int64_t cycle,
                    TrackAttr track, const moert_lpu_instruction_t &instruction,
                    uint32_t claim, uint16_t uses, int64_t times, int64_t every,
                    int64_t step, uint32_t repeatsClaim, StringAttr name) {
  auto &properties = state.getOrAddProperties<Properties>();
  properties.cycle = cycle;
  properties.track = track;
  properties.low = lowWord(instruction);
  properties.high = instruction.imm;
  properties.times = times;
  properties.every = every;
  properties.step = step;
  properties.claim = claim;
  properties.repeatsClaim = repeatsClaim;
  properties.uses = uses;
  properties.name = name;
}

void TextOp::build(OpBuilder &, OperationState &state,
                   const moert_lpu_instruction_t &instruction, uint32_t claim,
                   uint16_t uses) {
  auto &properties = state.getOrAddProperties<Properties>();
  properties.low = lowWord(instruction);
  properties.high = instruction.imm;
  properties.claim = claim;
  properties.uses = uses;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static void printHex(OpAsmPrinter &printer, int64_t number) {
  printer << "0x" << llvm::utohexstr(number, /*LowerCase=*/true);
}

void IssueOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getCycle() << ' ' << nameOfTrack(getTrack()) << ' ';
  printInstruction(printer, getInstruction());
  bool repeats = getTimes() != 1;
  if (repeats) {
    printer << " repeat " << getTimes() << " every " << getEvery();
    if (getStep())
      printer << " step " << getStep();
  }
  if (getClaim() || getRepeatsClaim()) {
    printer << " claim ";
    printHex(printer, getClaim());
    if (getRepeatsClaim()) {
      printer << ", ";
      printHex(printer, getRepeatsClaim());
    }
  }
  if (getUses())
    printer << " uses " << getUses();
  if (getName())
    printer << " of " << getNameAttr();
  printer.printOptionalAttrDict(
      (*this)->getDiscardableAttrDictionary().getValue());
}

static ParseResult parseOptionalNumber(OpAsmParser &parser, StringRef keyword,
                                       int64_t &number) {
  if (failed(parser.parseOptionalKeyword(keyword)))
    return success();
  return parser.parseInteger(number);
}

/// Behind the instruction: claims, uses, and attributes that are not its own.
template <typename Properties>
static ParseResult parseEnd(OpAsmParser &parser, OperationState &result,
                            Properties &properties, int64_t *repeatsClaim,
                            StringAttr *name) {
  if (succeeded(parser.parseOptionalKeyword("claim")) &&
      (parser.parseInteger(properties.claim) ||
       (repeatsClaim && succeeded(parser.parseOptionalComma()) &&
        parser.parseInteger(*repeatsClaim))))
    return failure();
  if (parseOptionalNumber(parser, "uses", properties.uses))
    return failure();
  if (name && succeeded(parser.parseOptionalKeyword("of")) &&
      parser.parseAttribute(*name))
    return failure();
  return parser.parseOptionalAttrDict(result.attributes);
}

ParseResult IssueOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  properties.times = properties.every = 1;
  moert_lpu_instruction_t instruction;
  if (parser.parseInteger(properties.cycle) ||
      parseTrack(parser, properties.track) ||
      parseInstruction(parser, instruction))
    return failure();
  properties.low = lowWord(instruction);
  properties.high = instruction.imm;
  if (succeeded(parser.parseOptionalKeyword("repeat")) &&
      (parser.parseInteger(properties.times) || parser.parseKeyword("every") ||
       parser.parseInteger(properties.every) ||
       parseOptionalNumber(parser, "step", properties.step)))
    return failure();
  return parseEnd(parser, result, properties, &properties.repeatsClaim,
                  &properties.name);
}

void TextOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printInstruction(printer, getInstruction());
  if (getClaim()) {
    printer << " claim ";
    printHex(printer, getClaim());
  }
  if (getUses())
    printer << " uses " << getUses();
  printer.printOptionalAttrDict(
      (*this)->getDiscardableAttrDictionary().getValue());
}

ParseResult TextOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  moert_lpu_instruction_t instruction;
  if (parseInstruction(parser, instruction))
    return failure();
  properties.low = lowWord(instruction);
  properties.high = instruction.imm;
  return parseEnd(parser, result, properties, nullptr, nullptr);
}

//===----------------------------------------------------------------------===//
// What is valid on any machine
//===----------------------------------------------------------------------===//

LogicalResult SegmentOp::verify() {
  // (segment_c3)
  if (int64_t(getCycles()) < 0)
    return emitOpError() << "takes " << int64_t(getCycles())
                         << " cycles, at least 0 must be";
  if (int64_t(getOutputs()) < 0 || int64_t(getOutputs()) > UINT32_MAX)
    return emitOpError() << "outputs " << int64_t(getOutputs())
                         << ", the field takes 0 to " << UINT32_MAX;
  // (segment_c4)
  if (Value score = getScore()) {
    auto type = cast<VectorsType>(score.getType());
    auto buffer = score.getDefiningOp<BufferOp>();
    bool isOutput = buffer && buffer.getKind() == BufferKind::Output;
    if (!isOutput || type.getCount() != 1 || !type.getElementType().isF32())
      return emitOpError() << "has a score of " << type.getCount()
                           << " vectors of " << type.getElementType()
                           << ", must be 1 of f32 in an output buffer";
  }
  Operation *first = nullptr;
  llvm::DenseSet<TrackAttr> tracks;
  for (Operation &op : getBody().front()) {
    // (segment_c1)
    if (!isa<IssueOp, QueueOp>(op))
      return op.emitOpError("is in a segment, which holds issues or queues");
    if (!first)
      first = &op;
    if (first->getName() != op.getName())
      return op.emitOpError()
             << "is in a segment that begins with " << first->getName();
    // (segment_c2)
    if (auto queue = dyn_cast<QueueOp>(op);
        queue && !tracks.insert(queue.getTrack()).second)
      return op.emitOpError()
             << "is the second one of track " << nameOfTrack(queue.getTrack());
    auto issue = dyn_cast<IssueOp>(op);
    if (issue && issue.getLastCycle() >= int64_t(getCycles()))
      return op.emitOpError() << "issues in cycle " << issue.getLastCycle()
                              << ", its segment takes " << getCycles();
  }
  return success();
}

template <typename Op>
static LogicalResult verifyField(Op op, StringRef what, int64_t value,
                                 int64_t low, int64_t high) {
  if (value >= low && value <= high)
    return success();
  return op.emitOpError() << what << " " << value << ", the field takes " << low
                          << " to " << high;
}

LogicalResult IssueOp::verify() {
  // (issue_c1)
  std::string wrong = checkEncoding(getInstruction());
  if (!wrong.empty())
    return emitOpError(wrong);
  // (issue_c2)
  uint8_t opcode = getInstruction().opcode;
  if (opcode == MOERT_LPU_NOP || opcode == MOERT_LPU_REPEAT)
    return emitOpError() << nameOfOpcode(opcode)
                         << " is of queues, a schedule has cycles";
  // (issue_c5)
  if (failed(verifyField(*this, "cycle", getCycle(), 0, int64_t(1) << 48)) ||
      failed(verifyField(*this, "repeat", getTimes(), 1, 65536)) ||
      failed(verifyField(*this, "every", getEvery(), 1, 65535)) ||
      failed(verifyField(*this, "step", getStep(), -32768, 32767)) ||
      failed(verifyField(*this, "claim", getClaim(), 0, UINT32_MAX)) ||
      failed(verifyField(*this, "claim", getRepeatsClaim(), 0, UINT32_MAX)))
    return failure();
  return verifyField(*this, "uses", getUses(), 0, 65535);
}

LogicalResult QueueOp::verify() {
  int64_t words = 0;
  moert_lpu_opcode_t before = MOERT_LPU_NOP;
  for (Operation &op : getBody().front()) {
    auto text = dyn_cast<TextOp>(op);
    if (!text)
      return op.emitOpError("is in a queue, which holds text");
    // (queue_c1)
    auto opcode = moert_lpu_opcode_t(text.getInstruction().opcode);
    if (opcode == MOERT_LPU_REPEAT && before < MOERT_LPU_READ)
      return op.emitOpError()
             << "repeats "
             << (words ? nameOfOpcode(uint8_t(before)) : StringRef("nothing"))
             << " in word " << words;
    before = opcode;
    ++words;
  }
  // (queue_c2)
  int64_t resident = getResident();
  if (resident < 0 || resident > words)
    return emitOpError() << "has " << resident << " resident words of "
                         << words;
  return success();
}

LogicalResult TextOp::verify() {
  moert_lpu_instruction_t instruction = getInstruction();
  // (text_c1)
  std::string wrong = checkEncoding(instruction);
  if (!wrong.empty())
    return emitOpError(wrong);
  // (text_c2)
  int64_t imm = instruction.imm;
  if (instruction.opcode == MOERT_LPU_NOP &&
      failed(verifyField(*this, "nop", imm, 1, 65535)))
    return failure();
  if (instruction.opcode == MOERT_LPU_REPEAT &&
      (failed(verifyField(*this, "repeat", imm & 0xffff, 1, 65535)) ||
       failed(verifyField(*this, "every", imm >> 16 & 0xffff, 1, 65535)) ||
       failed(verifyField(*this, "step above 16 bits", imm >> 48, 0, 0))))
    return failure();
  if (failed(verifyField(*this, "claim", getClaim(), 0, UINT32_MAX)))
    return failure();
  return verifyField(*this, "uses", getUses(), 0, 65535);
}
