//===- Weights.h - the matrices behind weights ------------------*- C++ -*-===//
#ifndef MOE_LIB_REFERENCE_WEIGHTS_H
#define MOE_LIB_REFERENCE_WEIGHTS_H

#include "moe/Model/WeightData.h"
#include "moe/Reference/Evaluator.h"

namespace moe::reference {

/// A matrix that went through its code.
struct CodedMatrix {
  int64_t rows = 0, columns = 0;
  int64_t rotation = 0;        ///< block of rotated columns; 0: none
  int64_t groupColumns = 0;    ///< of one scale
  std::vector<int16_t> levels; ///< [row][column]: less offset and zero
  std::vector<float> scales;   ///< [row][group]

  int64_t getGroups() const {
    return (columns + groupColumns - 1) / groupColumns;
  }
};

using WeightMatrix = std::variant<Matrix, CodedMatrix>;

/// Reads weights, matrix by matrix, and encodes those that are stored as codes.
class WeightReader {
public:
  /// Lives on while somebody holds it, kept or not.
  using Handle = std::shared_ptr<const WeightMatrix>;

  WeightReader(ModelOp model, EvaluatorOptions options)
      : model(model), options(options), data(model.getDirectory()) {}

  /// Matrix `index` of the weight that `reference` names; null for null.
  llvm::Expected<Handle> read(mlir::FlatSymbolRefAttr reference,
                              int64_t index = 0);

private:
  llvm::Expected<WeightMatrix> load(WeightOp weight, int64_t index);

  ModelOp model;
  EvaluatorOptions options;
  WeightData data;
  std::map<std::pair<std::string, int64_t>, Handle> kept;
};

template <typename... Parts> llvm::Error failure(const Parts &...parts) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  (stream << ... << parts);
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

} // namespace moe::reference

#endif // MOE_LIB_REFERENCE_WEIGHTS_H
