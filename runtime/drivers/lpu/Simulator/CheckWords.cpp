//===- CheckWords.cpp - the instructions of a track, before they run ------===//
#include "Expander.h"
#include "Layout.h"
#include "Simulator.h"
#include "Units.h"

using namespace moert;
using namespace moert::lpu;

namespace {

/// What an instruction may have in its fields.
class WordChecker {
public:
  WordChecker(const Machine &machine, const TrackInfo &track)
      : machine(machine), track(track) {}
  Status check(size_t index);

private:
  template <typename... Parts> Status refuse(const Parts &...parts) const {
    return makeStatus(MOERT_DATA_LOSS, "track ", track.name, ", word ", word,
                      ": ", parts...);
  }
  Status checkTrackKind(unsigned opcode) const;
  Status checkStream(const char *field, uint8_t place, int count = 1) const;
  Status checkOperand(const char *field, uint8_t place) const;
  Status checkAlu(const moert_lpu_instruction_t &i, unsigned opcode) const;
  Status checkMatrix(const moert_lpu_instruction_t &i, unsigned opcode) const;
  Status checkLoad(const moert_lpu_instruction_t &i) const;
  Status checkExchange(const moert_lpu_instruction_t &i) const;
  Status checkRow(const moert_lpu_instruction_t &i) const;
  Status checkRepeat() const;
  Status checkOther(const moert_lpu_instruction_t &i) const;

  const Machine &machine;
  const TrackInfo &track;
  size_t word = 0;
};

} // namespace

/// Kinds of tracks that may have an instruction, as bits; 0: unknown.
static unsigned tracksOf(unsigned opcode) {
  auto bit = [](moert_lpu_track_kind_t kind) { return 1u << kind; };
  constexpr unsigned all = (1u << MOERT_LPU_TRACK_KINDS) - 1;
  switch (opcode) {
  case MOERT_LPU_NOP:
  case MOERT_LPU_REPEAT:
  case MOERT_LPU_IFETCH:
  case MOERT_LPU_SYNC:
  case MOERT_LPU_NOTIFY:
  case MOERT_LPU_CONFIG:
    return all;
  case MOERT_LPU_READ:
  case MOERT_LPU_GATHER:
    return bit(MOERT_LPU_MEM_READ);
  case MOERT_LPU_WRITE:
  case MOERT_LPU_SCATTER:
    return bit(MOERT_LPU_MEM_WRITE);
  case MOERT_LPU_LW:
  case MOERT_LPU_LWX:
  case MOERT_LPU_IW:
  case MOERT_LPU_CLEAR:
    return bit(MOERT_LPU_MXM_LOAD);
  case MOERT_LPU_ABC:
    return bit(MOERT_LPU_MXM_FEED);
  case MOERT_LPU_ACC:
    return bit(MOERT_LPU_MXM_DRAIN);
  case MOERT_LPU_SHIFT:
    return bit(MOERT_LPU_SXM_SHIFT);
  case MOERT_LPU_PERMUTE:
    return bit(MOERT_LPU_SXM_PERMUTE);
  case MOERT_LPU_DISTRIBUTE:
  case MOERT_LPU_ROTATE:
    return bit(MOERT_LPU_SXM_DISTRIBUTE);
  case MOERT_LPU_TRANSPOSE:
    return bit(MOERT_LPU_SXM_TRANSPOSE);
  case MOERT_LPU_SELECT:
    return bit(MOERT_LPU_SXM_SELECT);
  case MOERT_LPU_SEND:
  case MOERT_LPU_RECV:
  case MOERT_LPU_DESKEW:
    return bit(MOERT_LPU_C2C);
  default:
    return aluSources(opcode) ? bit(MOERT_LPU_VXM) : 0;
  }
}

static bool mayHaveFlag(unsigned opcode) {
  return opcode == MOERT_LPU_ADD || opcode == MOERT_LPU_SUB ||
         opcode == MOERT_LPU_MUL || opcode == MOERT_LPU_ACC;
}

