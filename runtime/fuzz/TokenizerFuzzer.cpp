//===- TokenizerFuzzer.cpp - any JSON, then any text through it -----------===//
//
// The first two bytes say where the JSON ends and the text begins.
//
//===----------------------------------------------------------------------===//
#include "tokenizer/Tokenizer.h"
#include "tokenizer/Utf8.h"

#include <cstdlib>

using namespace moert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  std::string_view rest(reinterpret_cast<const char *>(data) + 2, size - 2);
  size_t split = (data[0] | data[1] << 8) % (rest.size() + 1);
  std::unique_ptr<Tokenizer> tokenizer;
  if (!Tokenizer::parse(rest.substr(0, split), "fuzz", &tokenizer).ok())
    return 0;
  std::vector<int32_t> ids;
  if (!tokenizer->encode(rest.substr(split), &ids).ok())
    return 0;
  Decoder decoder(*tokenizer, data[0] & 1);
  std::string out;
  for (int32_t id : ids) {
    // Every id that encode hands out can be decoded, to whole characters.
    if (id < 0 || id >= tokenizer->size())
      std::abort();
    Status status = decoder.push(id, &out);
    if (!status.ok() && status.code() != MOERT_RESOURCE_EXHAUSTED)
      std::abort();
    if (tokenizer::repaired(out) != out)
      std::abort();
  }
  // Ids that only a model has are no text, and none is below zero.
  if (!decoder.push(static_cast<int32_t>(tokenizer->size()), &out).ok() ||
      !out.empty() || decoder.push(-1, &out).ok())
    std::abort();
  (void)decoder.finish(&out).ok();
  return 0;
}
