//===- Compilation.cpp - walks the phases of one compilation --------------===//
#include "Compilation.h"

#include "Diagnostics.h"
#include "Encoding.h"
#include "ExitCalibration.h"
#include "Progress.h"
#include "Scheduling.h"
#include "Version.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/Timing.h"
#include "moe/Container/ContainerWriter.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "moe/Driver/RegisterDialects.h"
#include "moe/Model/Import.h"
#include "moe/Model/WeightData.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <future>

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// Prints to a file or to `-`.
static llvm::Error writeText(StringRef path,
                             llvm::function_ref<void(raw_ostream &)> print) {
  if (path == "-") {
    print(llvm::outs());
    if (std::error_code code = flush(llvm::outs()))
      return llvm::createStringError("standard output: cannot write: " +
                                     lower(code));
    return llvm::Error::success();
  }
  return writeFile(path, print);
}

/// Says early what would fail after a long compilation, or do harm.
static llvm::Error verifyOutput(StringRef path, const CompileCommand &command) {
  namespace fs = llvm::sys::fs;
  if (path == "-")
    return llvm::Error::success();
  if (fs::is_directory(path))
    return llvm::createStringError(path + ": is a directory");
  // A file is renamed into its place; that would replace a device, too. IR for
  // the null device is dropped.
  bool isModule =
      path == command.output && command.lastPhase == Phase::Container;
  bool isDropped = path == "/dev/null" && !isModule;
  if (fs::exists(path) && !fs::is_regular_file(path) && !isDropped)
    return llvm::createStringError(path + ": is not a regular file");
  if (fs::equivalent(path, command.input))
    return llvm::createStringError(path + ": is the input");
  if (fs::equivalent(path, command.calibration))
    return llvm::createStringError(path + ": is the text of --calibrate");
  if (fs::equivalent(path, command.exits.prompts))
    return llvm::createStringError(path + ": is the file of --exit-calibrate");
  if (fs::equivalent(path, command.exits.certificate))
    return llvm::createStringError(path +
                                   ": is the file of --exit-certificate");
  if (fs::equivalent(path, command.options.trace.getValue()))
    return llvm::createStringError(path + ": is the trace of --trace");
  if (fs::equivalent(path, command.options.deviceProfile.getValue()))
    return llvm::createStringError(path + ": is the file of --device-profile");
  if (fs::equivalent(path, command.options.lpuMachine.getValue()))
    return llvm::createStringError(path + ": is the file of --lpu-machine");
  if (fs::exists(path) && fs::access(path, fs::AccessMode::Write))
    return llvm::createStringError(path + ": is read-only");
  std::string target = followLinks(path);
  SmallString<128> directory(llvm::sys::path::parent_path(target));
  if (directory.empty())
    directory = ".";
  if (!fs::is_directory(directory))
    return llvm::createStringError(path + ": '" + directory +
                                   "' is not a directory");
  if (std::error_code code = fs::access(directory, fs::AccessMode::Write))
    return llvm::createStringError(path + ": cannot write to '" + directory +
                                   "': " + lower(code));
  return llvm::Error::success();
}

