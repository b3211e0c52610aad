//===- InstructionText.cpp - instructions and tracks as text --------------===//
//
// Every instruction with a known opcode, types and ports can be written,
// sensible or not, and reads back as the same bits.
//===----------------------------------------------------------------------===//
#include "IR/InstructionText.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe::lpu;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

StringRef moe::lpu::nameOfOpcode(uint8_t opcode) {
  switch (opcode) {
  case MOERT_LPU_NOP:
    return "nop";
  case MOERT_LPU_REPEAT:
    return "repeat";
  case MOERT_LPU_IFETCH:
    return "ifetch";
  case MOERT_LPU_SYNC:
    return "sync";
  case MOERT_LPU_NOTIFY:
    return "notify";
  case MOERT_LPU_CONFIG:
    return "config";
  case MOERT_LPU_READ:
    return "read";
  case MOERT_LPU_WRITE:
    return "write";
  case MOERT_LPU_GATHER:
    return "gather";
  case MOERT_LPU_SCATTER:
    return "scatter";
  case MOERT_LPU_LATCH:
    return "latch";
  case MOERT_LPU_LW:
    return "lw";
  case MOERT_LPU_LWX:
    return "lwx";
  case MOERT_LPU_IW:
    return "iw";
  case MOERT_LPU_CLEAR:
    return "clear";
  case MOERT_LPU_ABC:
    return "abc";
  case MOERT_LPU_ACC:
    return "acc";
  case MOERT_LPU_SHIFT:
    return "shift";
  case MOERT_LPU_PERMUTE:
    return "permute";
  case MOERT_LPU_DISTRIBUTE:
    return "distribute";
  case MOERT_LPU_ROTATE:
    return "rotate";
  case MOERT_LPU_TRANSPOSE:
    return "transpose";
  case MOERT_LPU_SELECT:
    return "select";
  case MOERT_LPU_SEND:
    return "send";
  case MOERT_LPU_RECV:
    return "recv";
  case MOERT_LPU_DESKEW:
    return "deskew";
  default:
    if (std::optional<AluKind> kind = symbolizeAluKind(opcode))
      return stringifyAluKind(*kind);
    return "";
  }
}

static std::optional<uint8_t> opcodeOfName(StringRef name) {
  for (unsigned opcode = 0; opcode < MOERT_LPU_FLAG; ++opcode)
    if (!name.empty() && nameOfOpcode(opcode) == name)
      return opcode;
  return std::nullopt;
}

static constexpr StringLiteral typeNames[MOERT_LPU_TYPES] = {
    "i8", "i16", "i32", "f16", "f32", "i8x4"};

static bool isAlu(uint8_t opcode) {
  return opcode >= MOERT_LPU_PASS && opcode <= MOERT_LPU_LATCH;
}

static StringRef nameOfFlag(uint8_t opcode) {
  return opcode == MOERT_LPU_ACC ? "adding" : "saturate";
}

static bool isPort(uint8_t port) {
  return port == MOERT_LPU_NOWHERE || port == MOERT_LPU_FROM_LATCH ||
         port < MOERT_LPU_FROM_ALU + 16;
}

static std::string nameOfPort(uint8_t port) {
  if (port == MOERT_LPU_NOWHERE)
    return "none";
  if (port == MOERT_LPU_FROM_LATCH)
    return "latch";
  if (port & MOERT_LPU_FROM_ALU)
    return "alu" + std::to_string(port & 0xf);
  return "s" + std::to_string(port & 0x1f) +
         (port & MOERT_LPU_WESTWARD ? ".w" : ".e");
}

static std::optional<uint8_t> portOfName(StringRef name) {
  if (name == "none")
    return uint8_t(MOERT_LPU_NOWHERE);
  if (name == "latch")
    return uint8_t(MOERT_LPU_FROM_LATCH);
  unsigned number;
  if (name.consume_front("alu")) {
    if (name.getAsInteger(10, number) || number > 15)
      return std::nullopt;
    return aluPort(number);
  }
  bool flowsWest = name.consume_back(".w");
  if ((!flowsWest && !name.consume_back(".e")) || !name.consume_front("s") ||
      name.getAsInteger(10, number) || number > 31)
    return std::nullopt;
  return streamPort(number, flowsWest ? Side::West : Side::East);
}

