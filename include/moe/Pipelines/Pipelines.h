//===- Pipelines.h - the phases from a checkpoint to a module ---*- C++ -*-===//
//
// The order of compilation is data: one row per phase. moe-compile walks the
// rows; moe-opt has a `moe-<phase>-pipeline` for each row that runs passes.
//===----------------------------------------------------------------------===//
#ifndef MOE_PIPELINES_PIPELINES_H
#define MOE_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "moe/Target/TargetBackend.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <vector>

namespace moe {

class ExitPolicy;
struct Registry;
struct ScheduleEstimate;

/// In the order in which they run.
enum class Phase {
  Import,
  Model,
  Quantize,
  Policy,
  Schedule,
  Target,
  Container
};

/// What may be chosen about a compilation. The only declaration of these
/// options: moe-compile makes a flag of each, and every pipeline of moe-opt
/// takes them.
struct CompileOptions : mlir::PassPipelineOptions<CompileOptions> {
  Option<std::string> target{
      *this, "target", llvm::cl::desc("Backend that makes the code (cpu)"),
      llvm::cl::value_desc("name"), llvm::cl::init("cpu")};
  Option<std::string> cpu{
      *this, "cpu", llvm::cl::desc("Processor, in LLVM's names (this host)"),
      llvm::cl::value_desc("name"), llvm::cl::init("")};
  Option<std::string> features{
      *this, "features",
      llvm::cl::desc("Features to add to or take from the processor"),
      llvm::cl::value_desc("+a,-b"), llvm::cl::init("")};
  Option<std::string> quantize{
      *this, "quantize",
      llvm::cl::desc("How weights are stored (none): a scheme, or a list of "
                     "class:scheme; classes: experts, mlp, attention, head"),
      llvm::cl::value_desc("scheme"), llvm::cl::init("none")};

  Option<std::string> lpuMachine{
      *this, "lpu-machine",
      llvm::cl::desc("Machine of --target=lpu (tsp1): a name, or a machine file"),
      llvm::cl::value_desc("name|file"), llvm::cl::init("")};
  Option<std::string> lpuReport{
      *this, "lpu-report",
      llvm::cl::desc("Write what each unit of the LPU does, and when: a page, "
                     "or numbers if the name ends in .json"),
      llvm::cl::value_desc("file"), llvm::cl::init("")};

  // Numbers are text as well: what is wrong with one is said on one line.
  Option<std::string> lpuChips{
      *this, "lpu-chips",
      llvm::cl::desc("Chips that share each layer of a model (1)"),
      llvm::cl::value_desc("number"), llvm::cl::init("")};
  Option<std::string> lpuContext{
      *this, "lpu-context",
      llvm::cl::desc("Positions that there is room for in the LPU's memory "
                     "(1024, and never more than the model has)"),
      llvm::cl::value_desc("number"), llvm::cl::init("")};

  Option<std::string> gpuArch{
      *this, "gpu-arch",
      llvm::cl::desc("What --target=gpu makes kernels for (sm_80): a GPU such as "
                     "sm_90, the emulator, or both"),
      llvm::cl::value_desc("sm_90,emulator"), llvm::cl::init("")};
  Option<std::string> gpuPtx{
      *this, "gpu-ptx", llvm::cl::desc("Write the kernels of the GPU as PTX"),
      llvm::cl::value_desc("file"), llvm::cl::init("")};
  Option<std::string> gpuReport{
      *this, "gpu-report",
      llvm::cl::desc("Write registers, shared memory and occupancy of each "
                     "kernel of the GPU as JSON; needs ptxas"),
      llvm::cl::value_desc("file"), llvm::cl::init("")};
  Option<std::string> ptxas{
      *this, "ptxas",
      llvm::cl::desc("Assembler for the GPU, or none, which leaves it to the "
                     "GPU's driver (MOE_PTXAS, else that of a CUDA toolkit)"),
      llvm::cl::value_desc("file|none"), llvm::cl::init("")};
  Option<std::string> predictor{
      *this, "predictor",
      llvm::cl::desc("Who guesses the experts of later layers (none)"),
      llvm::cl::value_desc("name"), llvm::cl::init("none")};
  Option<std::string> trace{
      *this, "trace",
      llvm::cl::desc("Routing trace that predictor and cache are fitted to"),
      llvm::cl::value_desc("file"), llvm::cl::init("")};
  Option<std::string> memoryBudget{
      *this, "memory-budget",
      llvm::cl::desc("Memory that experts will have: bytes, such as 64M or 2G, "
                     "or 25% of all experts; with --trace, only guesses that "
                     "pay are made"),
      llvm::cl::value_desc("size"), llvm::cl::init("")};
  Option<std::string> deviceProfile{
      *this, "device-profile",
      llvm::cl::desc(
          "Machine that guesses should pay on (cpu-nvme): a name, or "
          "a file of moe-run --measure-profile"),
      llvm::cl::value_desc("name|file"), llvm::cl::init("")};
  Option<std::string> cachePolicy{
      *this, "cache-policy",
      llvm::cl::desc("Which expert leaves memory when another comes (lrfu)"),
      llvm::cl::value_desc("name"), llvm::cl::init("lrfu")};
  Option<std::string> prefetchAhead{
      *this, "prefetch-ahead",
      llvm::cl::desc("Layers with experts from guess to use (1)"),
      llvm::cl::value_desc("number"), llvm::cl::init("")};
  Option<std::string> prefetchCount{
      *this, "prefetch-count",
      llvm::cl::desc("Guesses of a row in each layer (twice what it chooses)"),
      llvm::cl::value_desc("number"), llvm::cl::init("")};
  Option<std::string> prefetchThreshold{
      *this, "prefetch-threshold",
      llvm::cl::desc("How sure a guess must be, 0 to 1 (0.5)"),
      llvm::cl::value_desc("number"), llvm::cl::init("")};