/// A model's weights are still needed when its module replaces a file.
static llvm::Error verifyNoWeightsAt(StringRef path, ModelOp model) {
  llvm::StringSet<> seen;
  for (auto weight : model.getOps<WeightOp>())
    for (Attribute source : weight.getSources()) {
      auto extent = dyn_cast<ExtentAttr>(source);
      if (!extent || !seen.insert(extent.getFile()).second)
        continue;
      std::string file = getExtentPath(model.getDirectory(), extent.getFile());
      if (llvm::sys::fs::equivalent(path, file))
        return llvm::createStringError(path + ": holds weights of the model");
    }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

namespace {
class Compilation {
public:
  Compilation(const CompileCommand &command, const Registry &registry)
      : command(command), registry(registry) {
    options.copyOptionValuesFrom(command.options);
    options.onEstimate = [this](const ScheduleEstimate &known) {
      estimate = known;
    };
    DialectRegistry dialects;
    registerDialects(dialects);
    context.appendDialectRegistry(dialects);
    timing.setEnabled(command.timing);
  }

  llvm::Error run() {
    OneLineDiagnostics fromMlir(context, command.input);
    diagnostics = &fromMlir;
    if (llvm::Error error = trustExits())
      return error;
    TimingScope total = timing.getRootScope();
    for (const PhaseInfo &phase : getPhases()) {
      progress.setPhase(phase.name);
      TimingScope scope = total.nest(phase.name);
      if (llvm::Error error = runPhase(phase, scope))
        return error;
      if (command.dumpedPhases.count(phase.phase))
        llvm::errs() << "// phase " << phase.name << "\n" << current() << "\n";
      if (phase.phase == command.lastPhase)
        break;
    }
    if (command.lastPhase != Phase::Container)
      if (llvm::Error error = writeText(command.output, [&](raw_ostream &os) {
            os << current() << "\n";
          }))
        return error;
    if (command.scheduleReport.empty())
      return llvm::Error::success();
    return writeScheduleReport(*estimate, command.scheduleReport);
  }

private:
  llvm::Error trustExits();
  llvm::Error runPhase(const PhaseInfo &phase, TimingScope &scope);
  llvm::Error import();
  llvm::Error parse();
  llvm::Error findModel();
  llvm::Error calibrate();
  llvm::Error finishPolicy();
  llvm::Error writeModule(TimingScope &scope);
  llvm::Error writeExitReport() const;
  static void printSummary(StringRef output, StringRef summary);
  llvm::Expected<ExitLesson> teach(StringRef file, uint64_t weightsHash);
  llvm::Error aboutCertificate(llvm::Error error) const;
  void setExits();
  void keepModel();
  ContainerInput describe();
  llvm::Expected<bool> rebuild();

  /// The IR of the phase that ran last.
  ModuleOp current() { return lowered ? *lowered : *imported.module; }

  const CompileCommand &command;
  const Registry &registry;
  CompileOptions options; ///< with what --bits chooses
  MLIRContext context;
  DefaultTimingManager timing;
  Progress progress;
  OneLineDiagnostics *diagnostics = nullptr;
  ImportedModel imported;
  ModelOp model;                                ///< in imported.module
  std::unique_ptr<CalibrationText> calibration; ///< null: none
  std::optional<ScheduleEstimate> estimate;     ///< from phase policy on
  OwningOpRef<ModuleOp> lowered;                ///< from phase target on
  std::unique_ptr<ExitCalibration> exits;       ///< null: none
  std::optional<ExitCertificate> certificate;   ///< of exits, once it is known
  OwningOpRef<ModuleOp> withoutExits;           ///< for exits that learn
  uint64_t modelHash = 0; ///< of the model without exits
};
} // namespace

llvm::Error Compilation::runPhase(const PhaseInfo &phase, TimingScope &scope) {
  if (phase.phase == Phase::Import)
    return import();
  if (phase.phase == Phase::Container)
    return writeModule(scope);
  // The container describes the model as it was before a backend took it apart.
  if (phase.phase == Phase::Target)
    lowered = imported.module->clone();
  if (phase.phase == Phase::Policy)
    keepModel();
  if (phase.phase == Phase::Quantize)
    if (llvm::Error error = calibrate())
      return error;
  if (!phase.build)
    return llvm::Error::success();
  PassManager manager(&context);
  manager.enableVerifier(command.verifyEach);
  manager.enableTiming(scope);
  if (llvm::Error error = phase.build(manager, options, registry))
    return error;
  if (failed(manager.run(current())))
    return diagnostics->takeError();
  return phase.phase == Phase::Policy ? finishPolicy() : llvm::Error::success();
}

/// Says what is expected of the schedule.
llvm::Error Compilation::finishPolicy() {
  if (llvm::Error error = verifyScheduled(command, model, estimate.has_value()))
    return error;
  if (estimate)
    printSchedule(*estimate, llvm::errs());
  return llvm::Error::success();
}

/// Reads what makes exits trustworthy, and says early what is wrong with it.
llvm::Error Compilation::trustExits() {
  if (!command.exits.certificate.empty()) {
    auto read = applyCertificate(command, registry, options);
    if (!read)
      return read.takeError();
    certificate = std::move(*read);
  }
  if (command.exits.prompts.empty())
    return llvm::Error::success();
  auto read = ExitCalibration::open(command, registry);
  if (!read)
    return read.takeError();
  exits = std::move(*read);
  // Prompts that the head was made for would test it too kindly.
  if (options.exitHead.getValue() == "light" &&
      llvm::sys::fs::equivalent(command.calibration, command.exits.prompts))
    return llvm::createStringError(
        command.exits.prompts + ": is the text of --calibrate, too, which "
                                "chooses the words of --exit-head=light");
  exits->progress = [this](StringRef what) {
    progress.setPhase(("exits: " + what).str());
  };
  return llvm::Error::success();
}

llvm::Error Compilation::import() {
  if (llvm::sys::fs::is_directory(command.input)) {
    llvm::Expected<ImportedModel> result =
        importCheckpoint(command.input, registry, context);
    if (!result)
      return result.takeError();
    imported = std::move(*result);
    if (failed(verify(*imported.module)))
      return diagnostics->takeError();
  } else if (llvm::Error error = parse()) {
    return error;
  }
  return findModel();
}

llvm::Error Compilation::parse() {
  if (!llvm::sys::fs::exists(command.input))
    return llvm::createStringError(command.input +
                                   ": no such file or directory");
  if (llvm::sys::path::extension(command.input) != ".mlir")
    return llvm::createStringError(
        command.input + ": neither a checkpoint directory nor a .mlir file");
  imported.module = parseSourceFile<ModuleOp>(command.input, &context);
  if (!imported.module)
    return diagnostics->takeError();
  return llvm::Error::success();
}

llvm::Error Compilation::findModel() {
  auto models = imported.module->getOps<ModelOp>();
  size_t count = std::distance(models.begin(), models.end());
  if (count != 1)
    return llvm::createStringError(command.input + ": holds " +
                                   llvm::Twine(count) + " models, expected 1");
  model = *models.begin();
  if (command.lastPhase >= Phase::Target && !model.lookupSymbol("forward"))
    return llvm::createStringError(command.input + ": model @" +
                                   model.getSymName() +
                                   " has no function @forward");
  for (StringRef path :
       {command.output, command.report, command.scheduleReport,
        command.exits.report, command.options.lpuReport.getValue(),
        command.options.gpuPtx.getValue(),
        command.options.gpuReport.getValue()})
    if (llvm::Error error = verifyNoWeightsAt(path, model))
      return error;
  if (exits)
    if (llvm::Error error = exits->tokenize(
            imported.tokenizerJson, imported.addBos ? imported.bosToken : -1,
            int64_t(model.getContext())))
      return error;
  return verifyScheduling(command, registry, model);
}

/// Opens the text while the model is still as it was imported, and lets it say
/// where bits go.
llvm::Error Compilation::calibrate() {
  if (!command.calibration.empty()) {
    auto text = CalibrationText::open(command, model, imported.tokenizerJson);
    if (!text)
      return text.takeError();
    calibration = std::move(*text);
    if (options.exitHead.getValue() == "light")
      options.exitShortlist = calibration->calibration->getFrequentWords(
          (model.getVocabulary() + 3) / 4);
  }
  if (!command.bits)
    return llvm::Error::success();
  auto schemes =
      spendBits(command, registry, model,
                calibration ? calibration->calibration.get() : nullptr);
  if (!schemes)
    return schemes.takeError();
  options.quantize = *schemes;
  return llvm::Error::success();
}

/// What a container says of the model itself.
ContainerInput Compilation::describe() {
  ContainerInput input;
  input.model = model;
  input.tokenizerJson = imported.tokenizerJson;
  input.bosToken = imported.bosToken;
  input.addBos = imported.addBos;
  input.eosTokens = imported.eosTokens;
  return input;
}

/// The model as it is before it has exits.
void Compilation::keepModel() {
  if (options.exitPolicy.getValue() != "none")
    modelHash = getModelHash(describe());
  if (exits)
    withoutExits = imported.module->clone();
}

llvm::Error Compilation::writeModule(TimingScope &scope) {
  llvm::Expected<std::unique_ptr<TargetBackend>> backend =
      createBackend(options, registry);
  if (!backend)
    return backend.takeError();
  // Making code keeps one processor busy, writing weights mostly the disk.
  auto code = std::async(std::launch::async, [&] {
    return (*backend)->serialize(*lowered, options.getTargetOptions());
  });
  TimingScope part = scope.nest("weights, and code beside them");
  ParameterPlan plan(model);
  ContainerInput input = describe();
  input.producer = getProducer("moe-compile");
  input.modelHash = modelHash;
  input.plan = &plan;
  input.backend = (*backend)->getName();
  std::string summary;
  input.code = [&] {
    // Once exits have learned, the code is another one.
    auto made = code.valid() ? code.get()
                             : (*backend)->serialize(
                                   *lowered, options.getTargetOptions());
    if (made)
      summary = made->summary;
    return made;
  };
  input.verifiesExits = options.exitState.getValue() == "verify";
  input.certificate = certificate;
  if (exits)
    input.teach = [&](StringRef file, uint64_t weightsHash) {
      return teach(file, weightsHash);
    };
  input.progress = [&](uint64_t done, uint64_t total) {
    progress.setBytes(done, total);
  };
  input.hasIr = command.emitIr;
  if (!command.hasWeights) {
    input.hasWeights = false;
    if (llvm::Error error = writeContainer(input, command.output))
      return error;
    printSummary(command.output, summary);
    return llvm::Error::success();
  }
  auto coded = encodeWeights(command, registry, model, plan, calibration.get(),
                             progress);
  if (!coded)
    return coded.takeError();
  if (calibration && (*coded)->getMatrices().empty())
    return llvm::createStringError(
        calibration->path +
        ": has no use, because no weight is stored as a code");
  input.coded = coded->get();
  if (llvm::Error error = writeContainer(input, command.output))
    return aboutCertificate(std::move(error));
  (*coded)->discard();
  if (llvm::Error error = writeReport(command, plan, **coded))
    return error;
  if (llvm::Error error = writeExitReport())
    return error;
  printBits(command.output, plan);
  printSummary(command.output, summary);
  return llvm::Error::success();
}

void Compilation::printSummary(StringRef output, StringRef summary) {
  if (summary.empty())
    return;
  llvm::outs() << output << ": " << summary << "\n";
  (void)flush(llvm::outs()); // a closed pipe does not make the module a failure
}

llvm::Error Compilation::writeExitReport() const {
  if (exits)
    printCertified(command.output, *certificate);
  if (command.exits.report.empty())
    return llvm::Error::success();
  return writeFile(command.exits.report, [&](raw_ostream &os) {
    printCertificate(os, *certificate);
  });
}

//===----------------------------------------------------------------------===//
// Exits
//===----------------------------------------------------------------------===//

/// Runs the module that was written so far. A policy that learns does so first;
/// the module with what it learned is shown to us again.
llvm::Expected<ExitLesson> Compilation::teach(StringRef file,
                                              uint64_t weightsHash) {
  if (certificate)
    return ExitLesson{certificate};
  if (exits->isLearning() && !options.fittedExitPolicy) {
    auto fitted = exits->fit(file);
    if (!fitted)
      return fitted.takeError();
    options.fittedExitPolicy = std::move(*fitted);
    llvm::Expected<bool> isDone = rebuild();
    if (!isDone)
      return isDone.takeError();
    if (!*isDone)
      return llvm::createStringError(
          "exit policy '" + options.exitPolicy.getValue() +
          "' learned what needs other weights than those that are written");
    return ExitLesson{std::nullopt, /*isCodeChanged=*/true};
  }
  auto made = exits->certify(file, weightsHash);
  if (!made)
    return made.takeError();
  certificate = std::move(*made);
  certificate->modelHash = modelHash;
  options.exitThresholds = certificate->thresholds;
  options.exitTaken = certificate->taken;
  setExits();
  // Fetches are scheduled anew, now that it is known how often tokens leave.
  if (model.getOps<sched::CacheOp>().empty())
    return ExitLesson{certificate};
  llvm::Expected<bool> isChanged = rebuild();
  if (!isChanged)
    return isChanged.takeError();
  return ExitLesson{certificate, *isChanged};
}

/// What is wrong with a certificate begins with its file.
llvm::Error Compilation::aboutCertificate(llvm::Error error) const {
  std::string text = llvm::toString(std::move(error));
  StringRef rest = text;
  if (certificate && rest.consume_front("certificate "))
    return llvm::createStringError(command.exits.certificate + ": " + rest);
  return llvm::createStringError(text);
}

/// Gives the model's exits the thresholds that were found.
void Compilation::setExits() {
  Builder builder(&context);
  size_t index = 0;
  model.walk([&](ExitOp exit) {
    exit.setThresholdAttr(
        builder.getF64FloatAttr(certificate->thresholds[index]));
    exit.setTakenAttr(builder.getF64FloatAttr(certificate->taken[index]));
    ++index;
  });
}

/// Runs the phases from `policy` on again, with what the options say by now,
/// and takes over the function. False, and nothing changes, if it needs other
/// weights than the first run, since those that are stored stay as they are.
llvm::Expected<bool> Compilation::rebuild() {
  OwningOpRef<ModuleOp> again = withoutExits->clone();
  auto run = [&](Phase wanted, ModuleOp module) -> llvm::Error {
    const PhaseInfo &phase = *llvm::find_if(getPhases(), [&](const auto &info) {
      return info.phase == wanted;
    });
    PassManager manager(&context);
    manager.enableVerifier(command.verifyEach);
    if (llvm::Error error = phase.build(manager, options, registry))
      return error;
    return succeeded(manager.run(module)) ? llvm::Error::success()
                                          : diagnostics->takeError();
  };
  for (Phase phase : {Phase::Policy, Phase::Schedule})
    if (llvm::Error error = run(phase, *again))
      return std::move(error);
  ModelOp other = *again->getOps<ModelOp>().begin();
  Operation *forward = other.lookupSymbol("forward");
  bool isComplete = true;
  forward->walk([&](Operation *op) {
    for (NamedAttribute named : op->getAttrs())
      named.getValue().walk([&](FlatSymbolRefAttr symbol) {
        isComplete &= model.lookupSymbol(symbol.getValue()) != nullptr;
      });
  });
  // Code finds weights by their place in the file that has been written.
  if (!isComplete || !ParameterPlan(other).isLaidOutAs(ParameterPlan(model)))
    return false;
  Operation *old = model.lookupSymbol("forward");
  forward->moveBefore(old);
  old->erase();
  lowered = imported.module->clone();
  if (llvm::Error error = run(Phase::Target, *lowered))
    return std::move(error);
  return true;
}

llvm::Error moe::compile(const CompileCommand &command,
                         const Registry &registry) {
  if (llvm::Error error = verifyOutput(command.output, command))
    return error;
  for (const std::string &report :
       {command.report, command.scheduleReport, command.exits.report,
        command.options.lpuReport.getValue(),
        command.options.gpuPtx.getValue(),
        command.options.gpuReport.getValue()})
    if (!report.empty())
      if (llvm::Error error = verifyOutput(report, command))
        return error;
  return Compilation(command, registry).run();
}
