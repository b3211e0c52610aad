//===- ExitCalibration.h - thresholds with a certificate --------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_EXITCALIBRATION_H
#define MOE_LIB_DRIVER_EXITCALIBRATION_H

#include "CommandLine.h"
#include "ExitPrompts.h"
#include "ExitRuns.h"
#include "moe/Exit/Certificate.h"
#include <functional>

namespace moe {

/// What --exit-calibrate asks for: runs the module that was compiled, and tests
/// thresholds from the most careful one on. Every prompt is used once: those
/// that a policy learns from test nothing.
class ExitCalibration {
public:
  /// Reads the prompts, and says early whether they are too few.
  static llvm::Expected<std::unique_ptr<ExitCalibration>>
  open(const CompileCommand &command, const Registry &registry);

  /// Turns prompts into tokens of a model.
  llvm::Error tokenize(llvm::StringRef tokenizerJson, int32_t firstToken,
                       int64_t context);

  /// Whether the policy learns before its thresholds are tested.
  bool isLearning() const { return !learning.empty(); }
  /// The policy as it is after that.
  llvm::Expected<std::shared_ptr<const ExitPolicy>> fit(llvm::StringRef file);

  /// Says what is done: "prompt 32 of 899".
  std::function<void(llvm::StringRef)> progress;

  llvm::Expected<ExitCertificate> certify(llvm::StringRef file,
                                          uint64_t weightsHash);

private:
  ExitCalibration(const CompileCommand &command, ExitPrompts prompts)
      : command(command), prompts(std::move(prompts)) {}
  llvm::Expected<std::vector<ExitRun>>
  answer(const ExitRunner &runner, llvm::ArrayRef<const ExitPrompt *> all,
         llvm::ArrayRef<std::optional<double>> settings) const;
  std::vector<double> getLosses(const ExitRun &full, const ExitRun &run) const;
  /// Prompts that the full model answers as the file does; all if it does not.
  int64_t countCorrect(const ExitRun &full) const;
  llvm::Error fail(const llvm::Twine &what) const;

  const CompileCommand &command;
  ExitPrompts prompts;
  std::vector<const ExitPrompt *> learning, testing;
  std::shared_ptr<ExitPolicy> policy;
};

/// The certificate of --exit-certificate. `options` get what it says and the
/// command line does not; where both say something, it must be the same.
llvm::Expected<ExitCertificate> applyCertificate(const CompileCommand &command,
                                                 const Registry &registry,
                                                 CompileOptions &options);

/// One line on standard output about a module with a certificate.
void printCertified(llvm::StringRef output,
                    const ExitCertificate &certificate);

} // namespace moe

#endif // MOE_LIB_DRIVER_EXITCALIBRATION_H
