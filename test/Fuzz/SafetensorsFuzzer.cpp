//===- SafetensorsFuzzer.cpp - any bytes as a safetensors file ------------===//
#include "moe/Model/Diagnostics.h"
#include "moe/Model/Safetensors.h"

#include <algorithm>
#include <cstdlib>

using namespace moe;

/// What the reader promises about tensors that it has accepted.
static void check(const std::vector<SafetensorsTensor> &tensors,
                  uint64_t fileSize) {
  uint64_t end = 0;
  for (const SafetensorsTensor &tensor : tensors) {
    if (tensor.offset < 8 || tensor.offset < end ||
        tensor.length > fileSize - tensor.offset)
      std::abort();
    end = tensor.offset + tensor.length;
  }
  if (!tensors.empty() && end != fileSize)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto read = [&](uint64_t offset,
                  llvm::MutableArrayRef<char> out) -> llvm::Error {
    // A reader that asks for bytes behind the end has not checked its input.
    if (offset > size || out.size() > size - offset)
      std::abort();
    std::copy_n(data + offset, out.size(), out.data());
    return llvm::Error::success();
  };
  auto tensors = parseSafetensors(size, read);
  if (tensors) {
    check(*tensors, size);
    return 0;
  }
  // One line, whatever the names were.
  std::string message = llvm::toString(tensors.takeError());
  if (message.empty() || message.find('\n') != message.npos)
    std::abort();
  return 0;
}
