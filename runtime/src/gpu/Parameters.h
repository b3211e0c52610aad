//===- Parameters.h - a module's parameters on the device -------*- C++ -*-===//
#ifndef MOERT_GPU_PARAMETERS_H
#define MOERT_GPU_PARAMETERS_H

#include "gpu/ExpertTier.h"

namespace moert::gpu {

/// Brings parameters to the device at the first forward that names them, and
/// again if one lies somewhere else; experts all of them, or a tier of them.
class Parameters {
public:
  /// `module` must outlive it.
  Parameters(const Device &device, const fb::Module &module)
      : device(device), module(module), map(module), dense(device),
        experts(device), table(device) {}

  Status bring(const moert_abi_forward_t &args);
  /// What is brought is on the device. No copy is under way.
  void *const *cells() const { return addresses.data(); }
  CuAddress tableAddress() const { return table.address(); }
  /// After an expert of the layer has come: the code's table is the same.
  void giveExperts(Run &run, int64_t layer, std::span<const int32_t> list);
  /// After a failure of which nobody knows what it left in a tier: the next
  /// forward places all anew.
  void distrust() { isPlaced &= expertTier == nullptr; }
  /// Null: all experts are on the device.
  ExpertTier *tier() const { return expertTier.get(); }
  const ExpertMap &expertMap() const { return map; }
  uint64_t bytes() const;
  /// Changes whenever an address does.
  uint64_t version() const { return changes; }

private:
  uint64_t sizeOf(const fb::Parameter &parameter, int64_t capacity) const;
  Status place(const moert_abi_forward_t &args);
  Status placeExperts(const moert_abi_forward_t &args);
  Status refuseExperts(uint64_t available, uint64_t total) const;
  Status copyChanged(const moert_abi_forward_t &args);

  const Device &device;
  const fb::Module &module;
  const ExpertMap map;
  DeviceBlock dense, experts, table;
  std::unique_ptr<ExpertTier> expertTier;
  std::vector<void *> addresses;  ///< on the device, in the module's order
  std::vector<const void *> seen; ///< on the host, when they were copied
  int64_t capacity = 0;           ///< positions of rope tables
  bool isPlaced = false;
  uint64_t changes = 0;
};

} // namespace moert::gpu

#endif // MOERT_GPU_PARAMETERS_H
