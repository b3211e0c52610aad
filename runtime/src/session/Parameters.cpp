//===- Parameters.cpp - what is stored under each name --------------------===//
#include "session/Module.h"

#include "base/Options.h"

using namespace moert;

/// Elements of the shape; the reader has seen that they can be counted.
static uint64_t countWeights(const fb::Parameter &parameter) {
  if (parameter.kind() == fb::ParameterKind::RopeTable)
    return 0;
  uint64_t weights = parameter.kind() == fb::ParameterKind::Expert ? 3 : 1;
  for (int64_t extent : *parameter.shape())
    weights *= uint64_t(extent);
  return weights;
}

moert_parameter_info_t moert::infoOf(const fb::Parameter &parameter) {
  static constexpr const char *kinds[] = {"tensor", "expert", "rope_table"};
  bool isExpert = parameter.kind() == fb::ParameterKind::Expert;
  moert_parameter_info_t info = {};
  info.size = sizeof(info);
  info.layer = isExpert ? parameter.layer() : -1;
  info.expert = isExpert ? parameter.expert() : -1;
  info.kind = kinds[static_cast<size_t>(parameter.kind())];
  info.name = parameter.name()->c_str();
  info.scheme = parameter.scheme() ? parameter.scheme()->c_str() : "none";
  info.element = elementName(parameter.element());
  info.weights = countWeights(parameter);
  info.bytes = parameter.size();
  if (info.weights)
    info.bits_per_weight = 8 * double(info.bytes) / double(info.weights);
  return info;
}

int64_t moert_module_parameters(const moert_module_t *module) {
  return module->metadata().parameters()->size();
}

moert_status_t moert_module_parameter(const moert_module_t *module,
                                      int64_t index,
                                      moert_parameter_info_t *outInfo) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull(
        "moert_module_parameter", {{"module", module}, {"out_info", outInfo}}));
    int64_t count = moert_module_parameters(module);
    if (index < 0 || index >= count)
      return makeStatus(MOERT_OUT_OF_RANGE, module->origin(), ": parameter ",
                        index, " requested, the module has ", count);
    return writeResult("parameter info",
                       infoOf(*module->metadata().parameters()->Get(
                           static_cast<flatbuffers::uoffset_t>(index))),
                       outInfo);
  });
}
