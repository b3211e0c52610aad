//===- ExitPolicy.h - who says how sure a token is --------------*- C++ -*-===//
//
// An exit policy is a folder in lib/Exit/Policies. It writes IR that computes
// one number for each row that may leave: the larger, the surer. The row leaves
// if the number reaches a threshold, which is data and may be calibrated; a
// policy only says which one is meant where nobody says.
//===----------------------------------------------------------------------===//
#ifndef MOE_EXIT_EXITPOLICY_H
#define MOE_EXIT_EXITPOLICY_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace moe {

/// Values that a policy hands from one exit to the next. One row for each entry
/// that asks there; whoever builds the exits keeps those that go on.
using ExitState = llvm::SmallVector<mlir::Value, 2>;

/// An exit, as far as it is known where a row is judged. All values have one
/// row for each entry that asks.
struct ExitSite {
  ModelOp model;
  int64_t index = 0;  ///< of the exit, from 0
  int64_t layers = 0; ///< that have run
  /// The residual stream behind the layer, tensor<?xDxf32>, and in front of it:
  /// the latter null unless the policy needs it.
  mlir::Value features, featuresBefore;
  /// Logits of the exit's head, tensor<?xVxf32>; null unless the policy needs
  /// them.
  mlir::Value logits;
  /// What the policy left at the exit before; empty at the first.
  ExitState before;
};

/// What a policy says of the rows of an exit.
struct ExitScores {
  mlir::Value scores; ///< tensor<?x1xf32>
  ExitState state;    ///< for the next exit
  /// Numbers that a recording should have, tensor<?x1xf32> each; a policy that
  /// is fitted finds them in the samples that it is fitted on.
  llvm::SmallVector<mlir::Value, 4> watched;
};

/// What a run recorded of one token at all exits, all of them passed by.
struct ExitSample {
  struct AtExit {
    double score = 0;
    std::vector<double> watched;
    bool agrees = false; ///< the exit's best token is that of the last layer
  };
  std::vector<AtExit> exits;
};

class ExitPolicy {
public:
  virtual ~ExitPolicy() = default;
  virtual llvm::StringRef getName() const = 0;
  /// One line for --help.
  virtual llvm::StringRef getSummary() const = 0;
  /// Whether scores need logits at every exit. Else the head is run only for
  /// rows that leave.
  virtual bool needsLogits() const { return true; }
  /// Whether ExitSite::featuresBefore is needed.
  virtual bool needsFeaturesBefore() const { return false; }
  /// The least and the largest score; thresholds beyond are pointless.
  virtual std::pair<double, double> getRange() const { return {0, 1}; }
  /// Those that a calibration tries in a model with so many exits, most careful
  /// first: one threshold for all exits each. No prompt may have a say in them.
  /// From a 256th of the range below its end, in steps that grow by the root
  /// of 2.
  virtual std::vector<double> getThresholdsToTry(int64_t exits) const;
  /// Where nobody says.
  virtual double getDefaultThreshold() const = 0;
  /// Whether `fit` must come before scores mean anything.
  virtual bool needsFit() const { return false; }
  /// Learns from samples of a module that was compiled with the policy as it
  /// is. Deterministic.
  virtual llvm::Error fit(llvm::ArrayRef<ExitSample> samples);
  /// What `fit` found, for a policy that is made later: a certificate of a
  /// fitted policy holds only together with these numbers. Empty: nothing is
  /// fitted.
  virtual std::vector<double> getFit() const { return {}; }
  /// Takes them back; fails if they are not such, of so many exits.
  virtual llvm::Error setFit(llvm::ArrayRef<double> numbers, size_t exits);
  virtual ExitScores buildScores(mlir::ImplicitLocOpBuilder &builder,
                                 const ExitSite &site) const = 0;
};

} // namespace moe

#endif // MOE_EXIT_EXITPOLICY_H
