//===- Describe.cpp - a module as JSON ------------------------------------===//
#include "container/Checksum.h"
#include "container/Header.h"
#include "session/Experts.h"
#include "session/Module.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

using namespace moert;
using Json = nlohmann::ordered_json;

static Json describeSections(const Container &container) {
  Json sections = Json::array();
  for (const moert_container_section_t &section : container.sections())
    sections.push_back(
        {{"id", section.id},
         {"name", sectionName(section.id)},
         {"required", (section.flags & MOERT_SECTION_REQUIRED) != 0},
         {"offset", section.offset},
         {"size", section.size},
         {"checksum", hex(section.checksum)}});
  return sections;
}

static Json describeModel(const fb::Model &model) {
  Json eos = Json::array();
  if (model.eos_tokens())
    for (int32_t token : *model.eos_tokens())
      eos.push_back(token);
  return {{"name", text(model.name())},
          {"family", text(model.family())},
          {"vocabulary", model.vocabulary()},
          {"context", model.context()},
          {"hidden", model.hidden()},
          {"layers", model.layers()},
          {"experts", model.experts()},
          {"experts_per_token", model.experts_per_token()},
          {"parameters", model.parameters()},
          {"bos_token", model.bos_token()},
          {"add_bos", model.add_bos()},
          {"eos_tokens", eos}};
}

static Json describeTarget(const moert_module_t &module) {
  const fb::Target &target = *module.metadata().target();
  return {{"backend", text(target.backend())},
          {"driver", text(target.driver())},
          {"triple", text(target.triple())},
          {"cpu", text(target.cpu())},
          {"context", module.context()},
          {"features", module.features}};
}

static const char *layoutName(CodeLayout layout) {
  return layout == CodeLayout::Pairs ? "pairs" : "planes";
}

static Json describeCodes(std::span<const Code> codes) {
  Json result = Json::array();
  for (const Code &code : codes)
    result.push_back({{"name", code.name},
                      {"layout", layoutName(code.layout)},
                      {"bits", code.bits},
                      {"columns", code.columns},
                      {"weights", code.weights},
                      {"offset", code.offset},
                      {"zeros", code.zeros},
                      {"rotated", code.rotated},
                      {"window", code.window},
                      {"levels", code.levels}});
  return result;
}

static Json describeMatrix(const fb::Matrix &matrix,
                           std::span<const Code> codes) {
  Json result = {{"rows", matrix.rows()}, {"columns", matrix.columns()}};
  if (matrix.code() >= 0)
    result["scheme"] = codes[static_cast<size_t>(matrix.code())].name;
  else
    result["scheme"] = "none";
  result["element"] = elementName(matrix.element());
  result["column_rotation"] = matrix.column_rotation();
  result["row_rotation"] = matrix.row_rotation();
  result["size"] = matrix.size();
  return result;
}

static Json describeParameter(const fb::Parameter &parameter,
                              std::span<const Code> codes) {
  moert_parameter_info_t info = infoOf(parameter);
  Json result = {{"name", info.name}, {"kind", info.kind}};
  if (parameter.kind() == fb::ParameterKind::RopeTable) {
    result["frequencies"] = parameter.rope()->frequencies()->size();
    result["gain"] = parameter.rope()->gain();
    return result;
  }
  result["element"] = info.element;
  result["scheme"] = info.scheme;
  Json shape = Json::array();
  for (int64_t extent : *parameter.shape())
    shape.push_back(extent);
  result["shape"] = shape;
  result["offset"] = parameter.offset();
  result["size"] = parameter.size();
  result["weights"] = info.weights;
  result["bits_per_weight"] = info.bits_per_weight;
  if (parameter.matrices()) {
    Json matrices = Json::array();
    for (const fb::Matrix *matrix : *parameter.matrices())
      matrices.push_back(describeMatrix(*matrix, codes));
    result["matrices"] = matrices;
  }
  if (parameter.kind() == fb::ParameterKind::Expert) {
    result["layer"] = parameter.layer();
    result["expert"] = parameter.expert();
  }
  return result;
}

namespace {
/// Parameters that are stored alike.
struct Storage {
  moert_parameter_info_t first;
  int64_t parameters = 0;
  uint64_t weights = 0, bytes = 0;

  bool isLike(const moert_parameter_info_t &info) const {
    auto isSame = [](const char *a, const char *b) {
      return std::strcmp(a, b) == 0;
    };
    return isSame(first.kind, info.kind) && isSame(first.scheme, info.scheme) &&
           isSame(first.element, info.element);
  }
};
} // namespace

static Json describeStorage(const fb::Module &metadata) {
  std::vector<Storage> all; // in the order of the first ones
  for (const fb::Parameter *parameter : *metadata.parameters()) {
    moert_parameter_info_t info = infoOf(*parameter);
    if (info.weights == 0)
      continue;
    auto found =
        std::find_if(all.begin(), all.end(), [&](const Storage &storage) {
          return storage.isLike(info);
        });
    if (found == all.end())
      found = all.insert(all.end(), Storage{info});
    ++found->parameters;
    found->weights += info.weights;
    found->bytes += info.bytes;
  }
  Json result = Json::array();
  for (const Storage &storage : all)
    result.push_back({{"kind", storage.first.kind},
                      {"scheme", storage.first.scheme},
                      {"element", storage.first.element},
                      {"parameters", storage.parameters},
                      {"weights", storage.weights},
                      {"bytes", storage.bytes},
                      {"bits_per_weight",
                       8 * double(storage.bytes) / double(storage.weights)}});
  return result;
}

