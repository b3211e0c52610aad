//===- Module.cpp - opening a module and asking what it is ----------------===//
#include "session/Module.h"

#include "base/Options.h"
#include "session/Experts.h"
#include <cstdlib>

using namespace moert;

Status moert_module_t::open(const char *path, const ReadOptions &options,
                            std::unique_ptr<moert_module_t> *out) {
  std::unique_ptr<Container> container;
  MOERT_RETURN_IF_ERROR(Container::open(path, options, &container));
  *out = fromContainer(std::move(container));
  return Status();
}

std::unique_ptr<moert_module_t>
moert_module_t::fromContainer(std::unique_ptr<Container> container) {
  auto module = std::make_unique<moert_module_t>();
  module->container = std::move(container);
  if (auto *names = module->metadata().target()->features())
    for (const flatbuffers::String *name : *names)
      module->features.push_back(name->c_str());
  return module;
}

Status moert_module_t::verifyExperts() const {
  std::lock_guard lock(mutex);
  if (checksExperts && !expertsVerified)
    MOERT_RETURN_IF_ERROR(container->checkExperts());
  expertsVerified = true;
  return Status();
}

int64_t moert_module_t::context() const {
  const int64_t held = metadata().target()->context();
  return held ? held : metadata().model()->context();
}

moert_code_t moert_module_t::code() const {
  std::span<const std::byte> bytes = container->section(MOERT_SECTION_CODE);
  moert_code_t code = {};
  code.bytes = bytes.data();
  code.size = bytes.size();
  code.entry = text(metadata().entry());
  code.triple = text(metadata().target()->triple());
  code.features = features.data();
  code.feature_count = features.size();
  code.origin = origin().c_str();
  std::span<const std::byte> described =
      container->section(MOERT_SECTION_METADATA);
  code.metadata = described.data();
  code.metadata_size = described.size();
  return code;
}

double moert_module_t::bitsPerWeight() const {
  uint64_t weights = metadata().model()->parameters();
  return weights ? double(metadata().weight_bits()) / double(weights) : 0;
}

double moert_module_t::codedBitsPerWeight() const {
  uint64_t weights = metadata().coded_weights();
  return weights ? double(metadata().code_bits()) / double(weights) : 0;
}

Status moert::findDriver(const std::string &name, const std::string &origin,
                         const moert_driver_t **out) {
  std::string known;
  for (auto *driver = moert_drivers(); *driver; ++driver) {
    if (name == (*driver)->name) {
      *out = *driver;
      return Status();
    }
    known += (known.empty() ? "" : ", ") + std::string((*driver)->name);
  }
  return makeStatus(MOERT_UNAVAILABLE, origin, ": needs the driver ", name,
                    ", this runtime has ", known);
}

Status moert::checkRunnable(const moert_module_t &module,
                            const moert_driver_t &driver) {
  char detail[256] = "";
  Status present(driver.probe(detail, sizeof(detail)));
  if (present)
    return makeStatus(present.code(), module.origin(), ": driver ", driver.name,
                      ": ", present.message());
  moert_code_t code = module.code();
  return Status(driver.check(&code));
}

//===----------------------------------------------------------------------===//
// The C API
//===----------------------------------------------------------------------===//

void moert_module_options_init(moert_module_options_t *options) {
  *options = {};
  options->size = sizeof(*options);
}

moert_status_t moert_module_open(const char *path,
                                 const moert_module_options_t *options,
                                 moert_module_t **outModule) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull(
        "moert_module_open", {{"path", path}, {"out_module", outModule}}));
    moert_module_options_t chosen;
    moert_module_options_init(&chosen);
    MOERT_RETURN_IF_ERROR(readOptions("module options", options, &chosen));
    ReadOptions read;
    read.checkWeights = !chosen.skip_weight_checksums;
    read.deferExperts = true;
    std::unique_ptr<moert_module_t> module;
    MOERT_RETURN_IF_ERROR(moert_module_t::open(path, read, &module));
    module->checksExperts = read.checkWeights && module->metadata().schedule();
    const moert_driver_t *driver;
    MOERT_RETURN_IF_ERROR(
        findDriver(chosen.driver ? chosen.driver
                                 : module->metadata().target()->driver()->str(),
                   module->origin(), &driver));
    MOERT_RETURN_IF_ERROR(checkRunnable(*module, *driver));
    *outModule = module.release();
    return Status();
  });
}

moert_status_t moert_module_open_for_inspection(const char *path,
                                                moert_module_t **outModule) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_module_open_for_inspection",
                   {{"path", path}, {"out_module", outModule}}));
    std::unique_ptr<moert_module_t> module;
    MOERT_RETURN_IF_ERROR(moert_module_t::open(path, ReadOptions(), &module));
    *outModule = module.release();
    return Status();
  });
}

void moert_module_close(moert_module_t *module) { delete module; }

static const char *stateName(fb::ExitState state) {
  static constexpr const char *names[] = {"propagate", "recompute", "verify"};
  return names[static_cast<size_t>(state)];
}