std::string
moe::lpu::checkEncoding(const moert_lpu_instruction_t &instruction) {
  uint8_t opcode = instruction.opcode & ~MOERT_LPU_FLAG;
  if (nameOfOpcode(opcode).empty())
    return "opcode " + std::to_string(opcode) + " is none of the instructions";
  for (unsigned type : {instruction.types & 0xf, instruction.types >> 4})
    if (type >= MOERT_LPU_TYPES)
      return "type " + std::to_string(type) + " of " +
             nameOfOpcode(opcode).str() + ", types are below " +
             std::to_string(MOERT_LPU_TYPES);
  for (uint8_t port :
       {instruction.src0, instruction.src1, instruction.map, instruction.dst})
    if (!isPort(port))
      return "port " + std::to_string(port) + " of " +
             nameOfOpcode(opcode).str() +
             ", streams are below 64, ALUs below "
             "80, the latch is 128, nowhere 255";
  return "";
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

static void printTypes(AsmPrinter &printer, uint8_t opcode, uint8_t types) {
  unsigned source = types & 0xf, result = types >> 4;
  if (!isAlu(opcode) && !types)
    return;
  printer << ' ' << typeNames[source];
  if (isAlu(opcode) ? result != source : result != 0)
    printer << " to " << typeNames[result];
}

static void printImmediate(AsmPrinter &printer, uint8_t opcode, uint64_t imm) {
  if (!imm)
    return;
  printer << " imm ";
  if (opcode == MOERT_LPU_SHIFT || opcode == MOERT_LPU_ROTATE)
    printer << int64_t(imm);
  else if (imm > 0xffff)
    printer << "0x" << llvm::utohexstr(imm, /*LowerCase=*/true);
  else
    printer << imm;
}

/// Whether nothing but the immediate is set.
static bool hasOnlyImmediate(const moert_lpu_instruction_t &instruction) {
  auto bare = makeInstruction(moert_lpu_opcode_t(instruction.opcode));
  bare.imm = instruction.imm;
  return lowWord(bare) == lowWord(instruction);
}

/// nop and repeat have fields of their own in their immediate.
static bool printQueueControl(AsmPrinter &printer,
                              const moert_lpu_instruction_t &instruction) {
  if (!hasOnlyImmediate(instruction))
    return false;
  if (instruction.opcode == MOERT_LPU_NOP) {
    printer << "nop " << instruction.imm;
    return true;
  }
  if (instruction.opcode != MOERT_LPU_REPEAT || instruction.imm >> 48)
    return false;
  printer << "repeat " << (instruction.imm & 0xffff) << " every "
          << (instruction.imm >> 16 & 0xffff);
  if (auto step = int16_t(instruction.imm >> 32))
    printer << " step " << step;
  return true;
}

void moe::lpu::printInstruction(AsmPrinter &printer,
                                const moert_lpu_instruction_t &instruction) {
  uint8_t opcode = instruction.opcode & ~MOERT_LPU_FLAG;
  if (printQueueControl(printer, instruction))
    return;
  printer << nameOfOpcode(opcode);
  if (instruction.opcode & MOERT_LPU_FLAG)
    printer << ' ' << nameOfFlag(opcode);
  printTypes(printer, opcode, instruction.types);
  if (instruction.src0 != MOERT_LPU_NOWHERE ||
      instruction.src1 != MOERT_LPU_NOWHERE)
    printer << ' ' << nameOfPort(instruction.src0);
  if (instruction.src1 != MOERT_LPU_NOWHERE)
    printer << ", " << nameOfPort(instruction.src1);
  if (instruction.map != MOERT_LPU_NOWHERE)
    printer << " by " << nameOfPort(instruction.map);
  bool isMemory = opcode >= MOERT_LPU_READ && opcode <= MOERT_LPU_SCATTER;
  if (isMemory || instruction.row)
    printer << " row " << instruction.row;
  if (instruction.dst != MOERT_LPU_NOWHERE)
    printer << " -> " << nameOfPort(instruction.dst);
  printImmediate(printer, opcode, instruction.imm);
}

/// A number of 16 bits, into the immediate.
static ParseResult parseField(AsmParser &parser, StringRef what, int64_t low,
                              int64_t limit, uint64_t shift, uint64_t &imm) {
  SMLoc at = parser.getCurrentLocation();
  int64_t value;
  if (parser.parseInteger(value))
    return failure();
  if (value < low || value > limit)
    return parser.emitError(at) << what << " " << value << ", the field takes "
                                << low << " to " << limit;
  imm |= (uint64_t(value) & 0xffff) << shift;
  return success();
}

/// Behind `nop` or `repeat`; nothing if no number comes, but the general form.
static OptionalParseResult
parseQueueControl(AsmParser &parser, moert_lpu_instruction_t &instruction) {
  APInt first;
  SMLoc at = parser.getCurrentLocation();
  OptionalParseResult number = parser.parseOptionalInteger(first);
  if (!number.has_value() || failed(*number))
    return number;
  if (first.getActiveBits() > 16 || first.isNegative())
    return ParseResult(parser.emitError(at) << nameOfOpcode(instruction.opcode)
                                            << " " << first.getSExtValue()
                                            << ", the field takes 0 to 65535");
  instruction.imm = first.getZExtValue();
  if (instruction.opcode == MOERT_LPU_NOP)
    return ParseResult(success());
  if (parser.parseKeyword("every") ||
      parseField(parser, "every", 0, 65535, 16, instruction.imm))
    return ParseResult(failure());
  if (succeeded(parser.parseOptionalKeyword("step")))
    return parseField(parser, "step", -32768, 32767, 32, instruction.imm);
  return ParseResult(success());
}

static ParseResult parsePort(AsmParser &parser, uint8_t &port) {
  SMLoc at = parser.getCurrentLocation();
  StringRef word;
  if (parser.parseKeyword(&word))
    return failure();
  std::optional<uint8_t> named = portOfName(word);
  if (!named)
    return parser.emitError(at)
           << "\"" << word
           << "\" is no port, which are s0.e to s31.w, alu0 to alu15, latch";
  port = *named;
  return success();
}

static std::optional<uint8_t> typeOfName(StringRef name) {
  const auto *found = llvm::find(typeNames, name);
  if (found == std::end(typeNames))
    return std::nullopt;
  return uint8_t(found - typeNames);
}

/// Types and sources: both begin with a keyword that is not of fieldWords.
static ParseResult parseSources(AsmParser &parser,
                                moert_lpu_instruction_t &instruction) {
  bool isOfAlu = isAlu(instruction.opcode & ~MOERT_LPU_FLAG);
  StringRef word;
  SmallVector<StringRef> allowed(std::begin(typeNames), std::end(typeNames));
  if (succeeded(parser.parseOptionalKeyword(&word, allowed))) {
    unsigned source = *typeOfName(word), result = isOfAlu ? source : 0;
    if (succeeded(parser.parseOptionalKeyword("to"))) {
      SMLoc at = parser.getCurrentLocation();
      if (parser.parseKeyword(&word))
        return failure();
      std::optional<uint8_t> named = typeOfName(word);
      if (!named)
        return parser.emitError(at) << "\"" << word << "\" is no type";
      result = *named;
    }
    instruction.types = uint8_t(source | result << 4);
  }
  return success();
}

/// A port, if the next word is one.
static ParseResult parseFirstPort(AsmParser &parser,
                                  moert_lpu_instruction_t &instruction) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"none", "latch"};
    for (unsigned port = 0; port < MOERT_LPU_FROM_ALU + 16u; ++port)
      all.push_back(nameOfPort(uint8_t(port)));
    return all;
  }();
  SmallVector<StringRef> allowed(names.begin(), names.end());
  StringRef word;
  if (failed(parser.parseOptionalKeyword(&word, allowed)))
    return success();
  instruction.src0 = *portOfName(word);
  if (succeeded(parser.parseOptionalComma()))
    return parsePort(parser, instruction.src1);
  return success();
}