  // Where the driver calibrates, it compiles twice: first with exits that
  // nobody takes, whose scores it records, then with what it made of them
  // (below).
  Option<std::string> exitPolicy{
      *this, "exit-policy",
      llvm::cl::desc(
          "Who says how sure a token is, which may then leave behind "
          "some of the layers (none)"),
      llvm::cl::value_desc("name"), llvm::cl::init("none")};
  Option<std::string> exitLayers{
      *this, "exit-layers",
      llvm::cl::desc(
          "Numbers of layers behind which tokens may leave (each but "
          "the last)"),
      llvm::cl::value_desc("2,4"), llvm::cl::init("")};
  Option<std::string> exitThreshold{
      *this, "exit-threshold",
      llvm::cl::desc(
          "Least score that leaves: one, or one for each exit, which "
          "must not grow with depth (the policy's)"),
      llvm::cl::value_desc("number"), llvm::cl::init("")};
  Option<std::string> exitState{
      *this, "exit-state",
      llvm::cl::desc("What later tokens see of one that left, in the layers "
                     "that it did not go through: propagate, recompute, verify "
                     "(propagate)"),
      llvm::cl::value_desc("name"), llvm::cl::init("propagate")};
  Option<std::string> exitHead{
      *this, "exit-head", llvm::cl::desc("What makes logits at exits (full)"),
      llvm::cl::value_desc("name"), llvm::cl::init("full")};

  /// What a calibration says in place of the options; null or empty: they hold.
  /// The policy as it was fitted, one threshold for each exit, and which share
  /// of the tokens that ask there left.
  std::shared_ptr<const ExitPolicy> fittedExitPolicy;
  std::vector<double> exitThresholds, exitTaken;
  /// Words whose logits a light head knows, ascending; empty: a quarter of all,
  /// those with the lowest numbers.
  std::vector<int64_t> exitShortlist;

  /// Called with what is expected of the schedule, where a trace and a budget
  /// say; may be null.
  std::function<void(const ScheduleEstimate &)> onEstimate;

  /// The options by name, for a command line that offers them.
  using llvm::cl::SubCommand::OptionsMap;

  /// The part that backends see.
  TargetOptions getTargetOptions() const {
    return {cpu,      features, lpuMachine, lpuContext, lpuReport,
            lpuChips, gpuArch,  gpuPtx,     gpuReport,  ptxas};
  }
};

/// One row of the table.
struct PhaseInfo {
  Phase phase;
  llvm::StringLiteral name;    ///< as in --compile-to
  llvm::StringLiteral summary; ///< one sentence
  /// Adds the phase's passes, which run on the builtin.module. Null when the
  /// phase runs none.
  llvm::Error (*build)(mlir::OpPassManager &manager,
                       const CompileOptions &options, const Registry &registry);
};

/// All phases, in order.
llvm::ArrayRef<PhaseInfo> getPhases();

/// The phase of that name; the error lists all names.
llvm::Expected<const PhaseInfo *> findPhase(llvm::StringRef name);

/// The backend that the options name; the error lists what this build has.
llvm::Expected<std::unique_ptr<TargetBackend>>
createBackend(const CompileOptions &options, const Registry &registry);

/// Fails unless names are known, numbers are such, and options have a use.
llvm::Error verifyOptions(const CompileOptions &options,
                          const Registry &registry);

/// Registers `moe-<phase>-pipeline` for every phase with passes. The registry
/// must outlive all use of the pipelines.
void registerPhasePipelines(const Registry &registry);

} // namespace moe

#endif // MOE_PIPELINES_PIPELINES_H
