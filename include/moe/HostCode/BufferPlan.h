//===- BufferPlan.h - rows of activations in the workspace ------*- C++ -*-===//
#ifndef MOE_HOSTCODE_BUFFERPLAN_H
#define MOE_HOSTCODE_BUFFERPLAN_H

#include <cstdint>
#include <map>

namespace moe::host {

/// Every buffer grows with the number of rows, so its place is a number of
/// bytes *per row* from the workspace's start: buffer i begins at rows *
/// offset(i). First fit; freed ranges are used again.
class BufferPlan {
public:
  /// Bytes per row, rounded up to the ABI's alignment; returns the offset.
  uint64_t allocate(uint64_t bytesPerRow);
  void release(uint64_t offset);
  /// Most bytes per row that were in use at once.
  uint64_t getSize() const { return size; }

private:
  std::map<uint64_t, uint64_t> used; ///< offset to size
  uint64_t size = 0;
};

} // namespace moe::host

#endif // MOE_HOSTCODE_BUFFERPLAN_H
