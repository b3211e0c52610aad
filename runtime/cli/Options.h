//===- Options.h - what a command line of moe-run asks for ------*- C++ -*-===//
#ifndef MOERT_CLI_OPTIONS_H
#define MOERT_CLI_OPTIONS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace moert::cli {

enum class Mode {
  Generate,
  Perplexity,
  Evaluate,
  Bench,
  Inspect,
  ListDevices,
  MeasureProfile
};

/// Memory for experts, as written.
struct MemoryBudget {
  enum Kind { Auto, All, Bytes, Percent } kind = Auto;
  int64_t bytes = 0;
  double percent = 0; ///< of all experts
};

struct Options {
  Mode mode = Mode::Generate;
  std::string module; ///< empty only for ListDevices
  bool json = false;
  bool stats = false;
  bool verify = true;
  std::string trace; ///< file; empty: none
  int32_t threads = 0;
  int64_t context = 0; ///< 0: the module's
  bool exact = false;
  std::string device; ///< driver; empty: the module's

  MemoryBudget memoryBudget, deviceMemory;
  std::string cachePolicy; ///< "lru", "belady:FILE"; empty: the module's
  enum class Prefetch { Auto, On, Off } prefetch = Prefetch::Auto;
  std::string recordRouting; ///< file; empty: none

  // Generate: exactly one of these three is given. Bench: one at most, a single
  // one.
  std::vector<std::string> prompts;
  std::string promptFile;
  std::vector<std::vector<int32_t>> tokenPrompts;
  int64_t predict = 128; ///< -1: until the text or the context ends
  bool ignoreEos = false;
  std::string logits; ///< file; empty: none
  float temperature = 0;
  int32_t topK = 0;
  float topP = 1;
  uint64_t seed = 0;

  std::string perplexityFile;
  int64_t window = 0;                  ///< 0: the context
  std::string reference;               ///< module to compare with; empty: none
  std::string saveLogits, klReference; ///< files; empty: none

  std::string evalFile;

  int64_t prefillTokens = 512; ///< never above the context
  bool prefillGiven = false, decodeGiven = false;
  int64_t decodeTokens = 64; ///< likewise
  int64_t repetitions = 5;

  std::string profile; ///< file of --measure-profile

  bool noExit = false;
  std::optional<double> exitThreshold; ///< may be infinite; none: the module's
  std::optional<int32_t> verifyDrafts; ///< none: the module's way
  /// Files; empty: none.
  std::string recordExits, exitReplay, exitReport;

  /// Options for modules with experts that can be fetched, with guesses of
  /// them, or with exits, as written; only a look at the module tells whether
  /// it has any.
  std::vector<std::string> offloadFlags, guessFlags, exitFlags;
};

/// Options, or a text (help, version) that is all the user wants.
struct CommandLineResult {
  Options options;
  std::optional<std::string> text;
};

/// Throws a Failure for anything unknown, malformed, contradictory or without
/// meaning in the mode that was asked for.
CommandLineResult parseCommandLine(int argc, const char *const *argv);

} // namespace moert::cli

#endif // MOERT_CLI_OPTIONS_H
