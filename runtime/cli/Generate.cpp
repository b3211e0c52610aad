//===- Generate.cpp - continues prompts -----------------------------------===//
#include "Generate.h"
#include "ExitSweep.h"
#include "Interrupt.h"
#include "Modes.h"
#include "Setup.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <unistd.h>

using namespace moert::cli;

/// More prompts than this take turns; the KV states of all would not be small.
static constexpr int64_t mostSlots = 64;

//===-- TextStreams -------------------------------------------------------===//

TextStreams::TextStreams(size_t count, Write write)
    : write(std::move(write)), texts(count), ended(count) {}

/// Writes the heading of the text in front and what waited of it. Not before
/// there is something to say of it: a run may fail.
void TextStreams::openFront() {
  opened = true;
  if (texts.size() > 1)
    write("==> " + std::to_string(front + 1) + " of " +
          std::to_string(texts.size()) + " <==\n");
  if (!texts[front].empty())
    write(texts[front]);
}

void TextStreams::append(size_t i, std::string_view piece) {
  texts[i] += piece;
  if (i != front || piece.empty())
    return;
  if (opened)
    write(piece);
  else
    openFront();
}

void TextStreams::end(size_t i) {
  ended[i] = true;
  while (front < texts.size() && ended[front]) {
    if (!opened)
      openFront();
    if (!texts[front].empty() && texts[front].back() != '\n')
      write("\n");
    opened = false;
    ++front;
    if (front < texts.size() && !texts[front].empty())
      openFront();
  }
}

//===-- The mode ----------------------------------------------------------===//

namespace {

class Generation {
public:
  explicit Generation(const Options &options) : setup(options) {}
  int run();

private:
  std::vector<std::vector<int32_t>> readPrompts() const;
  void checkPrompt(size_t i, const std::vector<int32_t> &prompt) const;
  void makeRequests();
  void openStreams();
  void appendText(size_t i, std::string_view piece);
  void connect(Runner &runner);
  void finishExits(const Runner &runner);
  TaskScore runAgain(Runner &runner, std::vector<Request> &copies) const;
  ReportText reportText(size_t i) const;
  bool showsText() const;
  int report(const Runner &runner);
  Json resultOf(size_t i) const;
  const char *stopReason(const Request &request) const;
  void noteFullContext() const;

  Setup setup;
  std::vector<Request> requests;
  std::vector<std::optional<Decoder>> decoders; ///< none without a tokenizer
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> pieces; ///< of these, by token
  std::optional<TextStreams> streams;           ///< none with --json
  std::optional<NpyWriter> logits;
  std::optional<OutputFile> record;
};

} // namespace

std::vector<std::vector<int32_t>> Generation::readPrompts() const {
  const Options &options = setup.options;
  if (!options.tokenPrompts.empty())
    return options.tokenPrompts;
  if (!options.promptFile.empty())
    return {setup.module.encode(readFile(options.promptFile), true)};
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string &prompt : options.prompts)
    prompts.push_back(setup.module.encode(prompt, true));
  return prompts;
}

void Generation::checkPrompt(size_t i,
                             const std::vector<int32_t> &prompt) const {
  const Options &options = setup.options;
  std::string origin =
      options.promptFile.empty() ? setup.module.path : options.promptFile;
  std::string which = "the prompt";
  if (std::max(options.prompts.size(), options.tokenPrompts.size()) > 1)
    which = "prompt " + std::to_string(i + 1);
  if (prompt.empty())
    fail(origin, which, " has no tokens, at least 1 is needed");
  if (int64_t(prompt.size()) > setup.context)
    fail(origin, which, " has ", prompt.size(), " tokens, the context has ",
         setup.context);
  for (int32_t token : prompt)
    if (token >= setup.module.info.vocabulary)
      fail(origin, which, " has token ", token, ", the vocabulary has ",
           setup.module.info.vocabulary);
}

void Generation::makeRequests() {
  int64_t capacity = 1;
  for (std::vector<int32_t> &prompt : readPrompts()) {
    checkPrompt(requests.size(), prompt);
    // The last token of all is never run, so it needs no position.
    int64_t size = int64_t(prompt.size());
    int64_t room = setup.context - size + 1;
    Request request;
    request.most = setup.options.predict < 0
                       ? room
                       : std::min(setup.options.predict, room);
    request.prompt = std::move(prompt);
    request.sampler = setup.makeSampler();
    capacity =
        std::max(capacity, size + std::max<int64_t>(request.most - 1, 0));
    requests.push_back(std::move(request));
  }
  setup.start(capacity, std::min(int64_t(requests.size()), mostSlots));
}

void Generation::openStreams() {
  texts.resize(requests.size());
  pieces.resize(requests.size());
  if (!setup.options.recordExits.empty())
    record.emplace(setup.options.recordExits);
  decoders.resize(requests.size());
  // A text that goes on after its end shows where that was.
  if (setup.module.tokenizer())
    for (std::optional<Decoder> &decoder : decoders)
      decoder.emplace(setup.module.makeDecoder(!setup.options.ignoreEos));
  if (!setup.options.logits.empty())
    logits.emplace(setup.options.logits, int64_t(requests[0].prompt.size()),
                   setup.module.info.vocabulary);
  if (!setup.options.json)
    streams.emplace(requests.size(),
                    [](std::string_view piece) { writeOut(piece); });
}

void Generation::appendText(size_t i, std::string_view piece) {
  texts[i] += piece;
  if (streams)
    streams->append(i, piece);
}

