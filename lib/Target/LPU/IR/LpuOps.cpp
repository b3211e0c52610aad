//===- LpuOps.cpp - what makes programs and clusters valid ----------------===//
#include "IR/InstructionText.h"
#include "IR/Lpu.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe::lpu;

static void printTrack(OpAsmPrinter &printer, Operation *, TrackAttr track) {
  printer << nameOfTrack(track);
}

/// Values of enumerations, without the blank that their attributes print.
template <typename EnumAttribute>
static void printWord(OpAsmPrinter &printer, Operation *,
                      EnumAttribute attribute) {
  printer.printKeywordOrString(stringifyEnum(attribute.getValue()));
}

template <typename EnumAttribute>
static ParseResult parseWord(OpAsmParser &parser, EnumAttribute &attribute) {
  using Enum = decltype(attribute.getValue());
  FailureOr<Enum> value = FieldParser<Enum>::parse(parser);
  if (failed(value))
    return failure();
  attribute = EnumAttribute::get(parser.getContext(), *value);
  return success();
}

/// Types of one or two streams, without the name of the dialect.
static void printStreams(OpAsmPrinter &printer, Operation *, Type lhs,
                         Type rhs) {
  printer.printStrippedAttrOrType(cast<StreamType>(lhs));
  if (!rhs)
    return;
  printer << ", ";
  printer.printStrippedAttrOrType(cast<StreamType>(rhs));
}

static ParseResult parseStreams(OpAsmParser &parser, Type &lhs, Type &rhs) {
  StreamType first, second;
  if (parser.parseCustomTypeWithFallback(first))
    return failure();
  lhs = first;
  if (failed(parser.parseOptionalComma()))
    return success();
  if (parser.parseCustomTypeWithFallback(second))
    return failure();
  rhs = second;
  return success();
}

#define GET_OP_CLASSES
#include "LpuOps.cpp.inc"

void BufferOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), getName());
}

/// The buffer that a value of type vectors stands for.
static BufferOp bufferOf(Value value) {
  return value ? value.getDefiningOp<BufferOp>() : nullptr;
}

static Type elementOf(Value value) {
  if (auto stream = dyn_cast<StreamType>(value.getType()))
    return stream.getElementType();
  return cast<VectorsType>(value.getType()).getElementType();
}

static int64_t countOf(Value buffer) {
  return cast<VectorsType>(buffer.getType()).getCount();
}

