//===- Text.cpp - tokens by the runtime's tokenizer, cut into windows -----===//
#include "Text.h"

#include "moert/moert.h"
#include <algorithm>
#include <numeric>

using namespace llvm;
using namespace moe;

/// What the runtime said as an error of ours.
static Error takeStatus(moert_status_t status) {
  if (!status)
    return Error::success();
  std::string message = moert_status_message(status);
  moert_status_free(status);
  return createStringError(message);
}

Expected<std::vector<int32_t>> moe::tokenize(StringRef tokenizerJson,
                                             StringRef text, StringRef origin) {
  if (tokenizerJson.empty())
    return createStringError(
        origin + ": is text, which needs a tokenizer, and the model has none");
  moert_tokenizer_t *parsed = nullptr;
  if (Error error = takeStatus(
          moert_tokenizer_parse(tokenizerJson.data(), tokenizerJson.size(),
                                "tokenizer.json", &parsed)))
    return std::move(error);
  std::unique_ptr<moert_tokenizer_t, decltype(&moert_tokenizer_free)> tokenizer(
      parsed, &moert_tokenizer_free);
  int32_t *ids = nullptr;
  size_t count = 0;
  if (Error error = takeStatus(moert_tokenizer_encode(
          tokenizer.get(), text.data(), text.size(), &ids, &count)))
    return createStringError(origin + ": " + toString(std::move(error)));
  std::vector<int32_t> tokens(ids, ids + count);
  moert_free(ids);
  return std::move(tokens);
}

std::vector<int64_t> moe::spread(int64_t all, int64_t count) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back(i * all / count);
  return result;
}

Expected<Windows> moe::cutIntoWindows(ModelOp model, ArrayRef<int32_t> tokens,
                                      const CalibrationOptions &options) {
  int64_t window =
      std::min<int64_t>(options.window, int64_t(model.getContext()));
  if (window < 1)
    return createStringError("a window of " + Twine(window) +
                             " tokens, when it should have at least 1");
  int64_t all = int64_t(tokens.size()) / window;
  if (all == 0)
    return createStringError(Twine(options.origin) + ": has " +
                             Twine(tokens.size()) +
                             " tokens, calibration needs " + Twine(window));
  int64_t count = options.windows > 0 ? std::min(options.windows, all) : all;
  Windows windows;
  windows.window = window;
  for (int64_t i : spread(all, count))
    llvm::append_range(windows.tokens, tokens.slice(i * window, window));
  for (int32_t token : windows.tokens)
    if (token < 0 || token >= int64_t(model.getVocabulary()))
      return createStringError(Twine(options.origin) + ": token " +
                               Twine(token) + ", the vocabulary has " +
                               Twine(model.getVocabulary()));
  windows.wanted.resize(windows.tokens.size());
  std::iota(windows.wanted.begin(), windows.wanted.end(), 0);
  return std::move(windows);
}
