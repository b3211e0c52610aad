//===- Session.h - the state of running one module --------------*- C++ -*-===//
#ifndef MOERT_SESSION_SESSION_H
#define MOERT_SESSION_SESSION_H

#include "session/BatchCheck.h"
#include "session/Exits.h"
#include "session/Module.h"
#include "session/Parked.h"
#include "session/Piece.h"
#include <memory>
#include <vector>

namespace moert {

class ExitRecorder;
class Offload;
class RoutingRecorder;
class Trace;

/// Memory of a device, or of the host, that is given back in the end.
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
  ~DeviceMemory();
  static Status allocate(const moert_driver_t &driver, moert_device_t *device,
                         uint64_t bytes, DeviceMemory *out);
  /// The same that the host can touch, for what forward takes from there.
  static Status allocateForHost(const moert_driver_t &driver,
                                moert_device_t *device, uint64_t bytes,
                                DeviceMemory *out);

  char *data() const { return static_cast<char *>(memory); }
  uint64_t bytes() const { return size; }

private:
  const moert_driver_t *driver = nullptr; ///< null: it is the host's
  moert_device_t *device = nullptr;
  void *memory = nullptr;
  uint64_t size = 0;
};

} // namespace moert

struct moert_session_t {
  explicit moert_session_t(const moert_module_t &module);
  ~moert_session_t();
  moert_session_t(const moert_session_t &) = delete;
  moert_session_t &operator=(const moert_session_t &) = delete;

  moert::Status start(const moert_session_options_t &options);
  moert::Status forward(const moert_batch_t &batch);
  void startTrace();
  moert::Status writeTrace(const std::string &path);
  moert::Status startRouting(const std::string &path);
  moert::Status writeRouting();
  moert::Status startExits(const std::string &path);
  moert::Status writeExits();
  moert::Status getStats(moert_session_stats_t *out) const;
  /// Tokens that left at each exit, and that ran through all layers.
  std::vector<int64_t> exitCounts;

  const moert_module_t &module;
  moert_session_options_t options = {};

private:
  moert::Status resolveOptions();
  moert::Status openDevice();
  moert::Status allocateStates();
  moert::Status allocateWorkspace();
  moert::Status resolveExperts();
  moert::Status placeParameters();
  moert::Status placeInMemory();
  moert::Status placeOffloaded(int64_t capacity);
  uint64_t availableForExperts(uint64_t promised) const;
  moert::Status makeRopeTable(const moert::fb::RopeTable &rope,
                              const void **out);
  moert::Status runForward(const moert_abi_forward_t &args);
  moert::Status resolveExits();
  void beginExits(const moert_batch_t &batch, int64_t firstEntry);
  moert::Status runPiece(const moert_batch_t &batch, int64_t firstEntry);
  moert::Status finishWaiting();
  void keepWaiting();
  void countExits(const moert_batch_t &batch, int64_t firstEntry);

  moert_session_stats_t stats = {}; ///< without those of experts and device
  mutable std::vector<moert_session_unit_t> units; ///< of who asked last
  std::unique_ptr<moert::Trace> trace;
  std::unique_ptr<moert::RoutingRecorder> recorder;
  std::unique_ptr<moert::ExitRecorder> exitRecorder;
  std::string cachePolicy; ///< what options.cache_policy points to
  const moert_driver_t *driver = nullptr;
  moert_device_t *device = nullptr;
  moert_executable_t *executable = nullptr;
  int64_t capacity = 0; ///< positions that each state has room for
  moert::DeviceMemory
      weights; ///< a copy of all or of those that are no experts
  moert::DeviceMemory states, workspace;
  std::vector<moert::DeviceMemory> ropeTables;
  std::vector<const void *> parameters; ///< in the module's order
  std::vector<void *> kv;               ///< state of each sequence
  std::vector<int64_t> computed;        ///< positions of each sequence
  moert::ExitPlan exitPlan;
  std::unique_ptr<moert::ExitRows> exitRows; ///< null: nobody can leave
  std::unique_ptr<moert::Parked> parked;     ///< null: nobody waits
  moert::Piece piece;                        ///< that runs
  std::unique_ptr<moert::Offload> offload; ///< null: all experts are in memory
};

#endif // MOERT_SESSION_SESSION_H
