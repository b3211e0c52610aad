//===- ExitCalibration.cpp - settings, losses, and the bold one that holds ===//
#include "ExitCalibration.h"

#include "moe/Driver/Registry.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace moe;

static constexpr llvm::StringLiteral
    differs = "share of prompts whose greedy answer (first line, at most 32 "
              "tokens) differs from the full model's",
    isLost = "share of prompts whose greedy answer (first line, at most 32 "
             "tokens) is right by the full model and wrong by early exits";

static std::string show(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", value);
  return text;
}

llvm::Error ExitCalibration::fail(const llvm::Twine &what) const {
  return llvm::createStringError(prompts.path + ": " + what);
}

//===----------------------------------------------------------------------===//
// Prompts
//===----------------------------------------------------------------------===//

llvm::Expected<std::unique_ptr<ExitCalibration>>
ExitCalibration::open(const CompileCommand &command, const Registry &registry) {
  auto prompts = ExitPrompts::read(command.exits.prompts);
  if (!prompts)
    return prompts.takeError();
  std::unique_ptr<ExitCalibration> result(
      new ExitCalibration(command, std::move(*prompts)));
  result->policy =
      registry.exitPolicies.at(command.options.exitPolicy.getValue())();
  // Whatever order a file has, both halves are prompts of all kinds.
  bool isLearning = result->policy->needsFit();
  for (const ExitPrompt &prompt : result->prompts.prompts)
    (isLearning && llvm::xxh3_64bits(prompt.text) % 2 == 0 ? result->learning
                                                           : result->testing)
        .push_back(&prompt);
  if (llvm::Error error = verifyPromptCount(int64_t(result->testing.size()),
                                            command.exits.bound))
    return result->fail("has " + llvm::toString(std::move(error)));
  return std::move(result);
}

llvm::Error ExitCalibration::tokenize(StringRef tokenizerJson,
                                      int32_t firstToken, int64_t context) {
  if (tokenizerJson.empty())
    return fail("is text, which needs a tokenizer, and the model has none");
  moert_tokenizer_t *parsed = nullptr;
  if (llvm::Error error = takeStatus(
          moert_tokenizer_parse(tokenizerJson.data(), tokenizerJson.size(),
                                "tokenizer.json", &parsed)))
    return error;
  RuntimeTokenizer tokenizer(parsed);
  return prompts.tokenize(*tokenizer, firstToken, context);
}

//===----------------------------------------------------------------------===//
// Learning
//===----------------------------------------------------------------------===//

llvm::Expected<std::vector<ExitRun>>
ExitCalibration::answer(const ExitRunner &runner,
                        llvm::ArrayRef<const ExitPrompt *> all,
                        llvm::ArrayRef<std::optional<double>> settings) const {
  return runner.answer(all, settings, [&](size_t done) {
    progress("prompt " + std::to_string(done) + " of " +
             std::to_string(all.size()));
  });
}

llvm::Expected<std::shared_ptr<const ExitPolicy>>
ExitCalibration::fit(StringRef file) {
  auto runner = ExitRunner::open(file, command.output, command.threads);
  if (!runner)
    return runner.takeError();
  auto answers = answer(*runner, learning, {std::nullopt});
  if (!answers)
    return answers.takeError();
  auto samples = runner->record(learning, answers->front().answers,
                                (file + ".exits").str());
  if (!samples)
    return samples.takeError();
  if (llvm::Error error = policy->fit(*samples))
    return fail(llvm::toString(std::move(error)));
  return std::shared_ptr<const ExitPolicy>(policy);
}

//===----------------------------------------------------------------------===//
// Testing
//===----------------------------------------------------------------------===//

std::vector<double> ExitCalibration::getLosses(const ExitRun &full,
                                               const ExitRun &run) const {
  std::vector<double> losses;
  for (auto [prompt, early, deep] :
       llvm::zip_equal(testing, run.answers, full.answers)) {
    bool isWrong = early.line != deep.line;
    if (prompts.hasAnswers)
      isWrong &= deep.line == prompt->answer;
    losses.push_back(isWrong);
  }
  return losses;
}

int64_t ExitCalibration::countCorrect(const ExitRun &full) const {
  if (!prompts.hasAnswers)
    return int64_t(testing.size());
  int64_t count = 0;
  for (auto [prompt, answer] : llvm::zip_equal(testing, full.answers))
    count += answer.line == prompt->answer;
  return count;
}

