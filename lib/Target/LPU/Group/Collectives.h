//===- Collectives.h - what chips of a group exchange -----------*- C++ -*-===//
//
// Steps of several chips at once: there is a value, a buffer of f32 vectors, for
// each. All of them are in the east, where the links are. In a mirrored program
// the first chip stands for all.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_LPU_GROUP_COLLECTIVES_H
#define MOE_LIB_TARGET_LPU_GROUP_COLLECTIVES_H

#include "Group/Partition.h"
#include "Lowering/Emitter.h"

namespace moe::lpu {

class Collectives {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  /// `chips` are the emitters of all chips of one stage.
  Collectives(llvm::ArrayRef<Emitter *> chips, const Partition &partition)
      : chips(chips), size(partition.chips), isMirrored(partition.isMirrored) {}

  /// The sum of all, on each chip, in the same bits: all add in the order of
  /// the chips. In one exchange or, if that is quicker, in two, each chip
  /// adding up some of the vectors.
  Values allReduce(llvm::StringRef name, llvm::ArrayRef<Value> values);
  /// The same, each way.
  Values reduceInOne(llvm::StringRef name, llvm::ArrayRef<Value> values);
  Values reduceInTwo(llvm::StringRef name, llvm::ArrayRef<Value> values);

  /// All pieces one after the other, on each chip.
  Values allGather(llvm::StringRef name, llvm::ArrayRef<Value> pieces);
  /// The same on the first chip only, into a buffer that is there.
  void gather(llvm::StringRef name, llvm::ArrayRef<Value> pieces, Value into);
  /// A value of the first chip on each.
  Values broadcast(llvm::StringRef name, Value value);
  /// The values of another stage's chips, each to its like in `next`; of any
  /// type.
  static Values handOver(llvm::StringRef name, llvm::ArrayRef<Value> values,
                         llvm::ArrayRef<Emitter *> next);

private:
  /// Chips that are written.
  int64_t count() const { return int64_t(chips.size()); }
  /// What `chip` sees of the value of `peer`.
  Value of(llvm::ArrayRef<Value> values, int64_t peer) const {
    return values[isMirrored ? 0 : peer];
  }
  /// Vectors [from, from + vectors) of the peer's value to the chip's.
  void receive(llvm::StringRef name, int64_t chip, int64_t peer, Value value,
               int64_t from, int64_t vectors, Value target, int64_t into);
  void addUp(llvm::StringRef name, int64_t chip, int64_t vector,
             llvm::ArrayRef<std::pair<Value, int64_t>> terms, Value sum);

  llvm::ArrayRef<Emitter *> chips;
  int64_t size;
  bool isMirrored;
};

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_GROUP_COLLECTIVES_H
