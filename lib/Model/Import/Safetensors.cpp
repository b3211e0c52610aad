//===- Safetensors.cpp - a strict reader of untrusted headers -------------===//
#include "moe/Model/Safetensors.h"

#include "File.h"
#include "SafetensorsHandler.h"
#include "moe/Model/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace moe;

using Tensors = std::vector<SafetensorsTensor>;

/// Checks the two lengths and returns that of the header.
static Expected<uint64_t> readHeaderLength(uint64_t fileSize, ReadAt read) {
  if (fileSize < 8)
    return makeError("has " + Twine(fileSize) +
                     " bytes, a safetensors file has at least 8");
  char prefix[8];
  if (Error error = read(0, prefix))
    return std::move(error);
  uint64_t length = support::endian::read64le(prefix);
  if (length > safetensorsHeaderLimit)
    return makeError("header has " + Twine(length) + " bytes, the limit is " +
                     Twine(safetensorsHeaderLimit));
  if (length > fileSize - 8)
    return makeError("header has " + Twine(length) +
                     " bytes, the file has only " + Twine(fileSize - 8) +
                     " behind its length");
  return length;
}

/// Sorts by offset and checks that the tensors tile [0, dataSize).
static Error checkTiling(Tensors &tensors, uint64_t dataSize) {
  llvm::sort(tensors, [](const auto &a, const auto &b) {
    return std::tie(a.offset, a.length, a.name) <
           std::tie(b.offset, b.length, b.name);
  });
  uint64_t end = 0;
  for (const SafetensorsTensor &tensor : tensors) {
    if (tensor.offset < end)
      return makeError("tensor " + quote(tensor.name) + " begins at byte " +
                       Twine(tensor.offset) +
                       " of the data and overlaps one that ends at " +
                       Twine(end));
    if (tensor.offset > end)
      return makeError("tensor " + quote(tensor.name) + " begins at byte " +
                       Twine(tensor.offset) +
                       " of the data, there is a hole behind byte " +
                       Twine(end));
    end = tensor.offset + tensor.length;
  }
  if (end != dataSize)
    return makeError("tensors need " + Twine(end) +
                     " bytes of data, the file has " + Twine(dataSize));
  return Error::success();
}

Expected<Tensors> moe::parseSafetensors(uint64_t fileSize, ReadAt read) {
  Expected<uint64_t> length = readHeaderLength(fileSize, read);
  if (!length)
    return length.takeError();
  std::string text(*length, '\0');
  if (Error error = read(8, MutableArrayRef<char>(text.data(), text.size())))
    return std::move(error);
  if (text.empty() || text.front() != '{')
    return makeError("header does not begin with '{'");

  SafetensorsHandler handler;
  if (Error error = handler.parse(text))
    return std::move(error);
  Tensors tensors = handler.takeTensors();
  uint64_t dataBegin = 8 + *length;
  if (Error error = checkTiling(tensors, fileSize - dataBegin))
    return std::move(error);
  for (SafetensorsTensor &tensor : tensors)
    tensor.offset += dataBegin;
  return tensors;
}

Expected<Tensors> moe::readSafetensors(StringRef directory, StringRef file) {
  Tensors tensors;
  auto body = [&](uint64_t size, ReadAt read) {
    return parseSafetensors(size, read).moveInto(tensors);
  };
  if (Error error = withFile(pathIn(directory, file), body))
    return std::move(error);
  for (SafetensorsTensor &tensor : tensors)
    tensor.file = file.str();
  return tensors;
}
