//===- Machine.h - the GPU that does not exist ------------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_MACHINE_H
#define MOERT_DRIVERS_EMULATOR_MACHINE_H

#include "Emulator/Emulator.h"
#include "Graph.h"
#include "Work.h"
#include <map>
#include <mutex>

// What handles of the API point to.

struct moert::gpu::CuStreamStorage {
  bool isBlocking = true; ///< waits for the default stream, and it for this one
  emulator::WorkRef last; ///< that was added
  emulator::Capture *capture = nullptr; ///< that records this stream
  std::vector<uint32_t> tail;           ///< nodes of it that come last here
};

struct moert::gpu::CuEventStorage {
  bool isTimed = true;
  emulator::WorkRef mark;               ///< null: never recorded
  emulator::Capture *capture = nullptr; ///< that it was recorded in
  std::vector<uint32_t> tail;
};

struct moert::gpu::CuFunctionStorage {
  const moert_gpu_kernel_t *kernel = nullptr;
  int maxShared = 0; ///< dynamic, that a launch may ask for
};

struct moert::gpu::CuModuleStorage {
  const moert_gpu_image_t *image = nullptr;
  std::map<std::string, CuFunctionStorage> functions;
  std::vector<const void *> constants; ///< ranges of the code's object
};

namespace moert::emulator {

/// Dynamic shared memory that a function has without asking for more.
inline constexpr int defaultSharedBytes = 48 << 10;

/// Handles of one kind that are valid.
template <typename T> class Handles {
public:
  T *make() {
    auto object = std::make_unique<T>();
    T *handle = object.get();
    objects.emplace(handle, std::move(object));
    return handle;
  }
  bool has(T *handle) const { return objects.count(handle); }
  void remove(T *handle) { objects.erase(handle); }
  void clear() { objects.clear(); }
  size_t size() const { return objects.size(); }
  template <typename Visit> void each(Visit &&visit) {
    for (auto &[handle, object] : objects)
      visit(*handle);
  }

private:
  std::map<T *, std::unique_ptr<T>> objects;
};

/// Everything that lives in the one context of the device.
class Machine {
public:
  explicit Machine(int32_t threads);
  ~Machine();

  // DeviceMemory.cpp
  gpu::CuResult allocate(uint64_t bytes, void **out);
  gpu::CuResult allocatePinned(uint64_t bytes, bool isMapped, void **out);
  gpu::CuResult registerHost(void *memory, uint64_t bytes);
  gpu::CuResult release(void *memory);
  gpu::CuResult releasePinned(void *memory);
  gpu::CuResult unregisterHost(void *memory);
  uint64_t getUsedBytes() const { return usedBytes; }
  /// Whether all of it is memory of the device.
  bool isOnDevice(const void *memory, uint64_t bytes) const;
  /// Whether this much of the host may be copied: pinned memory ends somewhere.
  bool isOnHost(const void *memory, uint64_t bytes) const;

  // Streams.
  gpu::CuStreamStorage *streamOf(gpu::CuStream stream) {
    return stream ? stream : &defaultStream;
  }
  /// Behind all that came before in the stream, and `other`; or into the graph
  /// that records it.
  gpu::CuResult enqueue(gpu::CuStreamStorage &stream, Action action,
                        WorkRef other = nullptr);
  /// All that the stream has before it, as one piece.
  WorkRef mark(gpu::CuStreamStorage &stream);
  gpu::CuResult launchGraph(const Graph &graph, gpu::CuStreamStorage &stream);

  // Captures.cpp
  gpu::CuResult beginCapture(gpu::CuStreamStorage &stream,
                             gpu::CuCaptureMode mode);
  gpu::CuResult endCapture(gpu::CuStreamStorage &stream, gpu::CuGraph *out);
  /// For calls that no capture allows while it runs: success if there is none.
  gpu::CuResult forbidCaptures();
  gpu::CuResult invalidate(Capture *capture);
  void forget(Capture *capture);

  // Modules.cpp
  Status load(const moert_gpu_image_t &image, gpu::CuModule *out);
  void unload(gpu::CuModule module);
  gpu::CuResult run(const moert_gpu_kernel_t &kernel, uint32_t sharedBytes,
                    int64_t blocksX, int64_t blocksY,
                    const std::vector<uint64_t> &values);

  Emulator emulator;
  Schedule schedule;
  std::string failure; ///< of the last kernel that failed
  gpu::CuStreamStorage defaultStream;
  Handles<gpu::CuStreamStorage> streams;
  Handles<gpu::CuEventStorage> events;
  Handles<gpu::CuModuleStorage> modules;
  Handles<gpu::CuGraphStorage> graphs;
  Handles<gpu::CuGraphExecStorage> executables;
  std::vector<std::unique_ptr<Capture>> captures;

private:
  struct Piece {
    uint64_t bytes; ///< as asked for
    bool isMapped;  ///< kernels may touch it
  };
  using Pieces = std::map<uintptr_t, Piece>;
  static const Pieces::value_type *find(const Pieces &pieces,
                                        const void *memory);

  Pieces device, pinned, registered;
  uint64_t usedBytes = 0;
};

/// Bytes of memory that the device has: MOERT_GPU_EMULATOR_MEMORY, or 4 GiB.
uint64_t getTotalBytes();

/// The process has one device and one primary context on it. Every call holds
/// this.
struct Device {
  std::mutex mutex;
  bool isInitialized = false;
  int32_t threads = 1;
  uint64_t retained = 0;
  uint64_t life = 0;                ///< how often it was made
  std::unique_ptr<Machine> machine; ///< while it is retained
  std::string failure;              ///< what the last call for it returned

  static Device &get();
};

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_MACHINE_H
