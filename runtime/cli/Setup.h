//===- Setup.h - how every run of a module begins and ends ------*- C++ -*-===//
#ifndef MOERT_CLI_SETUP_H
#define MOERT_CLI_SETUP_H

#include "Api.h"
#include "Options.h"
#include "Output.h"
#include "Runner.h"

namespace moert::cli {

/// A module that is open for running, and the session that a mode makes in it.
class Setup {
public:
  /// Throws if the module lacks what the options ask it for.
  explicit Setup(const Options &options);

  const Options &options;
  Module module;
  int64_t context; ///< most positions of a sequence
  Module::For purpose() const;

  /// Makes the session, with `capacity` positions for each sequence.
  void start(int64_t capacity, int64_t wantedSequences);
  Session &session() { return *running; }
  Forward forward();
  /// As many requests at once as the session has sequences.
  Runner makeRunner();
  Sampler makeSampler() const;

  /// Writes the traces, and the statistics into `result` or, without --json, to
  /// standard error.
  void finish(Json &result, const Runner *runner = nullptr);
  /// The exit code of a run that went well or was interrupted; says which in
  /// `result`.
  static int exitCode(Json &result);

private:
  void checkFlags() const;
  int64_t budgetBytes() const;

  std::unique_ptr<Session> running;
  int64_t sequences = 0; ///< of the session
};

/// What a session did and holds, units in the names.
Json statsOf(const Session &session, const Runner *runner);

} // namespace moert::cli

#endif // MOERT_CLI_SETUP_H
