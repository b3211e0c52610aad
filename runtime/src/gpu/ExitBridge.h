//===- ExitBridge.h - rows that leave, for code on a device -----*- C++ -*-===//
#ifndef MOERT_GPU_EXITBRIDGE_H
#define MOERT_GPU_EXITBRIDGE_H

#include "gpu/Run.h"

namespace moert::gpu {

/// moert_abi_exits_t for code whose lists lie on the device, in front of one
/// whose lists lie on the host.
class ExitBridge {
public:
  /// `exits` may be null: then there is nothing to ask.
  ExitBridge(Run &run, const moert_abi_exits_t *exits);
  const moert_abi_exits_t *abi() const { return exits ? &functions : nullptr; }

private:
  static ExitBridge &of(const moert_abi_exits_t *table) {
    return *static_cast<ExitBridge *>(table->host);
  }
  /// A list of the host, to be filled, for one of the device.
  struct List {
    int32_t *device;
    int64_t room;
    int32_t *host = nullptr;
  };
  template <size_t N> bool makeRoom(List (&lists)[N]);
  template <size_t N>
  void giveBack(const List (&lists)[N], const int64_t *counts);

  void enter(List (&lists)[3], int64_t *counts);
  void resume(int64_t columns, float *features);
  void leave(int64_t exit, const float *scores, int64_t watched,
             const float *const *numbers, List (&lists)[5], int64_t *counts);
  void park(int64_t columns, const float *features);
  void settle(int64_t rows, const float *surplus, List (&lists)[2],
              int64_t *counts);

  Run &run;
  const moert_abi_exits_t *exits;
  moert_abi_exits_t functions = {};
  int64_t asking = 0; ///< entries whose scores the next exit sees
};

} // namespace moert::gpu

#endif // MOERT_GPU_EXITBRIDGE_H
