//===- Device.h - a GPU in use ----------------------------------*- C++ -*-===//
#ifndef MOERT_GPU_DEVICE_H
#define MOERT_GPU_DEVICE_H

#include "gpu/Calls.h"
#include "moert/abi/driver.h"
#include <memory>

namespace moert::gpu {

/// The first device, as it describes itself.
struct DeviceFacts {
  CuDevice device = 0;
  std::string name;
  uint64_t memory = 0;
  int capability = 0; ///< 80 for 8.0
  int processors = 0;
  int sharedBytes = 0; ///< most dynamic shared memory of a block
  int version = 0;     ///< 12040 for CUDA 12.4
};

/// Fails, as UNAVAILABLE, if there is none that can run our kernels.
Status findDevice(const CudaApi &api, DeviceFacts *out);

/// Free and all bytes of a device's memory.
struct DeviceRoom {
  uint64_t available = 0, total = 0;
};

/// A context with two streams: one computes, the other one copies experts.
class Device {
public:
  static Status open(const CudaApi &api, const moert_device_options_t &options,
                     std::unique_ptr<Device> *out);
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  /// Makes it the device of the calling thread. Before anything else.
  Status enter() const;
  Status room(DeviceRoom *out) const;
  /// Refuses, with both numbers, what is not free. 256-byte aligned.
  Status allocate(uint64_t bytes, CuAddress *out) const;
  void release(CuAddress address) const { api.cuMemFree_v2(address); }
  /// Waits for all that was launched.
  Status synchronize() const;

  const CudaApi &api;
  DeviceFacts facts;
  moert_device_options_t options = {};
  std::string cachePolicy; ///< what options.cache_policy points to
  CuStream compute = nullptr, copies = nullptr;

private:
  explicit Device(const CudaApi &api) : api(api) {}
  CuContext context = nullptr;
};

/// Memory of a device that is given back in the end.
class DeviceBlock {
public:
  explicit DeviceBlock(const Device &device) : device(device) {}
  ~DeviceBlock() { reset(); }
  DeviceBlock(const DeviceBlock &) = delete;
  DeviceBlock &operator=(const DeviceBlock &) = delete;

  /// Room for so many bytes, of no contents; keeps what is large enough.
  Status reserve(uint64_t bytes);
  void reset();
  CuAddress address() const { return begin; }
  uint64_t bytes() const { return size; }

private:
  const Device &device;
  CuAddress begin = 0;
  uint64_t size = 0;
};

/// Memory of the host that the device copies from and to by itself.
class PinnedBlock {
public:
  explicit PinnedBlock(const Device &device) : device(device) {}
  ~PinnedBlock() { reset(); }
  PinnedBlock(const PinnedBlock &) = delete;
  PinnedBlock &operator=(const PinnedBlock &) = delete;

  /// As DeviceBlock::reserve.
  Status reserve(uint64_t bytes);
  void reset();
  std::byte *data() const { return static_cast<std::byte *>(begin); }
  uint64_t bytes() const { return size; }

private:
  const Device &device;
  void *begin = nullptr;
  uint64_t size = 0;
};

/// Marks a place in a stream.
class Event {
public:
  explicit Event(const Device &device) : device(device) {}
  ~Event() {
    if (event)
      device.api.cuEventDestroy_v2(event);
  }
  Event(const Event &) = delete;
  Event &operator=(const Event &) = delete;

  Status record(CuStream stream);
  /// `stream` goes on when all before the mark is done; at once if there is no
  /// mark.
  Status holdUp(CuStream stream) const;
  /// The caller goes on then.
  Status wait() const;
  /// Whether all before the mark is done. Failures count: who waits sees them.
  bool isDone() const;

private:
  const Device &device;
  CuEvent event = nullptr;
};

} // namespace moert::gpu

#endif // MOERT_GPU_DEVICE_H
