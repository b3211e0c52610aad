//===- VerifyInstruction.cpp - instructions against a machine -------------===//
#include "IR/VerifyInstruction.h"

using namespace mlir;
using namespace moe::lpu;
using moert::lpu::Machine;

/// How many tracks of a kind a hemisphere has; of a chip, for ALUs and links.
static int64_t tracksOf(TrackKind kind, const Machine &machine) {
  switch (kind) {
  case TrackKind::Read:
  case TrackKind::Write:
    return machine.mem.slices;
  case TrackKind::Vxm:
    return machine.vxm.alus;
  case TrackKind::Load:
  case TrackKind::Feed:
  case TrackKind::Drain:
    return machine.mxm.planes;
  case TrackKind::Shift:
    return machine.sxm.shifters;
  case TrackKind::Permute:
    return machine.sxm.permuters;
  case TrackKind::Distribute:
    return machine.sxm.distributors;
  case TrackKind::Transpose:
    return machine.sxm.transposers;
  case TrackKind::Select:
    return machine.sxm.selectors;
  case TrackKind::C2c:
    return machine.c2c.links;
  case TrackKind::Icu:
    return 1;
  }
  llvm_unreachable("unknown kind");
}

LogicalResult moe::lpu::verifyTrack(Operation *op, TrackAttr track,
                                    int64_t chips, const Machine &machine) {
  // (program_c2)
  if (track.getChip() < 0 || track.getChip() >= chips)
    return op->emitOpError() << "track " << nameOfTrack(track) << ", there are "
                             << chips << " chips";
  // (issue_c2)
  int64_t count = tracksOf(track.getKind(), machine);
  bool isCentral =
      track.getKind() == TrackKind::Vxm || track.getKind() == TrackKind::Icu;
  if (isCentral && track.getSide() == Side::East)
    return op->emitOpError() << "track " << nameOfTrack(track)
                             << " in hemisphere 1, must be 0: it is in neither";
  if (track.getIndex() < 0 || track.getIndex() >= count)
    return op->emitOpError()
           << "track " << nameOfTrack(track) << ", machine " << machine.name
           << " has " << count << " of its kind";
  return success();
}

/// Who issues an instruction; nothing: every track.
static std::optional<TrackKind> issuerOf(uint8_t opcode) {
  switch (opcode) {
  case MOERT_LPU_NOP:
  case MOERT_LPU_REPEAT:
  case MOERT_LPU_IFETCH:
  case MOERT_LPU_SYNC:
  case MOERT_LPU_NOTIFY:
  case MOERT_LPU_CONFIG:
    return std::nullopt;
  case MOERT_LPU_READ:
  case MOERT_LPU_GATHER:
    return TrackKind::Read;
  case MOERT_LPU_WRITE:
  case MOERT_LPU_SCATTER:
    return TrackKind::Write;
  case MOERT_LPU_LW:
  case MOERT_LPU_LWX:
  case MOERT_LPU_IW:
  case MOERT_LPU_CLEAR:
    return TrackKind::Load;
  case MOERT_LPU_ABC:
    return TrackKind::Feed;
  case MOERT_LPU_ACC:
    return TrackKind::Drain;
  case MOERT_LPU_SHIFT:
    return TrackKind::Shift;
  case MOERT_LPU_PERMUTE:
    return TrackKind::Permute;
  case MOERT_LPU_DISTRIBUTE:
  case MOERT_LPU_ROTATE:
    return TrackKind::Distribute;
  case MOERT_LPU_TRANSPOSE:
    return TrackKind::Transpose;
  case MOERT_LPU_SELECT:
    return TrackKind::Select;
  case MOERT_LPU_SEND:
  case MOERT_LPU_RECV:
  case MOERT_LPU_DESKEW:
    return TrackKind::C2c;
  default:
    return TrackKind::Vxm;
  }
}

namespace {
/// Streams that a port stands for, from a multiple of `multiple` on.
struct Width {
  int64_t streams = 1, multiple = 1;
};
/// Those of the ports of an instruction.
struct Widths {
  Width src0, src1, map, dst;
};
} // namespace

