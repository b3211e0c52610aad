//===- CodedWeights.h - the codes of a model's weights ----------*- C++ -*-===//
//
// Encoding may take hours, so codes go to a file beside the module as they are
// made. Whoever is interrupted and starts again goes on where the file ends.
//===----------------------------------------------------------------------===//
#ifndef MOE_CONTAINER_CODEDWEIGHTS_H
#define MOE_CONTAINER_CODEDWEIGHTS_H

#include "moe/Analysis/ParameterPlan.h"
#include "moe/Quant/CalibrationSource.h"
#include <functional>

namespace moe {

struct Registry;
class CodeCache;

struct EncodingInput {
  ModelOp model;
  const ParameterPlan *plan = nullptr;
  const Registry *registry = nullptr;
  EncodeOptions options;
  CalibrationSource *calibration = nullptr; ///< null: nearest codes
  /// What determines the codes beside the model and its files: the build, and
  /// the text of the calibration. Codes made under another key are not used.
  std::string key;
  std::string cachePath; ///< the file beside the module
  /// Called with bytes of values encoded and in all; may be null.
  std::function<void(uint64_t, uint64_t)> progress;
  /// Called with a line about a cache that was found; may be null.
  std::function<void(llvm::StringRef)> note;
};

/// What became of one matrix.
struct CodedMatrix {
  WeightOp weight;
  int64_t index = 0;   ///< expert, or 0
  uint64_t offset = 0; ///< of its codes, from the first matrix's
  uint64_t size = 0;   ///< bytes
  EncodeErrors errors;
  int64_t inputRows = -1; ///< of the calibration; -1: there was none
};

class CodedWeights {
public:
  /// Encodes every matrix that is stored as a code, in the order of the plan,
  /// one at a time. The result depends on neither threads nor interruptions.
  /// After an error in the input the file is gone; after a failure to write, it
  /// stays for the next attempt.
  static llvm::Expected<std::unique_ptr<CodedWeights>>
  encode(const EncodingInput &input);
  ~CodedWeights();

  /// Bytes [offset, offset + out.size()) of the codes of a weight.
  llvm::Error read(WeightOp weight, uint64_t offset,
                   llvm::MutableArrayRef<char> out) const;
  /// In the order in which they were encoded.
  llvm::ArrayRef<CodedMatrix> getMatrices() const { return matrices; }
  /// Removes the file: the module is complete.
  void discard();

private:
  CodedWeights();
  llvm::Error run(const EncodingInput &input);

  std::vector<CodedMatrix> matrices;
  llvm::DenseMap<std::pair<mlir::Operation *, int64_t>, size_t> places;
  std::unique_ptr<CodeCache> cache;
};

} // namespace moe

#endif // MOE_CONTAINER_CODEDWEIGHTS_H
