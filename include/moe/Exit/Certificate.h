//===- Certificate.h - how far thresholds may be trusted --------*- C++ -*-===//
#ifndef MOE_EXIT_CERTIFICATE_H
#define MOE_EXIT_CERTIFICATE_H

#include "moe/Exit/LearnThenTest.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace moe {

/// P(risk > delta) <= epsilon at these thresholds, for prompts like those that
/// it was made of; and for which exits of which model. Also what --exit-report writes
/// and --exit-certificate reads.
struct ExitCertificate {
  int64_t prompts = 0; ///< that tested; others may have been learned from
  /// Share of them that the full model answers correctly; 1 where its answers
  /// are what counts.
  double fullCorrect = 1;
  RiskBound bound;
  std::string risk;         ///< what is bounded, in words
  uint64_t dataHash = 0;    ///< XXH3-64 of the file of prompts
  uint64_t weightsHash = 0; ///< as in the module's metadata
  uint64_t modelHash = 0;   ///< what is computed, without exits
  std::string policy, state, head;
  std::vector<double> fit; ///< what the policy learned, if it learns
  std::vector<int64_t> layers; ///< that have run at each exit, ascending
  std::vector<double> thresholds;
  std::vector<double> taken; ///< share of asking tokens that left at each exit
  double empiricalRisk = 0, pValue = 1;
  double averageLayers = 0; ///< of the tokens that the testing prompts produced

  /// A setting that was tried: one threshold for all exits.
  struct Tested {
    double threshold = 0, risk = 0, pValue = 1, averageLayers = 0;
  };
  std::vector<Tested> tested; ///< most careful first
};

/// One JSON object; numbers are read back as the same.
void printCertificate(llvm::raw_ostream &os,
                      const ExitCertificate &certificate);

/// Takes what printCertificate writes and nothing else: fields that are
/// unknown, twice, missing, of another kind or out of range are errors, which begin with
/// `origin`.
llvm::Expected<ExitCertificate> parseCertificate(llvm::StringRef text,
                                                 llvm::StringRef origin);

} // namespace moe

#endif // MOE_EXIT_CERTIFICATE_H
