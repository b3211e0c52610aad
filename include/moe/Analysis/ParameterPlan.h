//===- ParameterPlan.h - which run of bytes holds which weight --*- C++ -*-===//
//
// A parameter is what the runtime places as a whole: one weight, all three
// matrices of one expert, or a rope table. Compiled code reaches it through one
// pointer, so a runtime can keep experts on disk and move them.
//===----------------------------------------------------------------------===//
#ifndef MOE_ANALYSIS_PARAMETERPLAN_H
#define MOE_ANALYSIS_PARAMETERPLAN_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <string>
#include <vector>

namespace moe {

/// Bytes [offset, offset + size) of a weight as it is stored: of its elements,
/// or of its code.
struct WeightSlice {
  WeightOp weight;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct Parameter {
  enum class Kind { Tensor, Expert, RopeTable };
  Kind kind = Kind::Tensor;
  std::string name; ///< of the weight; "<gate>.<expert>" for an expert
  /// Its bytes, one slice after the other; empty for a table.
  llvm::SmallVector<WeightSlice, 3> data;
  RopeTableOp table;  ///< for Kind::RopeTable
  int64_t layer = -1; ///< decoder layer, for experts
  int64_t expert = -1;
  bool isOfExits = false; ///< only exits read it
  uint64_t size = 0; ///< bytes
  /// In section WEIGHTS: 64-byte aligned, 4096 for experts.
  uint64_t offset = 0;
};

/// The parameters of a model in the order of moert_abi_forward_t::parameters:
/// that of their use by the model, whatever its schedule; then those that only a
/// schedule uses.
/// Only symbols that the model's functions use are listed. A weight used both
/// by moe.experts and elsewhere is listed for both.
class ParameterPlan {
public:
  explicit ParameterPlan(ModelOp model);

  llvm::ArrayRef<Parameter> getParameters() const { return parameters; }
  /// Index of the parameter of a weight or rope table that is used as a whole.
  int64_t getIndex(llvm::StringRef symbol) const;
  /// Index of expert 0 of this operation; expert e has this index + e.
  int64_t getFirstExpert(ExpertsOp op) const;
  /// Whether code that was made for the one finds its parameters in the other.
  bool isLaidOutAs(const ParameterPlan &other) const;
  /// Size of section WEIGHTS in bytes.
  uint64_t getTotalSize() const { return totalSize; }
  /// Bytes of weights that one decoded token reads: all tensors but embedding
  /// tables (of which one row), and the chosen experts only. Weights that only
  /// exits read are not counted.
  uint64_t getActiveBytes() const { return activeBytes; }
  /// Multiply-adds with weights for one token; the logits' linear and work of
  /// exits not counted.
  uint64_t getMacs() const { return macs; }

private:
  std::vector<Parameter> parameters;
  llvm::StringMap<int64_t> bySymbol;
  llvm::DenseMap<mlir::Operation *, int64_t> firstExpert;
  uint64_t totalSize = 0, activeBytes = 0, macs = 0;
};

} // namespace moe

#endif // MOE_ANALYSIS_PARAMETERPLAN_H
