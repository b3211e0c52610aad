//===- Describe.cpp - a module as JSON ------------------------------------===//
#include "container/Checksum.h"
#include "container/Header.h"
#include "session/Module.h"
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
          {"features", module.features}};
}

static Json describeParameter(const fb::Parameter &parameter) {
  static constexpr const char *kinds[] = {"tensor", "expert", "rope_table"};
  Json result = {{"name", text(parameter.name())},
                 {"kind", kinds[static_cast<size_t>(parameter.kind())]}};
  if (parameter.kind() == fb::ParameterKind::RopeTable) {
    result["frequencies"] = parameter.rope()->frequencies()->size();
    result["gain"] = parameter.rope()->gain();
    return result;
  }
  result["element"] = elementName(parameter.element());
  if (parameter.scheme())
    result["scheme"] = text(parameter.scheme());
  Json shape = Json::array();
  for (int64_t extent : *parameter.shape())
    shape.push_back(extent);
  result["shape"] = shape;
  result["offset"] = parameter.offset();
  result["size"] = parameter.size();
  if (parameter.kind() == fb::ParameterKind::Expert) {
    result["layer"] = parameter.layer();
    result["expert"] = parameter.expert();
  }
  return result;
}

std::string moert::describeModule(const moert_module_t &module) {
  const moert_container_header_t &header = module.container->header();
  const fb::Module &metadata = module.metadata();
  const fb::Kv &kv = *metadata.kv();
  Json parameters = Json::array();
  for (const fb::Parameter *parameter : *metadata.parameters())
    parameters.push_back(describeParameter(*parameter));

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
      {"active_bytes_per_token", metadata.active_bytes_per_token()},
      {"macs_per_token", metadata.macs_per_token()},
      {"parameters", parameters}};
  // A name that is not UTF-8 is shown, not refused.
  return result.dump(2, ' ', false, Json::error_handler_t::replace);
}