void Generation::connect(Runner &runner) {
  runner.onToken = [this](size_t i, int32_t token) {
    const size_t before = texts[i].size();
    if (decoders[i])
      appendText(i, decoders[i]->push(token));
    else // ids that --tokens takes
      appendText(i, (requests[i].tokens.size() > 1 ? "," : "") +
                        std::to_string(token));
    pieces[i].push_back(texts[i].substr(before));
    return true;
  };
  runner.onEnd = [this](size_t i) {
    if (decoders[i]) {
      std::string_view rest = decoders[i]->finish();
      appendText(i, rest);
      if (!pieces[i].empty())
        pieces[i].back() += rest;
    }
    if (streams)
      streams->end(i);
  };
  if (logits)
    runner.onPromptLogits = [this](size_t, const float *row) {
      logits->append(row, 1);
    };
}

/// Text that appears on the terminal is progress enough.
bool Generation::showsText() const {
  return !setup.options.json && ::isatty(STDOUT_FILENO);
}

int Generation::run() {
  makeRequests();
  openStreams();
  Runner runner = setup.makeRunner();
  connect(runner);
  int64_t promptTokens = 0, most = 0;
  for (const Request &request : requests) {
    promptTokens += int64_t(request.prompt.size());
    most += request.most;
  }
  Progress reading("prompt", promptTokens), writing("tokens", most);
  runner.onStep = [&] {
    if (runner.prefill.tokens < promptTokens)
      return reading.update(runner.prefill.tokens);
    reading.clear();
    if (!showsText())
      writing.update(runner.decode.tokens);
  };
  runner.run(requests);
  reading.clear();
  writing.clear();
  return report(runner);
}

const char *Generation::stopReason(const Request &request) const {
  switch (request.stop) {
  case Stop::EndOfText:
    return "end_of_text";
  case Stop::Interrupted:
    return "interrupted";
  default:
    bool full = setup.options.predict < 0 ||
                int64_t(request.tokens.size()) < setup.options.predict;
    return full ? "context" : "length";
  }
}

Json Generation::resultOf(size_t i) const {
  const Request &request = requests[i];
  return {{"text", decoders[i] ? Json(texts[i]) : Json()},
          {"prompt_tokens", request.prompt},
          {"tokens", request.tokens},
          {"stop_reason", stopReason(request)}};
}

void Generation::noteFullContext() const {
  for (size_t i = 0; i < requests.size(); ++i)
    if (std::string_view(stopReason(requests[i])) == "context")
      std::fprintf(stderr,
                   "note: %s: generation stopped after %zu tokens because the "
                   "context of %lld is full\n",
                   setup.module.path.c_str(), requests[i].tokens.size(),
                   static_cast<long long>(setup.context));
}

/// Null where nothing was measured.
static Json rateOf(const Rate &rate) {
  return rate.tokens > 0 && rate.seconds > 0 ? Json(rate.perSecond()) : Json();
}

TaskScore Generation::runAgain(Runner &runner,
                               std::vector<Request> &copies) const {
  for (const Request &request : requests) {
    Request &copy = copies.emplace_back();
    copy.prompt = request.prompt;
    copy.most = request.most;
    copy.sampler = setup.makeSampler();
  }
  runner.run(copies);
  return {};
}

ReportText Generation::reportText(size_t i) const {
  ReportText text;
  text.tokens = reportTokens(requests[i], pieces[i]);
  if (!decoders[i]) {
    for (int32_t token : requests[i].prompt)
      text.prompt += (text.prompt.empty() ? "" : ",") + std::to_string(token);
    return text;
  }
  Decoder prompt = setup.module.makeDecoder(/*skipSpecial=*/false);
  for (int32_t token : requests[i].prompt)
    text.prompt += prompt.push(token);
  text.prompt += prompt.finish();
  return text;
}

/// Writes where tokens left.
void Generation::finishExits(const Runner &runner) {
  if (record) {
    const std::string lines = exitLines(requests);
    record->append(lines.data(), lines.size());
    record->finish();
  }
  if (setup.options.exitReport.empty())
    return;
  std::vector<ReportText> reported;
  for (size_t i = 0; i < requests.size(); ++i)
    reported.push_back(reportText(i));
  ExitSweep sweep(setup, std::move(reported), requests, {}, runner);
  sweep.run([this](Runner &other, std::vector<Request> &copies) {
    return runAgain(other, copies);
  });
}

int Generation::report(const Runner &runner) {
  Json result = Json::object();
  int code = Setup::exitCode(result);
  if (logits && code == 0)
    logits->finish();
  if (requests.size() == 1) {
    result.update(resultOf(0));
  } else {
    result["results"] = Json::array();
    for (size_t i = 0; i < requests.size(); ++i)
      result["results"].push_back(resultOf(i));
  }
  result["decode_tokens_per_second"] = rateOf(runner.decode);
  result["prefill_tokens_per_second"] = rateOf(runner.prefill);
  addDevice(result, setup.session());
  ExitFigures figures(setup.module.info.layers);
  for (const Request &request : requests)
    figures.add(request);
  figures.addTo(result, runner.exitBytes, setup.module.info);
  noteFullContext();
  setup.finish(result, &runner);
  if (code == 0) {
    finishExits(runner);
    code = Setup::exitCode(result);
  }
  if (setup.options.json)
    writeJson(result);
  return code;
}

int moert::cli::generate(const Options &options) {
  return Generation(options).run();
}
