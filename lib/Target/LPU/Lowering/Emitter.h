//===- Emitter.h - short words for writing lpu programs ---------*- C++ -*-===//
//
// Buffers come first in a program, then what uses them. A constant is made once
// for each hemisphere that asks for it.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_LPU_LOWERING_EMITTER_H
#define MOE_LIB_TARGET_LPU_LOWERING_EMITTER_H

#include "IR/Lpu.h"
#include "lpu/Machine.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

namespace moe::lpu {

/// The tree of one cluster, leaves first.
class Tree {
public:
  using Value = mlir::Value;

  explicit Tree(mlir::ImplicitLocOpBuilder &b) : b(b) {}

  Value read(Value buffer, int64_t index = 0, int64_t step = 0);
  /// `map` is a buffer of one i8 vector.
  Value gather(Value buffer, int64_t index, Value map, int64_t step = 0);
  /// By a map that is read, i16.
  Value permute(Value value, Value map);
  Value multiply(Value value, Value weights);

  Value alu(AluKind kind, Value lhs, Value rhs, mlir::Type result = {});
  Value alu(AluKind kind, Value operand) { return alu(kind, operand, {}); }
  Value add(Value a, Value b) { return alu(AluKind::Add, a, b); }
  Value sub(Value a, Value b) { return alu(AluKind::Sub, a, b); }
  Value mul(Value a, Value b) { return alu(AluKind::Mul, a, b); }
  Value convert(Value value, mlir::Type element);
  /// 1 / x^2 of two equal streams of x: the machine does not divide, and a
  /// result goes to one place.
  Value inverse(Value x, Value again) {
    return mul(alu(AluKind::Rsqrt, x), alu(AluKind::Rsqrt, again));
  }

  void write(Value value, Value buffer, int64_t index = 0, int64_t step = 0);
  void writeByte(Value value, int64_t byte, Value buffer, int64_t index,
                 int64_t step, int64_t copies);
  void scatter(Value value, Value buffer, int64_t index, Value map);

private:
  mlir::ImplicitLocOpBuilder &b;
};

class Emitter {
public:
  using Value = mlir::Value;

  /// Writes for one of the program's chips. Without results, only the time
  /// that it takes is of interest.
  Emitter(ProgramOp program, const moert::lpu::Machine &machine,
          int64_t chip = 0, bool results = true);

  int64_t width() const { return machine.width(); }
  const moert::lpu::Machine &getMachine() const { return machine; }
  bool hasResults() const { return results; }
  mlir::Type f32, f16, i32, i16, i8;

  //===--- Buffers --------------------------------------------------------===//

  Value buffer(BufferKind kind, llvm::StringRef name, Side side, int64_t count,
               mlir::Type element);
  Value temporary(llvm::StringRef name, Side side, int64_t count = 1,
                  mlir::Type element = {}) {
    return buffer(BufferKind::Temporary, name, side, count,
                  element ? element : f32);
  }
  Value parameter(llvm::StringRef name, Side side, int64_t count,
                  mlir::Type element, llvm::ArrayRef<mlir::Attribute> loads);
  LoadAttr load(llvm::StringRef name, int64_t parameter, int64_t matrix,
                Field field, int64_t first, llvm::ArrayRef<int32_t> rows,
                llvm::ArrayRef<int32_t> columns, bool transposed = false,
                llvm::ArrayRef<float> factors = {});

  /// One vector, the same number in each lane.
  Value splat(double value, Side side);
  Value splatBits(uint32_t bits, mlir::Type element, Side side);
  /// One vector of f32, or of i32 or i16 from integers.
  Value lanes(llvm::ArrayRef<float> values, Side side);
  Value lanes(llvm::ArrayRef<int32_t> values, mlir::Type element, Side side);
  /// Vectors of bytes, `width` numbers each.
  Value bytes(llvm::ArrayRef<int8_t> values, Side side);
  /// As many vectors as numbers.
  Value splats(llvm::StringRef name, llvm::ArrayRef<float> values, Side side);

  static Side sideOf(Value buffer);
  static Side other(Side side) {
    return side == Side::West ? Side::East : Side::West;
  }
  static int64_t countOf(Value buffer) {
    return mlir::cast<VectorsType>(buffer.getType()).getCount();
  }

  //===--- Steps ----------------------------------------------------------===//

  void cluster(const llvm::Twine &name, llvm::function_ref<void(Tree &)> body,
               int64_t times = 1, int64_t every = 1);
  Value install(const llvm::Twine &name, Value tiles, int64_t index,
                Value map = {}, bool expand = false);
  Value installHalves(const llvm::Twine &name, Value low, Value high,
                      int64_t index);
  /// To another chip, whichever a link of the source's chip goes to.
  void transfer(const llvm::Twine &name, Value source, int64_t from,
                Value target, int64_t into, int64_t link);
  /// One vector of f32 as the other hemisphere's memory has it.
  Value copyTo(Side side, Value buffer);
  /// All vectors of a buffer into one of as many.
  void copy(const llvm::Twine &name, Value from, Value into);
  void interface(llvm::function_ref<void(mlir::ImplicitLocOpBuilder &)> body) {
    body(steps);
  }
  /// Ends a segment that is behind all others; what comes next goes before it.
  mlir::Operation *boundary(const llvm::Twine &name, Value score = {});
  /// What comes next goes before this boundary, or to the end.
  void goBefore(mlir::Operation *boundary);

private:
  Value constant(std::string key, mlir::DenseElementsAttr values, Side side,
                 mlir::Type element, int64_t count);

  const moert::lpu::Machine &machine;
  int64_t chip;
  bool results;
  mlir::ImplicitLocOpBuilder buffers, steps;
  llvm::StringMap<Value> constants;
};

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_LOWERING_EMITTER_H
