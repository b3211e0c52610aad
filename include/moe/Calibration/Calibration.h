//===- Calibration.h - a text shows what meets each weight ------*- C++ -*-===//
//
// Runs a model on a text, operation by operation, on its original weights, and
// keeps the rows that the encoder asks for. Memory is that of the rows of a few
// values, and of one matrix of weights.
//===----------------------------------------------------------------------===//
#ifndef MOE_CALIBRATION_CALIBRATION_H
#define MOE_CALIBRATION_CALIBRATION_H

#include "moe/Quant/CalibrationSource.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <string>
#include <vector>

namespace moe {

struct CalibrationOptions {
  /// Names the text in messages: its path.
  std::string origin = "calibration text";
  /// Tokens of a window, which is one sequence; the model's context, if that is
  /// smaller. What is left behind the last whole window is not used.
  int64_t window = 512;
  /// Most windows that are used, spread evenly over the text; 0: all.
  int64_t windows = 64;
  /// Rows are scaled by how much an error in them matters, so that sums of
  /// squares count them so: by the uncertainty of the next token, and an
  /// expert's by the weight that the router gives it. False: rows as they are.
  bool weighRows = true;
  int64_t threads = 0; ///< 0: one for each processor
};

/// An expert that no row of the text was routed to.
struct UnreachedExpert {
  std::string gate; ///< symbol of its bank of gates
  int64_t layer = 0, expert = 0;
};

class Calibration : public CalibrationSource {
public:
  /// `model` is copied, and may change later: weights are known by their
  /// symbols, and clones of weights by their sources. It may be marked already:
  /// codes, rotations and moe.quantize are looked through, original weights and
  /// f32 rows are what is multiplied. Fails if the model has no tokenizer
  /// (`tokenizerJson` is empty), or the text is shorter than one window.
  static llvm::Expected<std::unique_ptr<Calibration>>
  create(ModelOp model, llvm::StringRef tokenizerJson, llvm::StringRef text,
         const CalibrationOptions &options);
  /// Of a text that is tokens already.
  static llvm::Expected<std::unique_ptr<Calibration>>
  create(ModelOp model, llvm::ArrayRef<int32_t> tokens,
         const CalibrationOptions &options);
  ~Calibration() override;

  /// Rows of a weight that several operations use are those of the first. In
  /// the order of ParameterPlan the model runs once; asking back runs it anew.
  /// The rows depend on nothing but model and text.
  llvm::Expected<InputRows> getInputs(WeightOp weight, int64_t matrix) override;

  /// Tokens that are used, in whole windows.
  int64_t getTokens() const;
  int64_t getWindow() const;
  /// The `count` words that are most frequent there, of equal ones those with the
  /// lowest numbers; ascending.
  std::vector<int64_t> getFrequentWords(int64_t count) const;

  /// Runs what is left of the model. By layer, then expert.
  llvm::Expected<std::vector<UnreachedExpert>> findUnreachedExperts();

  /// By symbol, for each linear, mlp and experts weight that is one of
  /// `weights`: nats of Kullback-Leibler divergence of the next token that
  /// relative error 1 (squared error as large as the weights' squares) of this
  /// weight alone would cost, were the loss proportional to it: measured with
  /// an error of the size that 3.5 bits have. See Sensitivity.cpp.
  llvm::Expected<llvm::StringMap<double>>
  measureSensitivities(llvm::ArrayRef<std::string> weights);

private:
  struct State;
  explicit Calibration(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

/// One line: "2 of 48 experts were never reached by the calibration text:
/// layers.0.experts.gate 3, layers.4.experts.gate 7"; the first few by name.
std::string describeUnreached(llvm::ArrayRef<UnreachedExpert> experts,
                              int64_t all);

} // namespace moe

#endif // MOE_CALIBRATION_CALIBRATION_H