static ParseResult parseImmediate(AsmParser &parser, uint64_t &imm) {
  APInt value;
  SMLoc at = parser.getCurrentLocation();
  OptionalParseResult result = parser.parseOptionalInteger(value);
  if (!result.has_value() || failed(*result) || value.getSignificantBits() > 65)
    return parser.emitError(at, "expected an immediate of 64 bits");
  imm = value.sextOrTrunc(64).getZExtValue();
  return success();
}

ParseResult moe::lpu::parseInstruction(AsmParser &parser,
                                       moert_lpu_instruction_t &instruction) {
  SMLoc at = parser.getCurrentLocation();
  StringRef word;
  if (parser.parseKeyword(&word))
    return failure();
  std::optional<uint8_t> opcode = opcodeOfName(word);
  if (!opcode)
    return parser.emitError(at) << "\"" << word << "\" is no instruction";
  instruction = makeInstruction(moert_lpu_opcode_t(*opcode));
  if (*opcode == MOERT_LPU_NOP || *opcode == MOERT_LPU_REPEAT) {
    OptionalParseResult control = parseQueueControl(parser, instruction);
    if (control.has_value())
      return *control;
  }
  if (succeeded(parser.parseOptionalKeyword(nameOfFlag(*opcode))))
    instruction.opcode |= MOERT_LPU_FLAG;
  if (parseSources(parser, instruction) || parseFirstPort(parser, instruction))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("by")) &&
      parsePort(parser, instruction.map))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("row"))) {
    uint64_t row = 0;
    if (parseField(parser, "row", 0, 65535, 0, row))
      return failure();
    instruction.row = uint16_t(row);
  }
  if (succeeded(parser.parseOptionalArrow()) &&
      parsePort(parser, instruction.dst))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("imm")))
    return parseImmediate(parser, instruction.imm);
  return success();
}

