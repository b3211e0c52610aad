//===- QueueOps.cpp - issues, queues and their words ----------------------===//
#include "IR/InstructionText.h"
#include "IR/Lpu.h"

#include "mlir/IR/Builders.h"
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
  printer.printOptionalAttrDict((*this)->getDiscardableAttrDictionary().getValue());
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
  printer.printOptionalAttrDict((*this)->getDiscardableAttrDictionary().getValue());
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

LogicalResult SegmentOp::verify() { return success(); }
LogicalResult IssueOp::verify() { return success(); }
LogicalResult QueueOp::verify() { return success(); }
LogicalResult TextOp::verify() { return success(); }
