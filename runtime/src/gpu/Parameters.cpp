//===- Parameters.cpp - a module's parameters on the device ---------------===//
#include "gpu/Parameters.h"

#include "moert/moert.h"

using namespace moert;
using namespace moert::gpu;

static bool isExpert(const fb::Parameter &parameter) {
  return parameter.kind() == fb::ParameterKind::Expert;
}

static bool isFetched(const moert_abi_forward_t &args) {
  return args.offload && args.offload->take;
}

uint64_t Parameters::sizeOf(const fb::Parameter &parameter,
                            int64_t capacity) const {
  if (parameter.kind() != fb::ParameterKind::RopeTable)
    return parameter.size();
  return uint64_t(capacity) * 2 * parameter.rope()->frequencies()->size() *
         sizeof(float);
}

uint64_t Parameters::bytes() const {
  return dense.bytes() + experts.bytes() +
         (expertTier ? expertTier->bytes() : 0);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// The driver needs some for itself: code, stacks, graphs.
static uint64_t reserveOf(const DeviceRoom &room) {
  return std::min(room.total / 32, uint64_t(1) << 30);
}

Status Parameters::refuseExperts(uint64_t available, uint64_t total) const {
  if (!map.canFetch)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, map.total, " experts need ",
                      map.bytes(), " bytes of device memory, ", available,
                      " of ", total,
                      " are free, and the code needs all of them there");
  return makeStatus(MOERT_RESOURCE_EXHAUSTED, available, " of ", total,
                    " bytes of device memory are for experts, which is ",
                    available / map.entryBytes, ", a token of a layer needs ",
                    map.chosen, ": at least ",
                    uint64_t(map.chosen) * map.entryBytes, " bytes");
}

/// All experts if they fit, else slots for some.
Status Parameters::placeExperts(const moert_abi_forward_t &args) {
  if (map.total == 0)
    return Status();
  DeviceRoom room;
  MOERT_RETURN_IF_ERROR(device.room(&room));
  const int64_t budget = device.options.expert_bytes;
  uint64_t available = room.available;
  available -= std::min(available, reserveOf(room));
  if (budget == MOERT_BUDGET_ALL)
    available = map.bytes();
  else if (budget > 0)
    available = uint64_t(budget);
  const bool allFit = map.bytes() <= available;
  if (allFit && !isFetched(args)) {
    const auto &all = *module.parameters();
    MOERT_RETURN_IF_ERROR(experts.reserve(map.bytes()));
    CuAddress next = experts.address();
    for (flatbuffers::uoffset_t i = 0; i < all.size(); ++i)
      if (isExpert(*all[i])) {
        addresses[i] = pointerTo(next);
        next += map.entryBytes;
      }
    return Status();
  }
  const auto slots = std::min(int64_t(available / map.entryBytes), map.count());
  if (slots < map.chosen || (!allFit && !map.canFetch))
    return refuseExperts(available, room.total);
  std::string policy =
      device.cachePolicy.empty() ? map.policy : device.cachePolicy;
  if (policy.empty())
    policy = "lrfu";
  return ExpertTier::create(device, map, slots, policy, &expertTier);
}

/// Finds a place for each parameter.
Status Parameters::place(const moert_abi_forward_t &args) {
  const auto &all = *module.parameters();
  isPlaced = false;
  expertTier.reset();
  dense.reset();
  experts.reset();
  addresses.assign(all.size(), nullptr);
  seen.assign(all.size(), nullptr);
  capacity = args.kv_capacity;
  uint64_t total = 0;
  for (const fb::Parameter *parameter : all)
    if (!isExpert(*parameter))
      total += aligned(sizeOf(*parameter, capacity));
  Status reserved = dense.reserve(total);
  if (reserved)
    return makeStatus(reserved.code(),
                      "weights that are not experts: ", reserved.message());
  MOERT_RETURN_IF_ERROR(table.reserve(all.size() * sizeof(void *)));
  CuAddress next = dense.address();
  for (flatbuffers::uoffset_t i = 0; i < all.size(); ++i)
    if (!isExpert(*all[i])) {
      addresses[i] = pointerTo(next);
      next += aligned(sizeOf(*all[i], capacity));
    }
  MOERT_RETURN_IF_ERROR(placeExperts(args));
  ++changes;
  isPlaced = true;
  return Status();
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

Status Parameters::copyChanged(const moert_abi_forward_t &args) {
  const auto &all = *module.parameters();
  Uploader uploader(device);
  bool isChanged = false;
  for (flatbuffers::uoffset_t i = 0; i < all.size(); ++i) {
    if (args.parameters[i] == seen[i] || !addresses[i] ||
        (isExpert(*all[i]) && expertTier))
      continue;
    MOERT_RETURN_IF_ERROR(
        uploader.copy(addressOf(addresses[i]), args.parameters[i],
                      sizeOf(*all[i], capacity), device.compute));
    seen[i] = args.parameters[i];
    isChanged = true;
  }
  return isChanged ? uploader.finish() : Status();
}

Status Parameters::bring(const moert_abi_forward_t &args) {
  if (!args.parameters)
    return Status();
  const bool isNew = !isPlaced || capacity != args.kv_capacity;
  if (isNew)
    MOERT_RETURN_IF_ERROR(place(args));
  Status copied = copyChanged(args);
  if (!copied && isNew) {
    Uploader uploader(device);
    copied = uploader.copy(table.address(), addresses.data(),
                           addresses.size() * sizeof(void *), device.compute);
    if (!copied)
      copied = uploader.finish();
  }
  isPlaced &= copied.ok(); // nobody knows what a failure left
  return copied;
}

void Parameters::giveExperts(Run &run, int64_t layer,
                             std::span<const int32_t> list) {
  if (list.empty())
    return;
  const int64_t first = map.indexOf(layer) * map.experts;
  size_t begin = addresses.size(), end = 0;
  for (int32_t expert : list) {
    const size_t key = size_t(first + expert), cell = map.parameters[key];
    void *address = pointerTo(expertTier->addressOf(ExpertKey(key)));
    if (std::exchange(addresses[cell], address) == address)
      continue;
    begin = std::min(begin, cell);
    end = std::max(end, cell + 1);
  }
  // Cells between those of a layer's experts are as they were.
  if (begin < end)
    run.give(pointerTo<void *>(table.address()) + begin,
             addresses.data() + begin, (end - begin) * sizeof(void *));
}