//===----------------------------------------------------------------------===//
// Tracks
//===----------------------------------------------------------------------===//

static bool isOfSxm(TrackKind kind) {
  return kind >= TrackKind::Shift && kind <= TrackKind::Select;
}

std::string moe::lpu::nameOfTrack(TrackAttr track) {
  TrackKind kind = track.getKind();
  std::string number = std::to_string(track.getIndex());
  std::string place = (track.getSide() == Side::West ? ".w" : ".e") + number;
  std::string end = "." + stringifyTrackKind(kind).str();
  std::string name;
  if (kind == TrackKind::Read || kind == TrackKind::Write)
    name = "mem" + place + end;
  else if (kind == TrackKind::Vxm)
    name = "vxm." + number;
  else if (kind <= TrackKind::Drain)
    name = "mxm" + place + end;
  else if (isOfSxm(kind))
    name = "sxm" + place + end;
  else if (kind == TrackKind::C2c)
    name = "c2c" + place;
  else
    name = "icu";
  if (track.getChip())
    name += " on " + std::to_string(track.getChip());
  return name;
}

/// The unit in front of a kind's name, `mem.e12.read`.
static StringRef unitOf(TrackKind kind) {
  if (kind <= TrackKind::Write)
    return "mem";
  return isOfSxm(kind) ? "sxm" : "mxm";
}

static TrackAttr trackOfName(MLIRContext *context, StringRef name,
                             int64_t chip) {
  if (name == "icu")
    return TrackAttr::get(context, chip, TrackKind::Icu, Side::West, 0);
  auto [unit, rest] = name.split('.');
  int64_t index;
  if (unit == "vxm")
    return rest.getAsInteger(10, index)
               ? nullptr
               : TrackAttr::get(context, chip, TrackKind::Vxm, Side::West,
                                index);
  auto [place, last] = rest.split('.');
  Side side = place.starts_with("w") ? Side::West : Side::East;
  if ((!place.consume_front("w") && !place.consume_front("e")) ||
      place.getAsInteger(10, index))
    return nullptr;
  std::optional<TrackKind> kind =
      unit == "c2c" && last.empty() ? TrackKind::C2c : symbolizeTrackKind(last);
  if (!kind || (*kind == TrackKind::C2c
                    ? unit != "c2c"
                    : *kind == TrackKind::Vxm || *kind == TrackKind::Icu ||
                          unit != unitOf(*kind)))
    return nullptr;
  return TrackAttr::get(context, chip, *kind, side, index);
}

ParseResult moe::lpu::parseTrack(AsmParser &parser, TrackAttr &track) {
  SMLoc at = parser.getCurrentLocation();
  StringRef word;
  int64_t chip = 0;
  if (parser.parseKeyword(&word))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("on")) && parser.parseInteger(chip))
    return failure();
  track = trackOfName(parser.getContext(), word, chip);
  if (track)
    return success();
  return parser.emitError(at)
         << "\"" << word << "\" is no track, which are like mem.e12.read, "
         << "vxm.5, mxm.e0.load, sxm.w0.permute, c2c.e3, icu";
}

void TrackAttr::print(AsmPrinter &printer) const {
  printer << '<' << nameOfTrack(*this) << '>';
}

Attribute TrackAttr::parse(AsmParser &parser, Type) {
  TrackAttr track;
  if (parser.parseLess() || parseTrack(parser, track) || parser.parseGreater())
    return {};
  return track;
}

//===----------------------------------------------------------------------===//
// Links
//===----------------------------------------------------------------------===//

void LinkAttr::print(AsmPrinter &printer) const {
  printer << "<" << getChipA() << " link " << getLinkA() << " to " << getChipB()
          << " link " << getLinkB() << ">";
}

Attribute LinkAttr::parse(AsmParser &parser, Type) {
  int64_t chipA, linkA, chipB, linkB;
  if (parser.parseLess() || parser.parseInteger(chipA) ||
      parser.parseKeyword("link") || parser.parseInteger(linkA) ||
      parser.parseKeyword("to") || parser.parseInteger(chipB) ||
      parser.parseKeyword("link") || parser.parseInteger(linkB) ||
      parser.parseGreater())
    return {};
  return get(parser.getContext(), chipA, linkA, chipB, linkB);
}
