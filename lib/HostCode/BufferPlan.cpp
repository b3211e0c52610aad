//===- BufferPlan.cpp - places rows of activations in the workspace -------===//
#include "moe/HostCode/BufferPlan.h"

#include "moert/abi/module.h"
#include "llvm/Support/MathExtras.h"

using namespace moe::host;

uint64_t BufferPlan::allocate(uint64_t bytesPerRow) {
  uint64_t bytes = llvm::alignTo(bytesPerRow, MOERT_ABI_ALIGNMENT);
  uint64_t offset = 0;
  for (auto [begin, taken] : used) {
    if (offset + bytes <= begin)
      break;
    offset = begin + taken;
  }
  used[offset] = bytes;
  size = std::max(size, offset + bytes);
  return offset;
}

void BufferPlan::release(uint64_t offset) { used.erase(offset); }
