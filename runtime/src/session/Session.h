//===- Session.h - the state of running one module --------------*- C++ -*-===//
#ifndef MOERT_SESSION_SESSION_H
#define MOERT_SESSION_SESSION_H

#include "session/BatchCheck.h"
#include "session/Module.h"
#include "session/Trace.h"
#include <memory>
#include <vector>

namespace moert {

/// Memory of a device that is given back in the end.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory &&other) noexcept { *this = std::move(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    std::swap(driver, other.driver);
    std::swap(device, other.device);
    std::swap(memory, other.memory);
    std::swap(size, other.size);
    return *this;
  }
  ~DeviceMemory() {
    if (memory)
      driver->release(device, memory, size);
  }
  static Status allocate(const moert_driver_t &driver, moert_device_t *device,
                         uint64_t bytes, DeviceMemory *out);

  char *data() const { return static_cast<char *>(memory); }
  uint64_t bytes() const { return size; }

private:
  const moert_driver_t *driver = nullptr;
  moert_device_t *device = nullptr;
  void *memory = nullptr;
  uint64_t size = 0;
};

} // namespace moert

struct moert_session_t {
  explicit moert_session_t(const moert_module_t &module) : module(module) {}
  ~moert_session_t();
  moert_session_t(const moert_session_t &) = delete;
  moert_session_t &operator=(const moert_session_t &) = delete;

  moert::Status start(const moert_session_options_t &options);
  moert::Status forward(const moert_batch_t &batch);

  const moert_module_t &module;
  moert_session_options_t options = {};
  moert_session_stats_t stats = {};
  std::unique_ptr<moert::Trace> trace;

private:
  moert::Status resolveOptions();
  moert::Status openDevice();
  moert::Status allocateStates();
  moert::Status allocateWorkspace();
  moert::Status placeParameters();
  moert::Status runPiece(const moert_batch_t &batch, int64_t begin, int64_t end,
                         int64_t *wantedDone);

  const moert_driver_t *driver = nullptr;
  moert_device_t *device = nullptr;
  moert_executable_t *executable = nullptr;
  int64_t capacity = 0; ///< positions that each state has room for
  moert::DeviceMemory weights; ///< a copy, or empty
  moert::DeviceMemory states, workspace;
  std::vector<moert::DeviceMemory> ropeTables;
  std::vector<const void *> parameters; ///< in the module's order
  std::vector<void *> kv;               ///< state of each sequence
  std::vector<int64_t> computed;        ///< positions of each sequence
  std::vector<int32_t> wantedRows;      ///< of the piece that runs
};

#endif // MOERT_SESSION_SESSION_H