llvm::Expected<ExitCertificate>
ExitCalibration::certify(StringRef file, uint64_t weightsHash) {
  auto runner = ExitRunner::open(file, command.output, command.threads);
  if (!runner)
    return runner.takeError();
  const RiskBound &bound = command.exits.bound;
  std::vector<double> thresholds =
      policy->getThresholdsToTry(int64_t(runner->getLayers().size()));
  std::vector<std::optional<double>> settings(thresholds.begin(),
                                              thresholds.end());
  settings.push_back(std::nullopt);
  auto runs = answer(*runner, testing, settings);
  if (!runs)
    return runs.takeError();
  // Exits would spoil nothing, whatever they do.
  int64_t correct = countCorrect(runs->back());
  if (correct == 0)
    return fail("the full model answers 0 of " +
                llvm::Twine(testing.size()) + " prompts correctly");
  auto outcome = testInSequence(
      int64_t(thresholds.size()), bound,
      [&](int64_t i) -> llvm::Expected<std::vector<double>> {
        return getLosses(runs->back(), (*runs)[i]);
      });
  if (!outcome)
    return outcome.takeError();
  if (outcome->accepted == 0)
    return fail("no setting keeps the risk below " + show(bound.delta) +
                " with an error of " + show(bound.epsilon) +
                ": the most careful, threshold " + show(thresholds[0]) +
                ", has risk " + show(outcome->tested[0].risk) +
                " and p-value " + show(outcome->tested[0].pValue));

  size_t boldest = size_t(outcome->accepted - 1);
  const moert_module_info_t &info = runner->getInfo();
  ExitCertificate result;
  result.prompts = int64_t(testing.size());
  result.fullCorrect = double(correct) / double(testing.size());
  result.bound = bound;
  result.risk = prompts.hasAnswers ? isLost : differs;
  result.dataHash = prompts.hash;
  result.weightsHash = weightsHash;
  result.policy = info.exit_policy;
  result.state = info.exit_state;
  result.head = info.exit_head;
  if (isLearning())
    result.fit = policy->getFit();
  result.layers = runner->getLayers();
  result.thresholds.assign(result.layers.size(), thresholds[boldest]);
  result.taken = (*runs)[boldest].taken;
  result.empiricalRisk = outcome->tested[boldest].risk;
  result.pValue = outcome->tested[boldest].pValue;
  result.averageLayers = (*runs)[boldest].averageLayers;
  for (auto [i, tested] : llvm::enumerate(outcome->tested))
    result.tested.push_back({thresholds[i], tested.risk, tested.pValue,
                             (*runs)[i].averageLayers});
  return std::move(result);
}

//===----------------------------------------------------------------------===//
// Certificates of earlier calibrations
//===----------------------------------------------------------------------===//

/// Where the command line says what the certificate says, it must be the same.
static llvm::Error adopt(StringRef path, StringRef flag,
                         CompileOptions::Option<std::string> &option,
                         const std::string &value, bool isGiven) {
  if (isGiven && option.getValue() != value)
    return llvm::createStringError(path + ": is of " + flag + "=" + value +
                                   ", the command line says " +
                                   option.getValue());
  option.setValue(value);
  return llvm::Error::success();
}

static std::string join(llvm::ArrayRef<int64_t> numbers) {
  std::string text;
  for (int64_t number : numbers)
    text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

llvm::Expected<ExitCertificate>
moe::applyCertificate(const CompileCommand &command, const Registry &registry,
                      CompileOptions &options) {
  StringRef path = command.exits.certificate;
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot be read: " + lower(buffer.getError()));
  auto certificate = parseCertificate((*buffer)->getBuffer(), path);
  if (!certificate)
    return certificate;
  const CompileOptions &given = command.options;
  if (llvm::Error error =
          adopt(path, "--exit-policy", options.exitPolicy, certificate->policy,
                given.exitPolicy.getValue() != "none"))
    return std::move(error);
  if (llvm::Error error = adopt(
          path, "--exit-layers", options.exitLayers, join(certificate->layers),
          !given.exitLayers.empty()))
    return std::move(error);
  if (llvm::Error error =
          adopt(path, "--exit-state", options.exitState, certificate->state,
                given.exitState.getNumOccurrences()))
    return std::move(error);
  if (llvm::Error error =
          adopt(path, "--exit-head", options.exitHead, certificate->head,
                given.exitHead.getNumOccurrences()))
    return std::move(error);
  if (llvm::Error error = verifyOptions(options, registry))
    return llvm::createStringError(path + ": " +
                                   llvm::toString(std::move(error)));
  std::shared_ptr<ExitPolicy> policy =
      registry.exitPolicies.at(certificate->policy)();
  if (policy->needsFit()) {
    if (llvm::Error error = policy->setFit(certificate->fit,
                                           certificate->layers.size()))
      return llvm::createStringError(path + ": " +
                                     llvm::toString(std::move(error)));
    options.fittedExitPolicy = std::move(policy);
  }
  options.exitThresholds = certificate->thresholds;
  options.exitTaken = certificate->taken;
  return certificate;
}

void moe::printCertified(StringRef output,
                         const ExitCertificate &certificate) {
  llvm::outs() << output << ": threshold "
               << show(certificate.thresholds.front())
               << " keeps the risk below " << show(certificate.bound.delta)
               << " with an error of " << show(certificate.bound.epsilon)
               << ", by " << certificate.prompts << " prompts, "
               << llvm::format("%.2f", certificate.averageLayers)
               << " layers on average";
  if (certificate.risk == isLost)
    llvm::outs() << "; the full model answers "
                 << llvm::format("%.0f", certificate.fullCorrect * 100)
                 << "% correctly";
  llvm::outs() << "\n";
  // A pipe that is closed is no reason to call the module a failure.
  (void)flush(llvm::outs());
}