static Width bytesOfCode(unsigned type) {
  constexpr int64_t bytes[MOERT_LPU_TYPES] = {1, 2, 4, 2, 4, 4};
  return {bytes[type], bytes[type]};
}

static Widths widthsOf(const moert_lpu_instruction_t &instruction,
                       const Machine &machine) {
  uint8_t opcode = instruction.opcode & ~MOERT_LPU_FLAG;
  Width source = bytesOfCode(instruction.types & 0xf);
  Width result = bytesOfCode(instruction.types >> 4);
  std::optional<TrackKind> issuer = issuerOf(opcode);
  if (issuer == TrackKind::Vxm)
    return {source, source, {}, result};
  if (opcode == MOERT_LPU_TRANSPOSE)
    return {{machine.lanes, 1}, {}, {}, {machine.lanes, 1}};
  if (opcode >= MOERT_LPU_SHIFT && opcode <= MOERT_LPU_SELECT)
    return {source, source, bytesOfCode(MOERT_LPU_I16), source};
  if (opcode == MOERT_LPU_LW)
    return {{machine.mxm.streams, machine.mxm.streams}, {}, {}, {}};
  if (opcode == MOERT_LPU_LWX)
    return {{int64_t(instruction.imm >> 8 & 0xff), 1}, {}, {}, {}};
  if (opcode == MOERT_LPU_ABC)
    return {source, {}, {}, {}};
  if (opcode == MOERT_LPU_ACC)
    return {{}, {}, {}, bytesOfCode(MOERT_LPU_F32)};
  return {};
}

/// (issue_c3)
static LogicalResult verifyPort(Operation *op, StringRef what, uint8_t port,
                                Width width, const Machine &machine) {
  if (port == MOERT_LPU_NOWHERE || port == MOERT_LPU_FROM_LATCH)
    return success();
  if (port & MOERT_LPU_FROM_ALU) {
    if ((port & 0xf) < machine.vxm.alus)
      return success();
    return op->emitOpError()
           << what << " is ALU " << (port & 0xf) << ", machine " << machine.name
           << " has " << machine.vxm.alus;
  }
  int64_t first = port & 0x1f;
  if (first + width.streams > machine.streams)
    return op->emitOpError()
           << what << " is streams " << first << " to "
           << first + width.streams - 1 << ", machine " << machine.name
           << " has " << machine.streams << " each way";
  if (first % width.multiple)
    return op->emitOpError() << what << " begins at stream " << first
                             << ", must be a multiple of " << width.multiple;
  return success();
}

/// (issue_c4)
static LogicalResult verifyRows(Operation *op, int64_t row, int64_t times,
                                int64_t step, const Machine &machine) {
  int64_t last = row + (times - 1) * step, rows = machine.rowsOfSlice();
  if (row < rows && last >= 0 && last < rows)
    return success();
  return op->emitOpError() << "takes rows " << row << " to " << last
                           << ", a slice of machine " << machine.name << " has "
                           << rows;
}

LogicalResult moe::lpu::verifyInstruction(
    Operation *op, TrackAttr track, const moert_lpu_instruction_t &instruction,
    int64_t times, int64_t step, const Machine &machine) {
  uint8_t opcode = instruction.opcode & ~MOERT_LPU_FLAG;
  // (issue_c2)
  std::optional<TrackKind> issuer = issuerOf(opcode);
  if (issuer && *issuer != track.getKind())
    return op->emitOpError()
           << nameOfOpcode(opcode) << " on " << nameOfTrack(track)
           << ", it is issued by tracks of kind "
           << stringifyTrackKind(*issuer);
  Widths widths = widthsOf(instruction, machine);
  if (failed(verifyPort(op, "first source", instruction.src0, widths.src0,
                        machine)) ||
      failed(verifyPort(op, "second source", instruction.src1, widths.src1,
                        machine)) ||
      failed(verifyPort(op, "map", instruction.map, widths.map, machine)) ||
      failed(verifyPort(op, "result", instruction.dst, widths.dst, machine)))
    return failure();
  bool isMemory = issuer == TrackKind::Read || issuer == TrackKind::Write;
  return isMemory ? verifyRows(op, instruction.row, times, step, machine)
                  : success();
}
