//===- ExitPrompts.cpp - JSON lines, and what may be wrong with them ------===//
#include "ExitPrompts.h"

#include "Runtime.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace moe;
using nlohmann::json;

StringRef moe::getFirstLine(StringRef text) {
  return text.split('\n').first.trim(" \t\r\v\f");
}

/// The text that a line has under a key; `isThere` says whether it has any.
static Error takeText(const json &object, StringRef key, std::string &text,
                      bool &isThere) {
  auto found = object.find(key.str());
  isThere = found != object.end();
  if (!isThere)
    return Error::success();
  if (!found->is_string())
    return createStringError("has a " + StringRef(found->type_name()) +
                             " as '" + key + "', a string is needed");
  text = found->get<std::string>();
  return Error::success();
}

static Error parseLine(StringRef line, ExitPrompt &prompt, bool &hasAnswer) {
  json object = line.contains('\0')
                    ? json(json::value_t::discarded)
                    : json::parse(line.begin(), line.end(), nullptr,
                                  /*allow_exceptions=*/false);
  if (object.is_discarded())
    return createStringError("is not valid JSON");
  if (!object.is_object())
    return createStringError("is a JSON " + StringRef(object.type_name()) +
                             ", an object is needed");
  bool hasPrompt = false;
  if (Error error = takeText(object, "prompt", prompt.text, hasPrompt))
    return error;
  if (!hasPrompt)
    return createStringError("has no key 'prompt'");
  if (Error error = takeText(object, "answer", prompt.answer, hasAnswer))
    return error;
  prompt.answer = getFirstLine(prompt.answer).str();
  return Error::success();
}

static Expected<std::unique_ptr<MemoryBuffer>> readFile(StringRef path) {
  // Opening a pipe could wait forever.
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && !sys::fs::is_regular_file(status))
    return createStringError(path + ": is not a regular file");
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false,
                                      /*IsVolatile=*/true);
  if (!buffer)
    return createStringError(path +
                             ": cannot be read: " + lower(buffer.getError()));
  return std::move(*buffer);
}

Expected<ExitPrompts> ExitPrompts::read(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  StringRef text = (*buffer)->getBuffer();
  ExitPrompts result;
  result.path = path.str();
  result.hash = xxh3_64bits(text);
  StringMap<size_t> places; // of prompts
  int64_t number = 0;
  for (StringRef line : split(text, '\n')) {
    ++number;
    if (line.trim().empty())
      continue;
    ExitPrompt prompt;
    prompt.line = number;
    bool hasAnswer = false;
    if (Error error = parseLine(line, prompt, hasAnswer))
      return createStringError(path + ": line " + Twine(number) + " " +
                               toString(std::move(error)));
    if (result.prompts.empty())
      result.hasAnswers = hasAnswer;
    else if (hasAnswer != result.hasAnswers)
      return createStringError(
          path + ": line " +
          Twine(hasAnswer ? number : result.prompts[0].line) +
          " has a key 'answer', line " +
          Twine(hasAnswer ? result.prompts[0].line : number) + " has none");
    auto [seen, isNew] =
        places.try_emplace(prompt.text, result.prompts.size());
    if (isNew) {
      result.prompts.push_back(std::move(prompt));
      continue;
    }
    const ExitPrompt &first = result.prompts[seen->second];
    if (prompt.answer != first.answer)
      return createStringError(path + ": line " + Twine(number) +
                               " has another answer to the prompt of line " +
                               Twine(first.line));
  }
  if (result.prompts.empty())
    return createStringError(path + ": has 0 prompts, at least 1 is needed");
  return std::move(result);
}

Error ExitPrompts::tokenize(const moert_tokenizer_t &tokenizer,
                            int32_t firstToken, int64_t context) {
  for (ExitPrompt &prompt : prompts) {
    std::string where = path + ": line " + std::to_string(prompt.line);
    int32_t *ids = nullptr;
    size_t count = 0;
    if (Error error = takeStatus(
            moert_tokenizer_encode(&tokenizer, prompt.text.data(),
                                   prompt.text.size(), &ids, &count)))
      return createStringError(where + ": " + toString(std::move(error)));
    if (firstToken >= 0)
      prompt.tokens.push_back(firstToken);
    prompt.tokens.insert(prompt.tokens.end(), ids, ids + count);
    moert_free(ids);
    if (prompt.tokens.empty())
      return createStringError(
          where + " has a prompt of 0 tokens, at least 1 is needed");
    if (int64_t(prompt.tokens.size()) > context)
      return createStringError(where + " has a prompt of " +
                               Twine(prompt.tokens.size()) +
                               " tokens, the context has " + Twine(context));
  }
  return Error::success();
}
