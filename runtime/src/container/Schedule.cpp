//===- Schedule.cpp - whether a schedule can be what it says --------------===//
#include "container/Schedule.h"

#include <algorithm>
#include <limits>

using namespace moert;

namespace {

class ScheduleChecker {
public:
  ScheduleChecker(const fb::Module &module, const std::string &origin)
      : schedule(*module.schedule()), model(*module.model()),
        parameters(*module.parameters()), origin(origin) {}

  Status run() const {
    MOERT_RETURN_IF_ERROR(checkLayers("layers", schedule.layers()));
    if (!schedule.layers() || schedule.layers()->size() == 0)
      return fail("has no layers");
    MOERT_RETURN_IF_ERROR(checkExperts());
    MOERT_RETURN_IF_ERROR(inRange("entries", schedule.entries(), most64));
    MOERT_RETURN_IF_ERROR(checkPartition());
    MOERT_RETURN_IF_ERROR(inRange("ahead", schedule.ahead(), most32));
    MOERT_RETURN_IF_ERROR(
        inRange("guesses", schedule.guesses(), model.experts()));
    MOERT_RETURN_IF_ERROR(
        checkLayers("guessed layers", schedule.guessed_layers()));
    return checkGuessed();
  }

private:
  static constexpr int64_t most32 = std::numeric_limits<int32_t>::max();
  static constexpr int64_t most64 = int64_t(1) << 40;

  template <typename... Parts> Status fail(const Parts &...parts) const {
    return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: the schedule ",
                      parts...);
  }
  Status inRange(const char *what, int64_t value, int64_t most) const {
    if (value >= 0 && value <= most)
      return Status();
    return fail("has ", value, " as ", what, ", must be between 0 and ", most);
  }
  Status checkLayers(const char *what,
                     const flatbuffers::Vector<int32_t> *layers) const;
  Status checkExperts() const;
  Status checkPartition() const;
  Status checkGuessed() const;

  const fb::Schedule &schedule;
  const fb::Model &model;
  const flatbuffers::Vector<flatbuffers::Offset<fb::Parameter>> &parameters;
  const std::string &origin;
};

} // namespace

/// Absent, or ascending layers of the model.
Status
ScheduleChecker::checkLayers(const char *what,
                             const flatbuffers::Vector<int32_t> *layers) const {
  if (!layers)
    return Status();
  if (reinterpret_cast<uintptr_t>(layers->Data()) % alignof(int32_t) != 0)
    return fail("has ", what, " that are not aligned");
  int64_t last = -1;
  for (int64_t layer : *layers) {
    if (layer < 0 || layer >= model.layers())
      return fail("has layer ", layer, " among its ", what, ", the model has ",
                  model.layers());
    if (layer <= last)
      return fail("has layer ", layer, " after ", last, " among its ", what,
                  ", must be in ascending order");
    last = layer;
  }
  return Status();
}

/// Whoever fetches experts finds them by layer and number.
Status ScheduleChecker::checkExperts() const {
  if (model.experts() == 0 || model.experts_per_token() == 0)
    return fail("is of a model with ", model.experts(), " experts, ",
                model.experts_per_token(), " of them per token");
  const auto &layers = *schedule.layers();
  // Fewer keys than parameters in a sound module: no need to trust the numbers.
  std::vector<std::pair<int32_t, int32_t>> found;
  for (const fb::Parameter *parameter : parameters) {
    if (parameter->kind() != fb::ParameterKind::Expert)
      continue;
    if (!std::binary_search(layers.begin(), layers.end(), parameter->layer()))
      return fail("does not have layer ", parameter->layer(), " of parameter ",
                  parameter->name()->string_view());
    if (parameter->expert() < 0 || parameter->expert() >= model.experts())
      return fail("has expert ", parameter->expert(), " of parameter ",
                  parameter->name()->string_view(), ", the model has ",
                  model.experts());
    found.emplace_back(parameter->layer(), parameter->expert());
  }
  std::sort(found.begin(), found.end());
  if (auto twice = std::adjacent_find(found.begin(), found.end());
      twice != found.end())
    return fail("has expert ", twice->second, " of layer ", twice->first,
                " twice");
  for (int32_t layer : layers) {
    auto [begin, end] = std::equal_range(
        found.begin(), found.end(), std::pair(layer, 0),
        [](const auto &a, const auto &b) { return a.first < b.first; });
    if (end - begin != model.experts())
      return fail("has layer ", layer, " with ", end - begin,
                  " experts, the model has ", model.experts());
  }
  return Status();
}

Status ScheduleChecker::checkPartition() const {
  const flatbuffers::Vector<int64_t> *partition = schedule.partition();
  if (!partition || partition->size() == 0)
    return Status();
  if (reinterpret_cast<uintptr_t>(partition->Data()) % alignof(int64_t) != 0)
    return fail("has a partition that is not aligned");
  if (partition->size() != schedule.layers()->size())
    return fail("has a partition of ", partition->size(), " numbers for ",
                schedule.layers()->size(), " layers");
  for (int64_t entries : *partition)
    if (entries < 1 || entries > model.experts())
      return fail("has ", entries,
                  " entries of its partition in a layer, must be between 1 "
                  "and ",
                  model.experts());
  return Status();
}

Status ScheduleChecker::checkGuessed() const {
  if (!schedule.guessed_layers())
    return Status();
  const auto &layers = *schedule.layers();
  for (int32_t layer : *schedule.guessed_layers())
    if (!std::binary_search(layers.begin(), layers.end(), layer))
      return fail("guesses for layer ", layer, ", which has no experts");
  return Status();
}

Status moert::checkSchedule(const fb::Module &module,
                            const std::string &origin) {
  return module.schedule() ? ScheduleChecker(module, origin).run() : Status();
}
