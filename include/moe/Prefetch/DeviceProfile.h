//===- DeviceProfile.h - a machine as a few numbers -------------*- C++ -*-===//
#ifndef MOE_PREFETCH_DEVICEPROFILE_H
#define MOE_PREFETCH_DEVICEPROFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace moe {

/// Data, not code: lib/Prefetch/Profiles/<name>.json, or a file of the user's,
/// such as `moe-run --measure-profile` writes. All numbers are positive.
struct DeviceProfile {
  std::string name;
  std::string description;
  std::string source;           ///< where the numbers come from: a data sheet, measured
  double memoryBandwidth = 0;   ///< "memory_bandwidth_bytes_per_second": where it computes
  double memoryBytes = 0;       ///< "memory_bytes"
  double operationsPerSecond = 0; ///< "operations_per_second": 8-bit multiply-adds count 2
  double linkBandwidth = 0;     ///< "link_bandwidth_bytes_per_second": to where experts wait
  double linkLatency = 0;       ///< "link_latency_seconds": of one read
  std::string linkKind;         ///< "link": "disk", "pcie", "nvlink-c2c"

  /// A name of this build's, or a path (anything with a '/' or ending in .json).
  /// Fails on unknown names (lists those known), and on missing, negative or
  /// unknown fields, naming file and field.
  static llvm::Expected<DeviceProfile> load(llvm::StringRef nameOrPath);
  static std::vector<std::string> getNames();
};

} // namespace moe

#endif // MOE_PREFETCH_DEVICEPROFILE_H
