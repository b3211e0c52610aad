//===- VerifyProgram.cpp - a program against its machine ------------------===//
#include "IR/Lpu.h"
#include "IR/Machines.h"
#include "IR/VerifyInstruction.h"

#include <map>
#include <tuple>

using namespace mlir;
using namespace moe::lpu;

namespace {

class ProgramVerifier {
public:
  ProgramVerifier(ProgramOp program, const Machine &machine)
      : program(program), machine(machine), chips(program.getChips()) {}

  LogicalResult verify();

private:
  LogicalResult verifyChips();
  LogicalResult verifyLevel();
  LogicalResult verifyBuffer(BufferOp buffer);
  LogicalResult verifyValues(BufferOp buffer);
  LogicalResult verifyLoads(BufferOp buffer);
  LogicalResult verifyPlace(BufferOp buffer, PlaceAttr place);
  LogicalResult claimRows(BufferOp buffer, PlaceAttr place);
  LogicalResult verifyInterface(InterfaceOp interface);
  LogicalResult verifyInstall(InstallOp install);
  LogicalResult verifyCluster(ClusterOp cluster);
  LogicalResult verifySegment(SegmentOp segment);
  LogicalResult verifyQueue(QueueOp queue);

  ProgramOp program;
  const Machine &machine;
  int64_t chips;
  /// Who lies in the rows of a slice: chip, hemisphere, slice.
  std::map<std::tuple<int64_t, Side, int64_t>, std::vector<BufferOp>> rows;
};

/// (program_c2)
LogicalResult ProgramVerifier::verifyChips() {
  if (chips < 1 || chips > 65535)
    return program.emitOpError()
           << "is of " << chips << " chips, 1 to 65535 may be";
  if (!program.getLinksAttr())
    return success();
  std::map<std::pair<int64_t, int64_t>, LinkAttr> wires;
  for (auto link : program.getLinksAttr().getAsRange<LinkAttr>())
    for (auto [chip, end] : {std::pair(link.getChipA(), link.getLinkA()),
                             std::pair(link.getChipB(), link.getLinkB())}) {
      LinkAttr &wire = wires[{chip, end}];
      if (wire && wire != link)
        return program.emitOpError()
               << "has two wires at link " << end << " of chip " << chip;
      wire = link;
      if (chip < 0 || chip >= chips)
        return program.emitOpError()
               << "has a link of chip " << chip << ", there are " << chips;
      if (end < 0 || end >= machine.c2c.links)
        return program.emitOpError()
               << "has a wire at link " << end << ", machine " << machine.name
               << " has " << machine.c2c.links;
    }
  return success();
}

LogicalResult ProgramVerifier::verifyLevel() {
  Block &body = program.getBody().front();
  // (program_c4)
  auto interfaces = body.getOps<InterfaceOp>();
  auto count = std::distance(interfaces.begin(), interfaces.end());
  if (count > 1)
    return program.emitOpError() << "has " << count << " interfaces, 1 may be";
  // (program_c5)
  if (body.getOps<SegmentOp>().empty())
    return success();
  for (Operation &op : body) {
    if (isa<ClusterOp, InstallOp, TransferOp, BoundaryOp>(op))
      return op.emitOpError("is beside a segment, which comes of all of them");
    auto buffer = dyn_cast<BufferOp>(op);
    if (buffer && !buffer.getPlaceAttr())
      return buffer.emitOpError()
             << "\"" << buffer.getName() << "\" has no place in a program of "
             << "segments";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// (buffer_c2)
LogicalResult ProgramVerifier::verifyValues(BufferOp buffer) {
  if (!buffer.getValuesAttr())
    return success();
  auto values = dyn_cast<DenseElementsAttr>(buffer.getValuesAttr());
  VectorsType type = buffer.getType();
  Type element = type.getElementType();
  if (isa<VectorType>(element))
    element = IntegerType::get(buffer.getContext(), 32);
  if (!values)
    return buffer.emitOpError("has values that are not dense");
  ArrayRef<int64_t> shape = values.getType().getShape();
  bool fits = !shape.empty() && shape.size() <= 2 &&
              shape[0] == type.getCount() &&
              (shape.size() == 1 || shape[1] == machine.width());
  if (!fits || values.getElementType() != element)
    return buffer.emitOpError()
           << "has values of " << values.getType() << ", must be "
           << type.getCount() << " or " << type.getCount() << "x"
           << machine.width() << " of " << element;
  return success();
}

/// Vectors that a load fills.
static int64_t vectorsOf(LoadAttr load) {
  int64_t rows = load.getRows().getValues().size();
  switch (load.getField()) {
  case Field::Packed:
    return rows / 16 * 7;
  case Field::History:
    return rows / 16 * 3;
  case Field::Nibbles:
    return rows / 8;
  default:
    return rows;
  }
}

/// (buffer_c3)
LogicalResult ProgramVerifier::verifyLoads(BufferOp buffer) {
  if (!buffer.getLoadsAttr())
    return success();
  int64_t count = buffer.getType().getCount(), lanes = machine.width();
  for (auto load : buffer.getLoadsAttr().getAsRange<LoadAttr>()) {
    int64_t vectors = vectorsOf(load);
    if (load.getFirst() < 0 || load.getFirst() > count ||
        vectors > count - load.getFirst())
      return buffer.emitOpError() << "loads " << vectors << " vectors from "
                                  << load.getFirst() << " on, it has " << count;
    if (load.getParameter() < 0 || load.getParameter() > UINT32_MAX ||
        load.getMatrix() < 0 || load.getMatrix() > UINT8_MAX)
      return buffer.emitOpError()
             << "loads matrix " << load.getMatrix() << " of parameter "
             << load.getParameter() << ", the fields take " << UINT8_MAX
             << " and " << UINT32_MAX;
    int64_t columns = load.getColumns().getValues().size();
    int64_t factors = load.getFactors() ? load.getFactors().size() : lanes;
    if (columns != lanes || factors != lanes)
      return buffer.emitOpError()
             << "loads " << (columns != lanes ? columns : factors)
             << (columns != lanes ? " columns" : " factors") << ", machine "
             << machine.name << " has " << lanes << " lanes";
  }
  return success();
}

/// (buffer_c4)
LogicalResult ProgramVerifier::verifyPlace(BufferOp buffer, PlaceAttr place) {
  if (place.getSide() != buffer.getSide())
    return buffer.emitOpError()
           << "is in the " << stringifySide(buffer.getSide())
           << ", its place in the " << stringifySide(place.getSide());
  int64_t bytes = bytesOf(buffer.getType().getElementType());
  int64_t slices = place.getSlices().size();
  if (!slices || slices % bytes)
    return buffer.emitOpError() << "lies in " << slices
                                << " slices, must be a multiple of " << bytes;
  llvm::SmallDenseSet<int64_t, 16> seen;
  for (int64_t slice : place.getSlices()) {
    if (slice < 0 || slice >= machine.mem.slices)
      return buffer.emitOpError()
             << "lies in slice " << slice << ", a hemisphere of machine "
             << machine.name << " has " << machine.mem.slices;
    if (!seen.insert(slice).second)
      return buffer.emitOpError() << "names slice " << slice << " twice";
  }
  int64_t steps = (buffer.getType().getCount() - 1) / (slices / bytes);
  int64_t all = machine.rowsOfSlice();
  bool fits = place.getStep() >= 1 && place.getStep() <= all &&
              place.getRow() >= 0 && place.getRow() < all &&
              steps <= (all - 1 - place.getRow()) / place.getStep();
  if (!fits)
    return buffer.emitOpError()
           << "takes " << steps + 1 << " rows from " << place.getRow()
           << " on, every " << place.getStep() << ", a slice of machine "
           << machine.name << " has " << all;
  return success();
}

/// (program_c3)
LogicalResult ProgramVerifier::claimRows(BufferOp buffer, PlaceAttr place) {
  int64_t bytes = bytesOf(buffer.getType().getElementType());
  int64_t groups = int64_t(place.getSlices().size()) / bytes;
  int64_t count = buffer.getType().getCount();
  for (auto [i, slice] : llvm::enumerate(place.getSlices())) {
    auto &owners = rows[{buffer.getChip(), place.getSide(), slice}];
    owners.resize(machine.rowsOfSlice());
    for (int64_t vector = i / bytes; vector < count; vector += groups) {
      int64_t row = place.getRow() + vector / groups * place.getStep();
      if (owners[row]) {
        auto error = buffer.emitOpError()
                     << "\"" << buffer.getName() << "\" and \""
                     << owners[row].getName() << "\" both lie in row " << row
                     << " of slice " << slice << " in the "
                     << stringifySide(place.getSide());
        error.attachNote(owners[row].getLoc()) << "the other one";
        return error;
      }
      owners[row] = buffer;
    }
  }
  return success();
}

LogicalResult ProgramVerifier::verifyBuffer(BufferOp buffer) {
  int64_t chip = buffer.getChip();
  // (program_c2)
  if (chip < 0 || chip >= chips)
    return buffer.emitOpError()
           << "is on chip " << chip << ", there are " << chips;
  if (failed(verifyValues(buffer)) || failed(verifyLoads(buffer)))
    return failure();
  PlaceAttr place = buffer.getPlaceAttr();
  if (!place)
    return success();
  if (failed(verifyPlace(buffer, place)))
    return failure();
  return claimRows(buffer, place);
}

LogicalResult ProgramVerifier::verifyInterface(InterfaceOp interface) {
  // (interface_c1)
  int64_t lanes = machine.width();
  int64_t logits = interface.getLogits().getType().getCount();
  int64_t words = program.getVocabulary().value_or(0);
  if (logits < (words + lanes - 1) / lanes)
    return interface.emitOpError()
           << "logits have " << logits << " vectors of " << lanes
           << " lanes, the vocabulary has " << words << " words";
  // (interface_c3)
  IndicesAttr heads = interface.getHeadsAttr();
  if (bool(heads) != bool(interface.getDimsAttr()))
    return interface.emitOpError() << "has " << (heads ? "heads" : "dims")
                                   << " without " << (heads ? "dims" : "heads");
  for (IndicesAttr list : {heads, interface.getDimsAttr()}) {
    int64_t named = list ? list.getValues().size() : lanes;
    if (named == 0 || named % lanes)
      return interface.emitOpError()
             << "names heads or dims of " << named << " lanes, machine "
             << machine.name << " has " << lanes;
    int64_t parts = named / lanes, states = interface.getHigh().size();
    if (states % parts)
      return interface.emitOpError()
             << "has " << states << " keys for layers of " << parts << " parts";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

LogicalResult ProgramVerifier::verifyInstall(InstallOp install) {
  // (install_c4)
  if (install.getExpand() && !machine.mxm.expander)
    return install.emitOpError()
           << "expands codes, machine " << machine.name << " has 0 expanders";
  // (install_c2)
  int64_t width = machine.width(), index = install.getIndex();
  int64_t taken = install.getExpand() ? width / 16 * 7 : width;
  int64_t count = cast<VectorsType>(install.getBuffer().getType()).getCount();
  if (index < 0 || index > count || taken > count - index)
    return install.emitOpError()
           << "takes vectors " << index << " to " << index + taken - 1
           << " of a buffer of " << count;
  return success();
}

LogicalResult ProgramVerifier::verifyCluster(ClusterOp cluster) {
  for (auto shift : cluster.getBody().getOps<ShiftOp>()) {
    int64_t by = shift.getSuperlanes();
    // (shift_c1)
    if (by <= -machine.superlanes || by >= machine.superlanes)
      return shift.emitOpError()
             << "is by " << by << " superlanes, machine " << machine.name
             << " has " << machine.superlanes;
  }
  for (auto distribute : cluster.getBody().getOps<DistributeOp>()) {
    // (distribute_c1)
    if (int64_t(distribute.getLanes().size()) != machine.lanes)
      return distribute.emitOpError()
             << "names " << distribute.getLanes().size()
             << " lanes, a superlane of machine " << machine.name << " has "
             << machine.lanes;
    for (int64_t lane : distribute.getLanes())
      if (lane < 0 || lane >= machine.lanes)
        return distribute.emitOpError()
               << "takes lane " << lane << ", a superlane of machine "
               << machine.name << " has " << machine.lanes;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

LogicalResult ProgramVerifier::verifyQueue(QueueOp queue) {
  if (failed(verifyTrack(queue, queue.getTrack(), chips, machine)))
    return failure();
  TextOp before;
  for (auto text : queue.getBody().getOps<TextOp>()) {
    moert_lpu_instruction_t instruction = text.getInstruction();
    if (instruction.opcode == MOERT_LPU_REPEAT) {
      // (issue_c4), of what it repeats
      int64_t times = (instruction.imm & 0xffff) + 1;
      int64_t step = int16_t(instruction.imm >> 32);
      if (before && failed(verifyInstruction(text, queue.getTrack(),
                                             before.getInstruction(), times,
                                             step, machine)))
        return failure();
    } else if (failed(verifyInstruction(text, queue.getTrack(), instruction, 1,
                                        0, machine))) { // (text_c1)
      return failure();
    }
    before = text;
  }
  return success();
}

LogicalResult ProgramVerifier::verifySegment(SegmentOp segment) {
  for (Operation &op : segment.getBody().front()) {
    if (auto queue = dyn_cast<QueueOp>(op)) {
      if (failed(verifyQueue(queue)))
        return failure();
      continue;
    }
    auto issue = cast<IssueOp>(op);
    if (failed(verifyTrack(issue, issue.getTrack(), chips, machine)) ||
        failed(verifyInstruction(issue, issue.getTrack(),
                                 issue.getInstruction(), issue.getTimes(),
                                 issue.getStep(), machine)))
      return failure();
  }
  return success();
}

LogicalResult ProgramVerifier::verify() {
  if (failed(verifyChips()) || failed(verifyLevel()))
    return failure();
  for (Operation &op : program.getBody().front()) {
    LogicalResult result = success();
    if (auto buffer = dyn_cast<BufferOp>(op))
      result = verifyBuffer(buffer);
    else if (auto interface = dyn_cast<InterfaceOp>(op))
      result = verifyInterface(interface);
    else if (auto install = dyn_cast<InstallOp>(op))
      result = verifyInstall(install);
    else if (auto cluster = dyn_cast<ClusterOp>(op))
      result = verifyCluster(cluster);
    else if (auto segment = dyn_cast<SegmentOp>(op))
      result = verifySegment(segment);
    if (failed(result))
      return failure();
  }
  return success();
}

} // namespace

LogicalResult ProgramOp::verifyRegions() {
  auto machine = findMachine(getMachine());
  if (!machine) // (program_c1)
    return emitOpError(llvm::toString(machine.takeError()));
  return ProgramVerifier(*this, *machine).verify();
}