static bool mayBeWritten(BufferKind kind) {
  return kind != BufferKind::Constant && kind != BufferKind::Parameter &&
         kind != BufferKind::Text;
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

static bool holds(Type element, Field field) {
  switch (field) {
  case Field::Values:
    return element.isF32() || element.isF16();
  case Field::Scales:
  case Field::Zeros:
    return element.isF32();
  case Field::Nibbles:
    return isa<VectorType>(element);
  default:
    return element.isInteger(8);
  }
}

LogicalResult BufferOp::verify() {
  StringRef kind = stringifyBufferKind(getKind());
  bool hasValues =
      getKind() == BufferKind::Constant || getKind() == BufferKind::Text;
  // (buffer_c1)
  if (hasValues != bool(getValuesAttr()))
    return emitOpError() << kind << " buffer \"" << getName() << "\" has "
                         << (hasValues ? "no values" : "values");
  if (!getLoadsAttr())
    return success();
  if (getKind() != BufferKind::Parameter)
    return emitOpError() << kind << " buffer \"" << getName() << "\" has "
                         << getLoadsAttr().size() << " loads";
  // (buffer_c5)
  Type element = elementOf(getResult());
  for (auto load : getLoadsAttr().getAsRange<LoadAttr>())
    if (!holds(element, load.getField()))
      return emitOpError() << "of " << element << " loads "
                           << stringifyField(load.getField())
                           << ", which it does not hold";
  return success();
}

static LogicalResult verifyPort(InterfaceOp op, StringRef what, Value value,
                                BufferKind kind, Type element) {
  BufferOp buffer = bufferOf(value);
  if (buffer && buffer.getKind() == kind && elementOf(value) == element)
    return success();
  return op.emitOpError() << what << " is "
                          << (buffer ? stringifyBufferKind(buffer.getKind())
                                     : "no")
                          << " buffer of " << elementOf(value) << ", must be "
                          << stringifyBufferKind(kind) << " buffer of "
                          << element;
}

/// (interface_c1)
static LogicalResult verifySteps(InterfaceOp op) {
  Type i32 = IntegerType::get(op.getContext(), 32);
  Type f32 = Float32Type::get(op.getContext());
  if (failed(verifyPort(op, "token", op.getToken(), BufferKind::Input, i32)) ||
      failed(verifyPort(op, "position", op.getPosition(), BufferKind::Input,
                        i32)) ||
      failed(
          verifyPort(op, "logits", op.getLogits(), BufferKind::Output, f32)) ||
      (op.getNext() &&
       failed(verifyPort(op, "next", op.getNext(), BufferKind::Output, i32))))
    return failure();
  for (Value single : {op.getToken(), op.getPosition(), op.getNext()})
    if (single && countOf(single) != 1)
      return op.emitOpError()
             << "buffer \"" << bufferOf(single).getName() << "\" has "
             << countOf(single) << " vectors, must have 1";
  return success();
}

/// (interface_c2)
static LogicalResult verifyState(InterfaceOp op) {
  size_t layers = op.getHigh().size();
  if (op.getLow().size() != layers || op.getValues().size() != layers ||
      (!op.getCopies().empty() && op.getCopies().size() != layers))
    return op.emitOpError()
           << "has keys of " << layers << " layers, low keys of "
           << op.getLow().size() << ", copies of " << op.getCopies().size()
           << " and values of " << op.getValues().size();
  Type f16 = Float16Type::get(op.getContext());
  Type f32 = Float32Type::get(op.getContext());
  int64_t positions =
      op->getParentOfType<ProgramOp>().getPositions().value_or(0);
  for (auto [what, buffers, element] :
       {std::tuple("keys", op.getHigh(), f16),
        std::tuple("low keys", op.getLow(), f16),
        std::tuple("copies", op.getCopies(), f16),
        std::tuple("values", op.getValues(), f32)})
    for (Value state : buffers) {
      if (failed(verifyPort(op, what, state, BufferKind::State, element)))
        return failure();
      if (countOf(state) < positions)
        return op.emitOpError() << what << " have " << countOf(state)
                                << " vectors for " << positions << " positions";
    }
  return success();
}

LogicalResult InterfaceOp::verify() {
  if (failed(verifySteps(*this)))
    return failure();
  return verifyState(*this);
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

static bool isWrittenBy(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto scatter = dyn_cast<ScatterOp>(user))
    return use.getOperandNumber() == 0;
  return isa<WriteOp>(user);
}

/// (cluster_c1) An in-tree: all but the root have one user.
static LogicalResult verifyTree(ClusterOp op) {
  Operation *root = nullptr;
  for (Operation &each : op.getBody().front()) {
    if (each.getNumResults() != 1)
      continue;
    size_t uses = std::distance(each.use_begin(), each.use_end());
    size_t writes = llvm::count_if(each.getUses(), isWrittenBy);
    if (!writes && uses != 1)
      return each.emitOpError() << "has " << uses << " uses, a stream has 1";
    if (!writes)
      continue;
    if (writes != uses)
      return each.emitOpError()
             << "is written " << writes << " times and has " << uses << " uses";
    if (root)
      return each.emitOpError(
          "is the second stream of its cluster that is written, 1 may be");
    root = &each;
  }
  if (!root)
    return op.emitOpError("writes no stream, 1 must be written");
  return success();
}

/// An operation's access of a buffer: the first and last vector, first to last
/// repetition.
struct Access {
  Value buffer;
  int64_t index, step = 0, copies = 1;
};

static std::optional<Access> accessOf(Operation &op) {
  if (auto read = dyn_cast<ReadOp>(op))
    return Access{read.getBuffer(), int64_t(read.getIndex()),
                  int64_t(read.getStep())};
  if (auto gather = dyn_cast<GatherOp>(op))
    return Access{gather.getBuffer(), int64_t(gather.getIndex()),
                  int64_t(gather.getStep())};
  if (auto write = dyn_cast<WriteOp>(op))
    return Access{write.getBuffer(), int64_t(write.getIndex()),
                  int64_t(write.getStep()), int64_t(write.getCopies())};
  if (auto scatter = dyn_cast<ScatterOp>(op))
    return Access{scatter.getBuffer(), int64_t(scatter.getIndex()),
                  int64_t(scatter.getStep())};
  return std::nullopt;
}

/// Whether first + times * step lies in [0, limit); what overflows does not.
static bool liesIn(int64_t first, int64_t times, int64_t step, int64_t limit,
                   int64_t &last) {
  int64_t way;
  if (llvm::MulOverflow(times, step, way) ||
      llvm::AddOverflow(first, way, last))
    last = way = INT64_MAX;
  return first >= 0 && first < limit && last >= 0 && last < limit;
}

LogicalResult ClusterOp::verify() {
  int64_t times = getTimes(), every = getEvery();
  // (cluster_c2)
  if (times < 1 || every < 1)
    return emitOpError() << "repeats " << times << " times every " << every
                         << " cycles, both are at least 1";
  std::optional<int64_t> chip;
  for (Operation &each : getBody().front()) {
    // (cluster_c5)
    if (!isa<ReadOp, GatherOp, WriteOp, ScatterOp, AluOp, PermuteOp, ShiftOp,
             DistributeOp, MultiplyOp>(each))
      return each.emitOpError(
          "is in a cluster, which holds operations on streams");
    std::optional<Access> access = accessOf(each);
    if (!access)
      continue;
    // (cluster_c3)
    int64_t last, count = countOf(access->buffer);
    if (!liesIn(access->index, times - 1, access->step, count, last) ||
        access->copies - 1 >= count - std::max(access->index, last))
      return each.emitOpError()
             << "takes vectors " << access->index << " to " << last
             << (access->copies > 1
                     ? " and " + std::to_string(access->copies - 1) + " more"
                     : "")
             << " of a buffer of " << count;
    // (cluster_c4)
    BufferOp buffer = bufferOf(access->buffer);
    if (!buffer)
      return each.emitOpError("is of vectors that are no buffer");
    if (chip && *chip != int64_t(buffer.getChip()))
      return each.emitOpError() << "is of chip " << buffer.getChip()
                                << ", its cluster is of chip " << *chip;
    chip = buffer.getChip();
  }
  return verifyTree(*this);
}

/// A map is read, of bytes, from memory of the hemisphere of who takes it.
static LogicalResult verifyMap(Operation *op, Value map, unsigned bits,
                               Value buffer) {
  auto read = map.getDefiningOp<ReadOp>();
  if (!read || !elementOf(map).isInteger(bits))
    return op->emitOpError() << "takes a map of " << elementOf(map) << " from "
                             << map.getDefiningOp()->getName()
                             << ", it must be i" << bits << " from lpu.read";
  BufferOp from = bufferOf(read.getBuffer()), target = bufferOf(buffer);
  if (from && target && from.getSide() != target.getSide())
    return op->emitOpError()
           << "takes a map from the " << stringifySide(from.getSide())
           << ", its buffer is in the " << stringifySide(target.getSide());
  return success();
}

LogicalResult GatherOp::verify() {
  return verifyMap(*this, getMap(), 8, getBuffer()); // (gather_c1)
}

LogicalResult PermuteOp::verify() {
  return verifyMap(*this, getMap(), 16, Value()); // (permute_c1)
}

static LogicalResult verifyTarget(Operation *op, Value target) {
  BufferOp buffer = bufferOf(target);
  if (!buffer || mayBeWritten(buffer.getKind()))
    return success();
  return op->emitOpError() << "writes to "
                           << stringifyBufferKind(buffer.getKind())
                           << " buffer \"" << buffer.getName()
                           << "\", which may only be read";
}

LogicalResult WriteOp::verify() {
  Type value = elementOf(getValue()), target = elementOf(getBuffer());
  // (write_c1)
  if (getByte() && int64_t(*getByte()) >= bytesOf(value))
    return emitOpError() << "takes byte " << int64_t(*getByte()) << " of "
                         << value << ", which has " << bytesOf(value);
  if (getByte() ? !target.isInteger(8) : value != target)
    return emitOpError() << "writes " << (getByte() ? "a byte of " : "")
                         << value << " to vectors of " << target;
  // (write_c3)
  if (int64_t(getCopies()) < 1)
    return emitOpError() << "writes " << int64_t(getCopies())
                         << " copies, at least 1 is needed";
  return verifyTarget(*this, getBuffer()); // (write_c2)
}

LogicalResult ScatterOp::verify() {
  // (scatter_c1)
  if (failed(verifyMap(*this, getMap(), 8, getBuffer())))
    return failure();
  // (scatter_c2)
  if (elementOf(getValue()) != elementOf(getBuffer()))
    return emitOpError() << "writes " << elementOf(getValue())
                         << " to vectors of " << elementOf(getBuffer());
  return verifyTarget(*this, getBuffer());
}

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

static bool isUnary(AluKind kind) {
  return llvm::is_contained({AluKind::Pass, AluKind::Neg, AluKind::Convert,
                             AluKind::Relu, AluKind::Exp2, AluKind::Rsqrt,
                             AluKind::Tanh},
                            kind);
}

/// Whether the second operand's bits count, not its numbers.
static bool takesBits(AluKind kind) {
  return llvm::is_contained({AluKind::And, AluKind::Or, AluKind::Xor,
                             AluKind::Shl, AluKind::Shr, AluKind::Mask,
                             AluKind::MaskNot},
                            kind);
}

/// The type of what an ALU computes of `operand`; null if it cannot.
static Type resultOf(AluKind kind, Type operand, Type result) {
  switch (kind) {
  case AluKind::Exp2:
  case AluKind::Rsqrt:
  case AluKind::Tanh:
    return operand.isF32() ? operand : Type();
  case AluKind::Gt:
  case AluKind::Ge:
  case AluKind::Eq:
    return isa<VectorType>(operand)
               ? operand
               : IntegerType::get(operand.getContext(), 32);
  case AluKind::Convert:
    return isa<VectorType>(operand) || isa<VectorType>(result) ? Type()
                                                               : result;
  default:
    return operand;
  }
}

LogicalResult AluOp::verify() {
  StringRef name = stringifyAluKind(getKind());
  // (alu_c1)
  if (isUnary(getKind()) == bool(getRhs()))
    return emitOpError() << name << " has " << (getRhs() ? 2 : 1)
                         << " operands, takes " << (getRhs() ? 1 : 2);
  Type lhs = elementOf(getLhs()), result = elementOf(getResult());
  if (Value rhs = getRhs()) {
    Type other = elementOf(rhs);
    if (takesBits(getKind()) ? bytesOf(lhs) != bytesOf(other) : lhs != other)
      return emitOpError() << name << " is of " << lhs << " and " << other;
  }
  // (alu_c2)
  if (resultOf(getKind(), lhs, result) != result)
    return emitOpError() << name << " of " << lhs << " to " << result
                         << " is no operation of an ALU";
  // (alu_c3)
  bool mayOverflow =
      llvm::is_contained({AluKind::Add, AluKind::Sub, AluKind::Mul}, getKind());
  if (getSaturate() && (!mayOverflow || isa<FloatType>(lhs)))
    return emitOpError() << name << " of " << lhs << " cannot saturate";
  return success();
}

LogicalResult MultiplyOp::verify() {
  Type value = elementOf(getValue()), result = elementOf(getResult());
  Type weights = getWeights().getType().getElementType();
  bool fits = value.isF16() ? result.isF32()
                            : value.isInteger(8) && result.isInteger(32);
  if (value == weights && fits)
    return success();
  return emitOpError() << value << " by " << weights << " to " << result
                       << ", a plane multiplies i8 to i32 and f16 to f32";
  // (multiply_c1)
}

/// (install_c1)
static LogicalResult verifyHalves(InstallOp op) {
  Type weights = op.getResult().getType().getElementType();
  for (Value buffer : {op.getBuffer(), op.getHigh()})
    if (buffer && !elementOf(buffer).isInteger(8))
      return op.emitOpError() << "is of vectors of " << elementOf(buffer)
                              << ", weights lie in i8";
  if (weights.isF16() != bool(op.getHigh()))
    return op.emitOpError() << "weights of " << weights << " come from "
                            << (op.getHigh() ? 2 : 1) << " buffers, must be "
                            << (op.getHigh() ? 1 : 2);
  BufferOp low = bufferOf(op.getBuffer()), high = bufferOf(op.getHigh());
  if (!low || !high)
    return success();
  if (low.getSide() != high.getSide() || low.getChip() != high.getChip() ||
      low.getType() != high.getType())
    return op.emitOpError()
           << "low bytes are " << low.getType().getCount() << " vectors in the "
           << stringifySide(low.getSide()) << " of chip " << low.getChip()
           << ", high bytes " << high.getType().getCount() << " in the "
           << stringifySide(high.getSide()) << " of chip " << high.getChip();
  return success();
}

LogicalResult InstallOp::verify() {
  if (failed(verifyHalves(*this)))
    return failure();
  // (install_c3)
  if (Value map = getMap()) {
    BufferOp of = bufferOf(map), buffer = bufferOf(getBuffer());
    if (countOf(map) != 1 || !elementOf(map).isInteger(8))
      return emitOpError() << "takes a map of " << countOf(map)
                           << " vectors of " << elementOf(map)
                           << ", it must be 1 of i8";
    if (of && buffer && of.getSide() != buffer.getSide())
      return emitOpError() << "takes a map from the "
                           << stringifySide(of.getSide())
                           << ", its buffer is in the "
                           << stringifySide(buffer.getSide());
  }
  // (install_c4)
  if (getExpand() && getHigh())
    return emitOpError("expands weights of f16, must be i8");
  return success();
}

/// A stream of what a buffer holds.
static Type streamOf(Value buffer) {
  auto type = cast<VectorsType>(buffer.getType());
  return StreamType::get(type.getContext(), type.getElementType());
}

LogicalResult ReadOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                       ReadOp::Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(streamOf(adaptor.getBuffer()));
  return success();
}

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                         GatherOp::Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  types.push_back(streamOf(adaptor.getBuffer()));
  return success();
}
