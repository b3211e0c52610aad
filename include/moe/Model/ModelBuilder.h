//===- ModelBuilder.h - emits a model while tensors are found ---*- C++ -*-===//
#ifndef MOE_MODEL_MODELBUILDER_H
#define MOE_MODEL_MODELBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Model/Checkpoint.h"
#include "moe/Model/Rope.h"
#include "llvm/ADT/StringSet.h"

namespace moe {

/// Part of a tensor of the checkpoint.
struct TensorSlice {
  const SafetensorsTensor *tensor;
  uint64_t offset; ///< in bytes, from the beginning of the tensor
  uint64_t length;
};

/// What moe.model and the signature of @forward need to know.
struct ModelSignature {
  int64_t vocabulary = 1, context = 1;
  int64_t layers = 1, kvHeads = 1, headSize = 1; ///< of the state of attention
};

/// Emits one moe.model: begin(), then weights and values in any order, then
/// endForward(). Like Config it keeps the first error and goes on harmlessly;
/// finish() reports it.
class ModelBuilder {
public:
  ModelBuilder(mlir::MLIRContext &context, const Checkpoint &checkpoint,
               llvm::StringRef family);

  /// Creates the model and opens @forward.
  void begin(const ModelSignature &signature);
  /// Takes the wanted rows' logits and closes @forward.
  void endForward(mlir::Value logits);

  bool failed() const { return !message.empty(); }
  void fail(llvm::Error error);
  /// The verified module, or the first error. A tensor of the checkpoint that
  /// no weight has used is an error as well: the configuration does not
  /// describe this checkpoint.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> finish();

  //===--- Weights --------------------------------------------------------===//

  bool hasTensor(llvm::StringRef tensor) const;
  /// The first of these tensors that exists; the first of all if none does.
  std::string firstOf(llvm::ArrayRef<std::string> tensors) const;
  /// The tensor if it has this shape; null and an error if not. It counts as
  /// used from now on.
  const SafetensorsTensor *find(llvm::StringRef tensor,
                                llvm::ArrayRef<int64_t> shape);
  /// This tensor need not be used.
  void allowUnused(llvm::StringRef tensor);

  /// A whole tensor as a weight.
  mlir::FlatSymbolRefAttr weight(llvm::StringRef symbol, llvm::StringRef tensor,
                                 llvm::ArrayRef<int64_t> shape);
  /// Slices, one after the other, as a weight.
  mlir::FlatSymbolRefAttr weight(llvm::StringRef symbol,
                                 llvm::ArrayRef<TensorSlice> slices,
                                 llvm::ArrayRef<int64_t> shape);
  mlir::FlatSymbolRefAttr ropeTable(llvm::StringRef symbol, RopeLayout layout,
                                    const RopeFrequencies &rope);

  //===--- Values ---------------------------------------------------------===//

  /// Operations from here on are located at `name`, so that diagnostics and
  /// traces can say which part of the model they belong to.
  void setLocation(const llvm::Twine &name);

  mlir::Value getTokens() const { return argument(0); }
  mlir::Value getSequences() const { return argument(1); }
  mlir::Value getPositions() const { return argument(2); }
  mlir::Value getWanted() const { return argument(3); }

  mlir::Value embed(mlir::FlatSymbolRefAttr table, int64_t features);
  mlir::Value pickWanted(mlir::Value rows);
  mlir::Value rmsNorm(mlir::Value rows, mlir::FlatSymbolRefAttr scale,
                      double epsilon, int64_t groups = 1);
  /// `bias` may be null.
  mlir::Value linear(mlir::Value rows, mlir::FlatSymbolRefAttr weight,
                     mlir::FlatSymbolRefAttr bias, int64_t features);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value clamp(mlir::Value rows, double limit);
  mlir::Value rope(mlir::Value rows, llvm::StringRef table, int64_t heads);
  /// Stores keys and values, then attends. The state is threaded by the
  /// builder.
  mlir::Value attention(mlir::Value queries, mlir::Value keys,
                        mlir::Value values, int64_t layer, int64_t heads,
                        double scale, std::optional<int64_t> window);

  mlir::OpBuilder &getBuilder() { return body; }
  mlir::Location getLocation() const { return location; }
  /// tensor<?x`features`xf32>.
  mlir::RankedTensorType rowsType(int64_t features,
                                  mlir::Type element = nullptr);

private:
  mlir::Value argument(unsigned index) const;
  llvm::Error checkAllUsed() const;
  mlir::Type elementType(llvm::StringRef dtype);

  const Checkpoint &checkpoint;
  std::string family;
  mlir::OpBuilder declarations, body;
  mlir::Location location;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp forward;
  mlir::Value kv;
  llvm::StringSet<> used;
  std::string message;
};

} // namespace moe

#endif // MOE_MODEL_MODELBUILDER_H
