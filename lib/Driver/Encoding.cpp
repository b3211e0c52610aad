//===- Encoding.cpp - options, progress and report of the encoder ---------===//
#include "Encoding.h"

#include "Version.h"
#include "moe/Calibration/BitBudget.h"
#include "moe/Container/QuantReport.h"
#include "moe/Container/StoredBits.h"
#include "moe/Driver/Registry.h"
#include "moe/Quant/Transforms/SchemeChoice.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace moe;

static std::string getHash(StringRef text) {
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  return llvm::utohexstr(hash.high64) + "." + llvm::utohexstr(hash.low64);
}

/// Errors begin with the file they are about.
static llvm::Error about(StringRef path, llvm::Error error) {
  std::string text = llvm::toString(std::move(error));
  if (StringRef(text).starts_with(path))
    return llvm::createStringError(text);
  return llvm::createStringError(path + ": " + text);
}

//===----------------------------------------------------------------------===//
// Calibration
//===----------------------------------------------------------------------===//

llvm::Expected<std::unique_ptr<CalibrationText>>
CalibrationText::open(const CompileCommand &command, ModelOp model,
                      StringRef tokenizerJson) {
  auto result = std::make_unique<CalibrationText>();
  result->path = command.calibration;
  auto buffer = llvm::MemoryBuffer::getFile(result->path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(
        result->path + ": cannot be read: " + lower(buffer.getError()));
  StringRef text = (*buffer)->getBuffer();
  result->hash = getHash(text);
  CalibrationOptions options;
  options.origin = result->path;
  options.threads = command.threads;
  auto calibration = Calibration::create(model, tokenizerJson, text, options);
  if (!calibration)
    return about(result->path, calibration.takeError());
  result->calibration = std::move(*calibration);
  return result;
}

/// Says which experts got codes without knowing what meets them.
static void warnOfUnreached(StringRef path, const ParameterPlan &plan,
                            const CodedWeights &coded) {
  llvm::DenseSet<std::pair<Operation *, int64_t>> unreached;
  for (const CodedMatrix &matrix : coded.getMatrices())
    if (matrix.inputRows == 0)
      unreached.insert({matrix.weight, matrix.index});
  std::vector<UnreachedExpert> experts;
  int64_t all = 0;
  for (const Parameter &parameter : plan.getParameters()) {
    if (parameter.kind != Parameter::Kind::Expert)
      continue;
    ++all;
    WeightOp gate = parameter.data.front().weight;
    if (unreached.contains({gate, parameter.expert}))
      experts.push_back(
          {gate.getSymName().str(), parameter.layer, parameter.expert});
  }
  if (!experts.empty())
    llvm::errs() << "warning: " << path << ": "
                 << describeUnreached(experts, all) << "\n";
}

//===----------------------------------------------------------------------===//
// Budget
//===----------------------------------------------------------------------===//

/// What may be stored as codes, each weight once.
static std::vector<BudgetTensor> listTensors(ModelOp model,
                                             const SchemeChoice &choice) {
  llvm::MapVector<Operation *, BudgetTensor> tensors;
  for (WeightUse &use : findWeightUses(model)) {
    StringRef scheme = choice.get(use.weightClass, use.weight.getSymName());
    if (choice.isNone() || scheme != "none")
      tensors.try_emplace(use.weight, getBudgetTensor(use.weight));
  }
  auto values = llvm::make_second_range(tensors);
  return {values.begin(), values.end()};
}

llvm::Expected<std::string> moe::spendBits(const CompileCommand &command,
                                           const Registry &registry,
                                           ModelOp model,
                                           Calibration *calibration) {
  auto choice = SchemeChoice::parse(command.options.quantize, registry);
  if (!choice)
    return choice.takeError();
  std::vector<BudgetTensor> tensors = listTensors(model, *choice);
  if (tensors.empty())
    return llvm::createStringError(
        command.input + ": has 0 weights that --bits may be spent on");
  if (calibration) {
    std::vector<std::string> symbols;
    for (const BudgetTensor &tensor : tensors)
      symbols.push_back(tensor.symbol);
    auto sensitivities = calibration->measureSensitivities(symbols);
    if (!sensitivities)
      return about(command.calibration, sensitivities.takeError());
    for (BudgetTensor &tensor : tensors)
      tensor.sensitivity = sensitivities->lookup(tensor.symbol);
  }
  llvm::Expected<BudgetPlan> plan = spendBits(
      tensors, getBudgetSchemes(registry, model->getContext()), *command.bits);
  if (!plan)
    return about(command.input, plan.takeError());
  std::string text;
  for (const auto &[symbol, scheme] : plan->schemes)
    text += (text.empty() ? "@" : ",@") + symbol + ":" + scheme;
  return text;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Another build may choose other codes.
static std::string getBuild() {
  int here;
  auto self = llvm::MemoryBuffer::getFile(
      llvm::sys::fs::getMainExecutable("moe-compile", &here),
      /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return getProducer("moe-compile") + " " +
         (self ? getHash((*self)->getBuffer()) : "unknown");
}

namespace {
/// What goes wrong with a text begins with its name.
class NamedSource : public CalibrationSource {
public:
  explicit NamedSource(const CalibrationText *text) : text(text) {}

  llvm::Expected<InputRows> getInputs(WeightOp weight,
                                      int64_t matrix) override {
    auto rows = text->calibration->getInputs(weight, matrix);
    if (!rows)
      return about(text->path, rows.takeError());
    return rows;
  }

private:
  const CalibrationText *text;
};
} // namespace

llvm::Expected<std::unique_ptr<CodedWeights>>
moe::encodeWeights(const CompileCommand &command, const Registry &registry,
                   ModelOp model, const ParameterPlan &plan,
                   const CalibrationText *calibration, Progress &progress) {
  EncodingInput input;
  input.model = model;
  input.plan = &plan;
  input.registry = &registry;
  input.options = {command.effort, command.threads};
  input.key = getBuild();
  NamedSource source(calibration);
  if (calibration) {
    input.calibration = &source;
    input.key += " " + calibration->hash;
  }
  input.cachePath = followLinks(command.output) + ".codes";
  input.progress = [&](uint64_t done, uint64_t total) {
    progress.setBytes(done, total);
  };
  input.note = [](StringRef text) {
    llvm::errs() << "remark: " << text << "\n";
  };
  progress.setPhase("encoding");
  auto coded = CodedWeights::encode(input);
  progress.setPhase("container");
  if (coded && calibration)
    warnOfUnreached(calibration->path, plan, **coded);
  return coded;
}

llvm::Error moe::writeReport(const CompileCommand &command,
                             const ParameterPlan &plan,
                             const CodedWeights &coded) {
  if (command.report.empty())
    return llvm::Error::success();
  return writeFile(command.report, [&](llvm::raw_ostream &os) {
    printQuantReport(os, plan, coded);
  });
}

void moe::printBits(StringRef output, const ParameterPlan &plan) {
  StoredBits stored(plan);
  uint64_t size = 0;
  if (!stored.codedWeights || llvm::sys::fs::file_size(output, size))
    return;
  llvm::outs() << output << ": "
               << llvm::format("%.3f bits per quantised weight, %.3f bits per "
                               "weight in all, %.1f MB\n",
                               stored.getBitsPerCodedWeight(),
                               stored.getBitsPerWeight(), size / 1e6);
  // A pipe that is closed is no reason to call the module a failure.
  (void)flush(llvm::outs());
}
