//===- Metadata.cpp - what conformance code says of itself ----------------===//
#include "Subject.h"

#include "module_generated.h"
#include <cstring>
#include <map>

using namespace moert;
using namespace moert::cts;

using Builder = flatbuffers::FlatBufferBuilder;

/// Parameter 0: the bias.
static flatbuffers::Offset<fb::Parameter> makeBias(Builder &builder) {
  const std::vector<int64_t> shape = {4};
  return fb::CreateParameterDirect(builder, "bias", fb::ParameterKind::Tensor,
                                   fb::ElementType::F32, &shape, 0, 16);
}

static flatbuffers::Offset<fb::Parameter> makeExpert(Builder &builder,
                                                     int layer, int expert) {
  const std::vector<int64_t> shape = {16, 64};
  constexpr uint64_t size = 3 * 16 * 64 * sizeof(float);
  const uint64_t offset = 4096 + uint64_t(layer * 4 + expert) * size;
  const std::string name = "expert." + std::to_string(expert);
  return fb::CreateParameterDirect(builder, name.c_str(),
                                   fb::ParameterKind::Expert,
                                   fb::ElementType::F32, &shape, offset, size,
                                   /*checksum=*/0, layer, expert);
}

static std::vector<uint64_t> make(const std::string &entry) {
  const bool hasExperts =
      entry == "conformance_experts" || entry == "conformance_leaving";
  Builder builder;
  std::vector<flatbuffers::Offset<fb::Parameter>> parameters = {
      makeBias(builder)};
  for (int layer = 0; hasExperts && layer < 2; ++layer)
    for (int expert = 0; expert < 4; ++expert)
      parameters.push_back(makeExpert(builder, layer, expert));
  flatbuffers::Offset<fb::Schedule> schedule;
  if (hasExperts) {
    const std::vector<int32_t> layers = {0, 1};
    schedule = fb::CreateScheduleDirect(builder, "lru", 0, &layers);
  }
  auto model = fb::CreateModelDirect(builder, "conformance", "null",
                                     /*vocabulary=*/4, /*context=*/16,
                                     /*hidden=*/4, /*layers=*/4, /*experts=*/4,
                                     /*experts_per_token=*/2);
  auto target = fb::CreateTargetDirect(builder, "null", "null");
  auto kv = fb::CreateKv(builder, 4, 1, 1, fb::ElementType::F32);
  auto all = builder.CreateVector(parameters);
  fb::ModuleBuilder module(builder);
  module.add_model(model);
  module.add_target(target);
  module.add_kv(kv);
  module.add_parameters(all);
  if (hasExperts)
    module.add_schedule(schedule);
  fb::FinishModuleBuffer(builder, module.Finish());
  std::vector<uint64_t> bytes((builder.GetSize() + 7) / 8);
  std::memcpy(bytes.data(), builder.GetBufferPointer(), builder.GetSize());
  return bytes;
}

const std::vector<uint64_t> &moert::cts::metadataOf(const std::string &entry) {
  static std::map<std::string, std::vector<uint64_t>> made;
  auto [cell, isNew] = made.try_emplace(entry);
  if (isNew)
    cell->second = make(entry);
  return cell->second;
}
