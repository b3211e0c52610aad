//===- Program.h - what is scheduled: buffers, trees, loads -----*- C++ -*-===//
//
// A program of clusters and installs as numbers: tasks, whose instructions have
// fixed times relative to the task's start.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_LPU_SCHEDULE_PROGRAM_H
#define MOE_LIB_TARGET_LPU_SCHEDULE_PROGRAM_H

#include "IR/Lpu.h"
#include "IR/Machines.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace moe::lpu {

/// A buffer with its place.
struct PlacedBuffer {
  BufferOp op;
  int64_t chip = 0, bytes = 0, count = 0;
  int side = 0; ///< 0 west, 1 east
  llvm::SmallVector<int64_t> slices;
  int64_t row = 0, step = 1;
  bool isDynamic = false; ///< a gather or scatter touches it
  int64_t firstCell = 0;  ///< what depends on what is decided by cells

  int64_t groups() const { return int64_t(slices.size()) / bytes; }
  int64_t rowOf(int64_t vector) const {
    return row + vector / groups() * step;
  }
  int64_t sliceOf(int64_t vector, int64_t plane) const {
    return slices[vector % groups() * bytes + plane];
  }
  /// Who touches a cell does it in the order of the program.
  int64_t cells() const { return isDynamic ? groups() : count; }
  int64_t cellOf(int64_t vector) const {
    return firstCell + (isDynamic ? vector % groups() : vector);
  }
};

enum class NodeKind : uint8_t {
  Read,
  Gather,
  Alu,
  Permute,
  Shift,
  Distribute,
  Multiply
};

/// An operation of a cluster. What flows from it is a token, unless an ALU takes
/// it from an ALU.
struct Node {
  NodeKind kind = NodeKind::Read;
  mlir::Operation *op = nullptr;
  moert_lpu_instruction_t word = {}; ///< opcode, types, imm
  int64_t bytes = 0;                 ///< of the result
  int operands[2] = {-1, -1};
  int map = -1;
  int buffer = -1;
  int64_t index = 0, step = 0;
  int weights = -1;  ///< task that installs them
  int side = -1;     ///< of the unit; of an ALU's result, if it is a token
  bool outward = false;
  int64_t time = 0;  ///< of its dispatch; of reads, see PortUse
  int token = -1;
};

/// A place to which the root is written, or one of its bytes.
struct Sink {
  mlir::Operation *op = nullptr;
  int64_t byte = -1;
  int buffer = -1;
  int64_t index = 0, step = 0;
  int map = -1;
};

/// A vector on a diagonal: of column + cycle if it flows inward, to the VXM, of
/// cycle - column if it flows outward. Columns count from the VXM.
struct Token {
  int side = 0;
  bool outward = false;
  int64_t diagonal = 0;
  int64_t low = 0, high = 0; ///< first and last column in which it must live
  int64_t bytes = 0;
  int uses = 0;
};

/// A sequence of accesses to one slice: every `every` cycles one, `times` in all,
/// of the repetitions first, first + stride, ...
struct PortUse {
  int side = 0;
  int64_t slice = 0;
  bool writes = false;
  uint8_t banks = 1; ///< set of those that it may touch
  int64_t time = 0, times = 1, every = 1;
  int64_t first = 0, stride = 1;
  int64_t row = 0, rowStep = 0;
  int node = -1, sink = -1; ///< one of them
  int64_t plane = 0;        ///< byte of the vector
};

/// An access as dependences see it.
struct Touch {
  int buffer = -1;
  int64_t index = 0, step = 0;
  bool writes = false;
  int64_t first = 0, last = 0; ///< cycles of its byte planes, first time
  int64_t done = 1;            ///< cycles after `last` in which it is over
  int64_t times = 1, every = 1;
  int half = 0; ///< of an install
};

struct Edge {
  int task = 0;
  int64_t cycles = 0; ///< least, from start to start
};

/// A vector over a wire.
struct Transfer {
  int source = -1, target = -1; ///< buffers
  int64_t chip = 0;             ///< of the target
  int64_t link = 0, peer = 0;   ///< at the source, at the target
  int64_t send = 0;             ///< first SEND, relative
};

/// A cluster, an install or a transfer.
struct Task {
  mlir::Operation *op = nullptr;
  std::string name;
  bool isInstall = false, isTransfer = false;
  int64_t chip = 0;
  int64_t times = 1, every = 1;

  // A cluster: the last node is the root.
  std::vector<Node> nodes;
  std::vector<Sink> sinks;
  int root = -1;
  std::vector<Token> tokens;
  /// Pairs of tokens that meet, and so differ in their streams.
  std::vector<llvm::SmallVector<int, 4>> meets;

  // An install: a buffer of columns, f16 two.
  llvm::SmallVector<int, 2> buffers;
  int64_t index = 0;
  int map = -1; ///< buffer
  bool expands = false;
  int side = 0;
  std::vector<int> users; ///< clusters

  Transfer transfer;

  std::vector<PortUse> ports;
  std::vector<Touch> touches;
  std::vector<int> installs; ///< whose weights it multiplies by
  std::vector<Edge> successors;
  int predecessors = 0;
  int64_t height = 0; ///< least cycles from its start to the end
  int64_t begin = 0, end = 0; ///< of repetition 0, relative
};

/// The steps of one segment.
struct ProgramPiece {
  std::string name;
  mlir::Value score; ///< of an exit
  llvm::SmallVector<mlir::Operation *> steps;
};

/// What lies between boundaries.
std::vector<ProgramPiece> cutProgram(ProgramOp op);

struct ScheduleProgram {
  ProgramOp op;
  bool isPiece = false; ///< of several
  Machine machine;
  std::vector<PlacedBuffer> buffers;
  std::vector<Task> tasks; ///< in the order of the program
  int64_t cells = 0;
  int64_t chips = 1;
};

/// Reads buffers, clusters and installs.
mlir::LogicalResult readProgram(ProgramOp op, const ProgramPiece &piece,
                                ScheduleProgram &program);

/// Chooses sides, and all times but the start of a cluster.
mlir::LogicalResult shapeTree(const ScheduleProgram &program, Task &task);

/// Lists the ports and touches of an install, of which plane does not matter.
mlir::LogicalResult shapeInstall(const ScheduleProgram &program, Task &task);

/// Lists the ports of both chips: reads, of each plane one, before writes.
mlir::LogicalResult shapeTransfer(const ScheduleProgram &program, Task &task);

/// Draws edges between tasks, and measures heights.
void findDependences(ScheduleProgram &program);
/// Whether repetitions of a cluster get what they wait for.
mlir::LogicalResult checkRepetitions(const ScheduleProgram &program,
                                     const Task &task);
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_SCHEDULE_PROGRAM_H
