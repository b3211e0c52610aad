//===- Graphs.h - forwards that are launched as a whole ---------*- C++ -*-===//
#ifndef MOERT_GPU_GRAPHS_H
#define MOERT_GPU_GRAPHS_H

#include "gpu/Device.h"
#include <array>
#include <functional>
#include <list>

namespace moert::gpu {

/// All on which the launches of a forward depend, besides what kernels read.
struct GraphKey {
  int64_t rows, wantedRows, capacity, longest;
  uint64_t parameters; ///< Parameters::version
  std::array<const void *, 7> addresses;
  bool operator==(const GraphKey &) const = default;
};

/// The launches of forwards that have been seen before, as graphs: launching
/// one costs about as much as one kernel.
class Graphs {
public:
  explicit Graphs(const Device &device);
  ~Graphs();
  Graphs(const Graphs &) = delete;
  Graphs &operator=(const Graphs &) = delete;

  bool areOn() const { return isOn; }
  /// Launches what `launches` launches, which may run twice or not at all.
  Status run(const GraphKey &key, const std::function<Status()> &launches);

private:
  struct Entry {
    GraphKey key;
    CuGraphExec graph = nullptr;
    bool isPlain = false; ///< the driver made no graph of it
  };
  /// A graph of a few hundred kernels takes a few hundred KB of the device.
  static constexpr size_t mostEntries = 32;

  void capture(Entry &entry, const std::function<Status()> &launches,
               Status *failure);

  const Device &device;
  bool isOn;
  std::list<Entry> entries; ///< the last used first
};

} // namespace moert::gpu

#endif // MOERT_GPU_GRAPHS_H