Status WordChecker::checkTrackKind(unsigned opcode) const {
  unsigned tracks = tracksOf(opcode & ~MOERT_LPU_FLAG);
  bool flag = opcode & MOERT_LPU_FLAG;
  if (!tracks || (flag && !mayHaveFlag(opcode & ~MOERT_LPU_FLAG)))
    return refuse("no instruction has opcode ", opcode);
  if (!(tracks >> track.kind & 1))
    return refuse(opcodeName(opcode & ~MOERT_LPU_FLAG),
                  " is on a track of kind ", int(track.kind), ", belongs on one of kind ",
                  __builtin_ctz(tracks));
  return Status();
}

/// `count` streams from a place.
Status WordChecker::checkStream(const char *field, uint8_t place,
                                int count) const {
  int first = place & 31;
  if (place >= 0x40 || first + count > machine.streams)
    return refuse(field, " is place ", int(place), " of ", count,
                  " streams, there are ", machine.streams, " each way");
  return Status();
}

Status WordChecker::checkOperand(const char *field, uint8_t place) const {
  if (place == MOERT_LPU_FROM_LATCH)
    return Status();
  if ((place & 0xf0) == MOERT_LPU_FROM_ALU) {
    if ((place & 15) < machine.vxm.alus)
      return Status();
    return refuse(field, " is ALU ", place & 15, ", the machine has ",
                  machine.vxm.alus);
  }
  return checkStream(field, place);
}

Status WordChecker::checkAlu(const moert_lpu_instruction_t &i,
                             unsigned opcode) const {
  unsigned type = i.types & 15, result = i.types >> 4;
  if (!aluSupports(opcode, i.opcode & MOERT_LPU_FLAG, type, result))
    return refuse(opcodeName(opcode), " of type ", type, " to type ", result,
                  " is no operation of an ALU");
  MOERT_RETURN_IF_ERROR(checkOperand("src0", i.src0));
  if (aluSources(opcode) == 2) {
    MOERT_RETURN_IF_ERROR(checkOperand("src1", i.src1));
  } else if (i.src1 != MOERT_LPU_NOWHERE)
    return refuse(opcodeName(opcode), " has src1 ", int(i.src1),
                  ", takes 1 operand");
  if (i.dst == MOERT_LPU_NOWHERE)
    return Status();
  if (opcode == MOERT_LPU_LATCH)
    return refuse("LATCH has the destination ", int(i.dst));
  return checkStream("dst", i.dst);
}

Status WordChecker::checkLoad(const moert_lpu_instruction_t &i) const {
  const bool packed = i.opcode == MOERT_LPU_LWX;
  const int64_t groups = machine.width() / machine.mxm.streams;
  uint64_t cycles = packed ? i.imm & 0xff : i.imm;
  if (cycles < 1 || cycles > uint64_t(groups) ||
      i.row + cycles > uint64_t(groups))
    return refuse("groups ", i.row, " to ", i.row + cycles,
                  " of columns, an array has ", groups);
  if (!packed) {
    if (i.src0 >= 0x40 || (i.src0 & 31) % machine.mxm.streams)
      return refuse("LW takes streams from place ", int(i.src0),
                    ", not from a multiple of ", machine.mxm.streams);
    return checkStream("src0", i.src0, int(machine.mxm.streams));
  }
  uint64_t streams = i.imm >> 8 & 0xff, format = i.imm >> 16 & 0xff;
  if (!machine.mxm.expander)
    return refuse("LWX, but machine ", machine.name, " has 0 expanders");
  if (i.imm >> 24 || !expanderTakes(unsigned(format), int64_t(streams)))
    return refuse("LWX of format ", i.imm >> 16, " from ", streams, " streams");
  return checkStream("src0", i.src0, int(streams));
}

Status WordChecker::checkMatrix(const moert_lpu_instruction_t &i,
                                unsigned opcode) const {
  if (opcode == MOERT_LPU_LW || opcode == MOERT_LPU_LWX)
    return checkLoad(i);
  if (opcode == MOERT_LPU_CLEAR)
    return Status();
  unsigned type = i.types & 15;
  if (type != MOERT_LPU_I8 && type != MOERT_LPU_F16)
    return refuse(opcodeName(opcode), " of type ", type, ", not ",
                  int(MOERT_LPU_I8), " or ", int(MOERT_LPU_F16));
  if (opcode == MOERT_LPU_IW)
    return Status();
  if (i.imm < 1 || i.imm > 0xffff)
    return refuse(opcodeName(opcode), " of ", i.imm, " cycles, not 1 to 65535");
  if (opcode == MOERT_LPU_ABC)
    return checkStream("src0", i.src0);
  return i.dst == MOERT_LPU_NOWHERE ? Status() : checkStream("dst", i.dst);
}

