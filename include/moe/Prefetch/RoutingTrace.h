//===- RoutingTrace.h - what routers chose, read from a file ----*- C++ -*-===//
#ifndef MOE_PREFETCH_ROUTINGTRACE_H
#define MOE_PREFETCH_ROUTINGTRACE_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace moe {

/// A trace as moert/abi/routing.h lays it out, checked. Rows are in the order
/// of computing; index l counts layers that have experts.
struct RoutingTrace {
  struct Row {
    int32_t token, sequence, position, forward;
  };
  std::string path, modelName, predictor;
  uint64_t model = 0;      ///< fingerprint
  std::vector<int> layers; ///< decoder layers, ascending
  int64_t experts = 0, chosen = 0, guesses = 0;
  std::vector<Row> rows;
  /// [layer][row][...], so that a layer's rows are one matrix.
  std::vector<std::vector<float>> logits;     ///< [rows][experts]
  std::vector<std::vector<int32_t>> choices;  ///< [rows][chosen]
  std::vector<std::vector<float>> weights;    ///< [rows][chosen]
  std::vector<std::vector<int32_t>> guessed;  ///< [rows][guesses]; -1: none
  std::vector<std::vector<float>> confidence; ///< [rows][guesses]

  /// Fails, naming file and both numbers, on anything that is no whole trace.
  static llvm::Expected<RoutingTrace> read(llvm::StringRef path);
  /// The same of bytes in memory; messages name no file.
  static llvm::Expected<RoutingTrace> parse(llvm::StringRef bytes);
  /// Fails unless the trace is of this model.
  llvm::Error verifyModel(ModelOp model) const;
  /// Rows [begin, end) alone: to fit on one part and judge on another.
  RoutingTrace slice(int64_t begin, int64_t end) const;
  /// Some rows alone, ascending.
  RoutingTrace pick(llvm::ArrayRef<int64_t> chosenRows) const;
};

} // namespace moe

#endif // MOE_PREFETCH_ROUTINGTRACE_H
