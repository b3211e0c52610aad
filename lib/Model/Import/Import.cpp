//===- Import.cpp - a directory becomes a module --------------------------===//
#include "moe/Model/Import.h"

#include "File.h"
#include "Tokenizer.h"
#include "moe/Driver/Registry.h"
#include "moe/Model/Config.h"
#include "moe/Model/Diagnostics.h"
#include "moe/Model/ModelBuilder.h"
#include "moe/Model/ModelFamily.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace moe;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;

static Error checkDirectory(StringRef directory) {
  if (!exists(directory))
    return fileError(directory, "no such file or directory");
  if (!llvm::sys::fs::is_directory(directory))
    return fileError(directory, "is not a directory");
  return Error::success();
}

static Expected<std::unique_ptr<ModelFamily>>
findFamily(const Config &config, const Registry &registry) {
  std::string type = config.requireString("model_type");
  auto entry = registry.families.find(type);
  if (entry == registry.families.end() && !config.failed()) {
    std::vector<std::string> known;
    for (const auto &family : registry.families)
      known.push_back(family.first);
    config.fail("model_type " + quote(type) +
                " is not supported, supported: " + listText(known));
  }
  if (Error error = config.takeError())
    return std::move(error);
  return entry->second();
}

/// Keys that make the tensors something else than plain weights of one model:
/// better named than left to be noticed by a tensor that is not there.
static void checkPlainWeights(const Config &config) {
  if (config.has("quantization_config"))
    config.fail("key 'quantization_config' is not supported, supported are "
                "checkpoints of BF16, F16 and F32");
  if (config.has("text_config"))
    config.fail("key 'text_config' is not supported, supported are models of "
                "text alone");
}

/// Emits the IR. Errors come in the order in which they explain each other:
/// first what config.json says wrongly, then tensors that do not fit it, then
/// keys that nobody has read.
static Expected<OwningOpRef<ModuleOp>> buildModel(const Config &config,
                                                  const Checkpoint &checkpoint,
                                                  const ModelFamily &family,
                                                  MLIRContext &context) {
  ModelBuilder builder(context, checkpoint, family.getName());
  Error buildError = family.build(config, builder);
  if (Error error = config.takeError()) {
    llvm::consumeError(std::move(buildError));
    return std::move(error);
  }
  if (buildError)
    builder.fail(std::move(buildError));
  Expected<OwningOpRef<ModuleOp>> module = builder.finish();
  if (!module)
    return module.takeError();
  if (Error error = config.finish())
    return std::move(error);
  return module;
}

/// The ids that end a text: generation_config.json overrides config.json.
static Error readEosTokens(StringRef directory, const Config &config,
                           int64_t vocabulary, std::vector<int32_t> &eos) {
  Bounds<int64_t> bounds{0, vocabulary - 1};
  std::vector<int64_t> ids = config.getIntegers("eos_token_id", bounds);
  if (Error error = config.takeError())
    return error;
  std::string path = pathIn(directory, "generation_config.json");
  if (exists(path)) {
    Expected<Config> generation = Config::read(path);
    if (!generation)
      return generation.takeError();
    if (generation->has("eos_token_id"))
      ids = generation->getIntegers("eos_token_id", bounds);
    if (Error error = generation->takeError())
      return error;
  }
  eos.assign(ids.begin(), ids.end());
  return Error::success();
}

static Error readBosToken(const Config &config, int64_t vocabulary,
                          int32_t &bos) {
  bos = int32_t(config.getInteger("bos_token_id", -1, {-1, vocabulary - 1}));
  return config.takeError();
}

Expected<ImportedModel> moe::importCheckpoint(StringRef directory,
                                              const Registry &registry,
                                              MLIRContext &context) {
  if (Error error = checkDirectory(directory))
    return std::move(error);
  Expected<Config> config = Config::read(pathIn(directory, "config.json"));
  if (!config)
    return config.takeError();
  Expected<std::unique_ptr<ModelFamily>> family = findFamily(*config, registry);
  if (!family)
    return family.takeError();
  checkPlainWeights(*config);
  if (Error error = config->takeError())
    return std::move(error);
  Expected<Checkpoint> checkpoint = Checkpoint::open(directory);
  if (!checkpoint)
    return checkpoint.takeError();
  Expected<OwningOpRef<ModuleOp>> module =
      buildModel(*config, *checkpoint, **family, context);
  if (!module)
    return module.takeError();

  ImportedModel model;
  model.module = std::move(*module);
  auto modelOp = *model.module->getOps<ModelOp>().begin();
  auto vocabulary = int64_t(modelOp.getVocabulary());
  if (Error error =
          readEosTokens(directory, *config, vocabulary, model.eosTokens))
    return std::move(error);
  if (Error error = readBosToken(*config, vocabulary, model.bosToken))
    return std::move(error);
  if (Error error = readTokenizer(directory, vocabulary, model))
    return std::move(error);
  return model;
}
