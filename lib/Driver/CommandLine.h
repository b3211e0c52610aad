//===- CommandLine.h - what moe-compile was asked to do ---------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_COMMANDLINE_H
#define MOE_LIB_DRIVER_COMMANDLINE_H

#include "moe/Exit/LearnThenTest.h"
#include "moe/Pipelines/Pipelines.h"
#include "moe/Quant/QuantScheme.h"
#include <optional>
#include <set>

namespace moe {

/// How far exits may be trusted; empty paths: none.
struct ExitTrust {
  std::string prompts;     ///< of a calibration
  std::string certificate; ///< of an earlier one
  std::string report;      ///< where the certificate is written
  RiskBound bound;
};

struct CompileCommand {
  std::string input;  ///< a checkpoint directory or a .mlir file
  std::string output; ///< "-" is standard output
  CompileOptions options;
  Phase lastPhase = Phase::Container;
  std::set<Phase> dumpedPhases; ///< printed to standard error
  Effort effort = Effort::Normal;
  std::optional<double> bits; ///< budget of a quantised weight
  std::string calibration;    ///< a text; empty: none
  std::string report;         ///< JSON about the codes; empty: none
  std::string scheduleReport; ///< JSON about fetches; empty: none
  ExitTrust exits;
  int64_t threads = 0;        ///< that encode; 0: one for each processor
  bool emitIr = false;
  bool hasWeights = true;     ///< false: moe-fill makes some
  bool timing = false;
  bool verifyEach = true;
};

/// Fills `command`; --help and --version print and exit. The command is checked
/// as far as that needs no file.
llvm::Error parseCommandLine(int argc, char **argv, const Registry &registry,
                             CompileCommand &command);

} // namespace moe

#endif // MOE_LIB_DRIVER_COMMANDLINE_H