static void addExits(const fb::Module &module, moert_module_info_t *info) {
  info->exit_policy = info->exit_head = info->exit_state = "";
  const fb::Exits *exits = module.exits();
  if (!exits)
    return;
  info->exits = int32_t(exits->exits()->size());
  info->exits_park = exits->state() != fb::ExitState::Propagate;
  info->exit_policy = text(exits->policy());
  info->exit_head = text(exits->head());
  info->exit_state = stateName(exits->state());
  info->exits_calibrated = exits->certificate() != nullptr;
  info->exit_head_bytes = exits->head_bytes();
  info->exit_layer_bytes = exits->layer_bytes();
  info->exit_leave_bytes = exits->leave_bytes();
  info->exit_unsure_bytes = exits->unsure_bytes();
}

moert_module_info_t moert::infoOf(const moert_module_t &module) {
  const fb::Module &metadata = module.metadata();
  const fb::Model &model = *metadata.model();
  moert_module_info_t info = {};
  info.size = sizeof(info);
  info.layers = model.layers();
  info.vocabulary = model.vocabulary();
  info.context = module.context();
  info.hidden = model.hidden();
  info.experts = model.experts();
  info.experts_per_token = model.experts_per_token();
  info.bos_token = model.bos_token();
  info.add_bos = model.add_bos();
  info.active_bytes_per_token = metadata.active_bytes_per_token();
  info.macs_per_token = metadata.macs_per_token();
  info.bits_per_weight = module.bitsPerWeight();
  info.coded_weights = metadata.coded_weights();
  info.coded_bits_per_weight = module.codedBitsPerWeight();
  ExpertTable experts(metadata);
  info.fetched_experts = experts.count();
  info.fetched_expert_bytes = experts.entryBytes;
  if (metadata.schedule()) {
    info.cache_policy = text(metadata.schedule()->policy());
    info.predictor = text(metadata.schedule()->predictor());
  } else {
    info.cache_policy = info.predictor = "";
  }
  info.name = text(model.name());
  info.family = text(model.family());
  info.backend = metadata.target()->backend()->c_str();
  info.driver = metadata.target()->driver()->c_str();
  addExits(metadata, &info);
  return info;
}

moert_status_t moert_module_info(const moert_module_t *module,
                                 moert_module_info_t *outInfo) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull(
        "moert_module_info", {{"module", module}, {"out_info", outInfo}}));
    return writeResult("module info", infoOf(*module), outInfo);
  });
}

moert_status_t moert_module_exit(const moert_module_t *module, int32_t index,
                                 moert_exit_info_t *outInfo) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull(
        "moert_module_exit", {{"module", module}, {"out_info", outInfo}}));
    const fb::Exits *exits = module->metadata().exits();
    const int64_t count = exits ? exits->exits()->size() : 0;
    if (index < 0 || index >= count)
      return makeStatus(MOERT_OUT_OF_RANGE, module->origin(), ": exit ", index,
                        " requested, the module has ", count);
    const fb::Exit &exit =
        *exits->exits()->Get(static_cast<flatbuffers::uoffset_t>(index));
    moert_exit_info_t info = {};
    info.size = sizeof(info);
    info.layers = exit.layers();
    info.threshold = exit.threshold();
    info.taken = exit.taken();
    return writeResult("exit info", info, outInfo);
  });
}

int moert_module_is_eos(const moert_module_t *module, int32_t token) {
  if (auto *tokens = module->metadata().model()->eos_tokens())
    for (int32_t eos : *tokens)
      if (eos == token)
        return 1;
  return 0;
}

moert_status_t moert_module_describe(const moert_module_t *module,
                                     char **outJson) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull(
        "moert_module_describe", {{"module", module}, {"out_json", outJson}}));
    std::string json = describeModule(*module);
    char *copy = static_cast<char *>(std::malloc(json.size() + 1));
    if (!copy)
      throw std::bad_alloc();
    std::memcpy(copy, json.c_str(), json.size() + 1);
    *outJson = copy;
    return Status();
  });
}

moert_status_t moert_module_tokenizer(moert_module_t *module,
                                      const moert_tokenizer_t **outTokenizer) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_module_tokenizer",
                   {{"module", module}, {"out_tokenizer", outTokenizer}}));
    if (!module->tokenizer) {
      if (!module->container->hasSection(MOERT_SECTION_TOKENIZER))
        return makeStatus(MOERT_NOT_FOUND, module->origin(),
                          ": has no tokenizer");
      std::span<const std::byte> json =
          module->container->section(MOERT_SECTION_TOKENIZER);
      MOERT_RETURN_IF_ERROR(Status(moert_tokenizer_parse(
          reinterpret_cast<const char *>(json.data()), json.size(),
          module->origin().c_str(), &module->tokenizer)));
    }
    *outTokenizer = module->tokenizer;
    return Status();
  });
}