template <typename T>
static Json numbersOf(const flatbuffers::Vector<T> *numbers) {
  Json result = Json::array();
  if (numbers)
    for (T number : *numbers)
      result.push_back(number);
  return result;
}

/// null for a module whose experts all stay in memory.
static Json describeSchedule(const fb::Module &metadata) {
  const fb::Schedule *schedule = metadata.schedule();
  if (!schedule)
    return Json();
  ExpertTable table(metadata);
  return {{"cache_policy", text(schedule->policy())},
          {"entries", schedule->entries()},
          {"layers", numbersOf(schedule->layers())},
          {"partition", numbersOf(schedule->partition())},
          {"predictor", text(schedule->predictor())},
          {"ahead", schedule->ahead()},
          {"guesses", schedule->guesses()},
          {"guessed_layers", numbersOf(schedule->guessed_layers())},
          {"expert_bytes", table.entryBytes},
          {"all_expert_bytes", table.bytes()},
          {"token_expert_bytes",
           uint64_t(table.chosen) * table.layers.size() * table.entryBytes}};
}

/// JSON has no number for what nobody, or everybody, reaches.
static Json describeThreshold(double threshold) {
  if (std::isfinite(threshold))
    return threshold;
  return threshold > 0 ? "inf" : "-inf";
}

static Json describeCertificate(const fb::Certificate *certificate) {
  if (!certificate)
    return Json();
  Json thresholds = Json::array();
  for (double threshold : *certificate->thresholds())
    thresholds.push_back(describeThreshold(threshold));
  return {{"prompts", certificate->prompts()},
          {"delta", certificate->delta()},
          {"epsilon", certificate->epsilon()},
          {"risk", text(certificate->risk())},
          {"data_hash", hex(certificate->data_hash())},
          {"weights_hash", hex(certificate->weights_hash())},
          {"model_hash", hex(certificate->model_hash())},
          {"thresholds", thresholds},
          {"empirical_risk", certificate->empirical_risk()},
          {"p_value", certificate->p_value()}};
}

/// null for a module in which every token runs through all layers.
static Json describeExits(const moert_module_t &module) {
  const fb::Exits *exits = module.metadata().exits();
  if (!exits)
    return Json();
  moert_module_info_t info = infoOf(module);
  Json places = Json::array();
  for (const fb::Exit *exit : *exits->exits())
    places.push_back(
        {{"layers", exit->layers()},
         {"threshold", describeThreshold(exit->threshold())},
         {"taken", exit->taken() < 0 ? Json() : Json(exit->taken())}});
  return {{"policy", info.exit_policy},
          {"head", info.exit_head},
          {"state", info.exit_state},
          {"exits", places},
          {"head_bytes", info.exit_head_bytes},
          {"layer_bytes", info.exit_layer_bytes},
          {"leave_bytes", info.exit_leave_bytes},
          {"unsure_bytes", info.exit_unsure_bytes},
          {"weights_hash", hex(exits->weights_hash())},
          {"model_hash", hex(exits->model_hash())},
          {"certificate", describeCertificate(exits->certificate())}};
}

std::string moert::describeModule(const moert_module_t &module) {
  const moert_container_header_t &header = module.container->header();
  const fb::Module &metadata = module.metadata();
  const fb::Kv &kv = *metadata.kv();
  Json parameters = Json::array();
  for (const fb::Parameter *parameter : *metadata.parameters())
    parameters.push_back(
        describeParameter(*parameter, module.container->codes()));

  Json result = {
      {"header",
       {{"version",
         std::to_string(header.major) + "." + std::to_string(header.minor)},
        {"file_size", header.file_size},
        {"abi_hash", hex(header.abi_hash)}}},
      {"producer", text(metadata.producer())},
      {"sections", describeSections(*module.container)},
      {"model", describeModel(*metadata.model())},
      {"target", describeTarget(module)},
      {"kv",
       {{"layers", kv.layers()},
        {"heads", kv.heads()},
        {"head_dim", kv.head_dim()},
        {"element", elementName(kv.element())}}},
      {"entry", text(metadata.entry())},
      {"workspace_fixed_bytes", metadata.workspace_fixed()},
      {"workspace_bytes_per_row", metadata.workspace_per_row()},
      {"operations", metadata.operations() ? metadata.operations()->size() : 0},
      {"weight_bits", metadata.weight_bits()},
      {"bits_per_weight", module.bitsPerWeight()},
      {"coded_weights", metadata.coded_weights()},
      {"coded_bits_per_weight", module.codedBitsPerWeight()},
      {"storage", describeStorage(metadata)},
      {"codes", describeCodes(module.container->codes())},
      {"active_bytes_per_token", metadata.active_bytes_per_token()},
      {"macs_per_token", metadata.macs_per_token()},
      {"schedule", describeSchedule(metadata)},
      {"exits", describeExits(module)},
      {"parameters", parameters}};
  // A name that is not UTF-8 is shown, not refused.
  return result.dump(2, ' ', false, Json::error_handler_t::replace);
}
