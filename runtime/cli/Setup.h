//===- Setup.h - how every run of a module begins and ends ------*- C++ -*-===//
#ifndef MOERT_CLI_SETUP_H
#define MOERT_CLI_SETUP_H

#include "Api.h"
#include "Exits.h"
#include "Options.h"
#include "Output.h"
#include "Runner.h"

#include <optional>

namespace moert::cli {

/// What becomes of exits in a session.
struct ExitChoice {
  bool off = false;
  std::optional<double> threshold; ///< at every exit; none: the module's
};

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
  /// Another one in its place, of the same size, without traces.
  void restart(const ExitChoice &choice);
  Session &session() { return *running; }
  Forward forward();
  /// As many requests at once as the session has sequences.
  Runner makeRunner();
  /// Rows of such a session; logits of all tokens if they are `whole`.
  RowBatch makeBatch(bool whole) const;
  /// Where --exit-replay says that tokens leave; none without.
  const ExitReplay *replay() const { return replayed ? &*replayed : nullptr; }
  /// What the command line makes of exits.
  ExitChoice exitChoice() const;
  /// Whether the full model checks tokens that left.
  bool checksDrafts() const;
  Sampler makeSampler() const;

  /// Writes the traces, and the statistics into `result` or, without --json, to
  /// standard error; says in `result` which certificate holds.
  void finish(Json &result, const Runner *runner = nullptr);
  /// The exit code of a run that went well or was interrupted; says which in
  /// `result`.
  static int exitCode(Json &result);

private:
  void checkFlags() const;
  void checkExitFlags() const;
  bool dropsCertificate() const;
  Json certificate() const;
  void makeSession(const ExitChoice &choice);
  int64_t budgetBytes(const MemoryBudget &budget) const;

  std::unique_ptr<Session> running;
  std::shared_ptr<DraftSwitch> drafting; ///< of the runs of that session
  std::optional<ExitReplay> replayed;
  int64_t capacity = 0, sequences = 0; ///< of the session
};

/// Cycles of a device that counts them, and what they make at its clock; nothing
/// of others.
void addDevice(Json &result, const Session &session);

/// What a session did and holds, units in the names.
Json statsOf(const Session &session, const Runner *runner);

} // namespace moert::cli

#endif // MOERT_CLI_SETUP_H