Status WordChecker::checkExchange(const moert_lpu_instruction_t &i) const {
  unsigned type = i.types & 15;
  const int planes = planesOf(type);
  if (i.opcode == MOERT_LPU_TRANSPOSE) {
    const int count = int(machine.lanes);
    MOERT_RETURN_IF_ERROR(checkStream("src0", i.src0, count));
    return checkStream("dst", i.dst, count);
  }
  if (!planes)
    return refuse("type ", type, ", known are 0 to ", MOERT_LPU_TYPES - 1);
  MOERT_RETURN_IF_ERROR(checkStream("src0", i.src0));
  if (i.opcode == MOERT_LPU_SELECT) {
    MOERT_RETURN_IF_ERROR(checkStream("src1", i.src1));
  }
  if (i.opcode == MOERT_LPU_PERMUTE) {
    MOERT_RETURN_IF_ERROR(checkStream("map", i.map));
  }
  return checkStream("dst", i.dst);
}

Status WordChecker::checkRow(const moert_lpu_instruction_t &i) const {
  if (i.row >= machine.rowsOfSlice())
    return refuse("row ", i.row, ", a slice has ", machine.rowsOfSlice());
  bool reads = track.kind == MOERT_LPU_MEM_READ;
  bool indirect =
      i.opcode == MOERT_LPU_GATHER || i.opcode == MOERT_LPU_SCATTER;
  if (indirect) {
    MOERT_RETURN_IF_ERROR(checkStream("map", i.map));
  }
  return reads ? checkStream("dst", i.dst) : checkStream("src0", i.src0);
}

/// REPEAT is of an instruction of the track's unit.
Status WordChecker::checkRepeat() const {
  if (!word)
    return refuse("REPEAT of nothing");
  unsigned before = track.words[word - 1].opcode;
  if (before < MOERT_LPU_READ)
    return refuse("REPEAT of ", opcodeName(before));
  return Status();
}

Status WordChecker::checkOther(const moert_lpu_instruction_t &i) const {
  switch (i.opcode) {
  case MOERT_LPU_REPEAT:
    return checkRepeat();
  case MOERT_LPU_IFETCH:
  case MOERT_LPU_SEND:
    return checkStream("src0", i.src0);
  case MOERT_LPU_RECV:
    return checkStream("dst", i.dst);
  case MOERT_LPU_CONFIG:
    if (i.imm < 1 || i.imm > uint64_t(machine.superlanes))
      return refuse("CONFIG of ", i.imm, " superlanes, there are ",
                    machine.superlanes);
    return Status();
  default:
    return Status();
  }
}

Status WordChecker::check(size_t index) {
  word = index;
  const moert_lpu_instruction_t &i = track.words[word];
  const unsigned opcode = i.opcode & ~MOERT_LPU_FLAG;
  MOERT_RETURN_IF_ERROR(checkTrackKind(i.opcode));
  if (opcode < MOERT_LPU_READ)
    return checkOther(i);
  if (track.kind <= MOERT_LPU_MEM_WRITE)
    return checkRow(i);
  if (track.kind == MOERT_LPU_VXM)
    return checkAlu(i, opcode);
  if (track.kind <= MOERT_LPU_MXM_DRAIN)
    return checkMatrix(i, opcode);
  if (track.kind <= MOERT_LPU_SXM_SELECT)
    return checkExchange(i);
  return checkOther(i);
}

Status moert::lpu::checkTrack(const Machine &machine, const TrackInfo &track) {
  WordChecker checker(machine, track);
  for (size_t word = 0; word < track.words.size(); ++word)
    MOERT_RETURN_IF_ERROR(checker.check(word));
  return Status();
}
