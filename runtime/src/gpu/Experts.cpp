//===- Experts.cpp - which parameters are experts -------------------------===//
#include "gpu/Experts.h"

using namespace moert;
using namespace moert::gpu;

ExpertMap::ExpertMap(const fb::Module &module) {
  const auto &all = *module.parameters();
  experts = module.model()->experts();
  chosen = module.model()->experts_per_token();
  if (const fb::Schedule *schedule = module.schedule()) {
    canFetch = true;
    if (schedule->policy())
      policy = schedule->policy()->str();
  }
  for (const fb::Parameter *parameter : all)
    if (parameter->kind() == fb::ParameterKind::Expert)
      layers.push_back(parameter->layer());
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  parameters.resize(layers.size() * size_t(experts));
  sizes.resize(parameters.size());
  for (flatbuffers::uoffset_t i = 0; i < all.size(); ++i) {
    const fb::Parameter &parameter = *all[i];
    if (parameter.kind() != fb::ParameterKind::Expert)
      continue;
    const size_t key =
        size_t(indexOf(parameter.layer()) * experts + parameter.expert());
    ++total;
    parameters[key] = i;
    sizes[key] = parameter.size();
    entryBytes = std::max(entryBytes, aligned(parameter.size()));
  }
}
