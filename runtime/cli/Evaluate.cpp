//===- Evaluate.cpp - exact-match accuracy on a file of tasks -------------===//
#include "Evaluate.h"
#include "Interrupt.h"
#include "Modes.h"
#include "Setup.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

using namespace moert::cli;

static constexpr int64_t mostAnswerTokens = 32;
static constexpr int64_t mostSlots = 16;

//===-- The file ----------------------------------------------------------===//

static std::string stringOf(const Json &object, const char *key,
                            const std::string &file, size_t line) {
  auto found = object.find(key);
  if (found == object.end())
    fail(file, "line ", line, " has no key '", key, "'");
  if (!found->is_string())
    fail(file, "line ", line, " has a ", found->type_name(), " as '", key,
         "', a string is needed");
  return found->get<std::string>();
}

static EvalItem parseEvalLine(const std::string &text, const std::string &file,
                              size_t line) {
  Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded())
    fail(file, "line ", line, " is not valid JSON");
  if (!object.is_object())
    fail(file, "line ", line, " is a JSON ", object.type_name(),
         ", an object is needed");
  return {stringOf(object, "prompt", file, line),
          stringOf(object, "answer", file, line),
          stringOf(object, "task", file, line), line};
}

std::vector<EvalItem> moert::cli::parseEvalFile(const std::string &text,
                                                const std::string &file) {
  std::vector<EvalItem> items;
  size_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string one = text.substr(begin, end - begin);
    begin = end + 1;
    ++line;
    if (one.find_first_not_of(" \t\r") != std::string::npos)
      items.push_back(parseEvalLine(one, file, line));
  }
  if (items.empty())
    fail(file, "has no tasks, at least 1 is needed");
  return items;
}

std::string_view moert::cli::answerIn(std::string_view text) {
  const char *space = " \t\r\v\f";
  text = text.substr(0, text.find('\n'));
  size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

//===-- The mode ----------------------------------------------------------===//

namespace {

class Evaluation {
public:
  explicit Evaluation(const Options &options)
      : setup(options),
        items(parseEvalFile(readFile(options.evalFile), options.evalFile)) {}
  int run();

private:
  struct Score {
    int64_t correct = 0, total = 0;
  };
  void makeRequests();
  void connect(Runner &runner);
  void judge(size_t i);
  int report(const Runner &runner);
  void print() const;

  Setup setup;
  std::vector<EvalItem> items;
  std::vector<Request> requests;
  std::vector<std::optional<Decoder>> decoders;
  std::vector<std::string> texts;
  Score all;
  std::map<std::string, Score> tasks;
};

} // namespace

void Evaluation::makeRequests() {
  int64_t capacity = 1;
  for (const EvalItem &item : items) {
    Request request;
    request.prompt = setup.module.encode(item.prompt, true);
    int64_t size = int64_t(request.prompt.size());
    if (size == 0)
      fail(setup.options.evalFile, "line ", item.line,
           " has a prompt of 0 tokens, at least 1 is needed");
    if (size > setup.context)
      fail(setup.options.evalFile, "line ", item.line, " has a prompt of ",
           size, " tokens, the context has ", setup.context);
    request.most = std::min(mostAnswerTokens, setup.context - size + 1);
    request.sampler = setup.makeSampler();
    capacity = std::max(capacity, size + request.most - 1);
    requests.push_back(std::move(request));
  }
  texts.resize(items.size());
  decoders.resize(items.size());
  setup.start(capacity, std::min(mostSlots, int64_t(items.size())));
}

void Evaluation::connect(Runner &runner) {
  runner.onToken = [this](size_t i, int32_t token) {
    if (!decoders[i])
      decoders[i].emplace(setup.module.makeDecoder(/*skipSpecial=*/true));
    std::string_view piece = decoders[i]->push(token);
    texts[i] += piece;
    return piece.find('\n') == std::string_view::npos;
  };
  runner.onEnd = [this](size_t i) {
    if (decoders[i])
      texts[i] += decoders[i]->finish();
    decoders[i].reset();
    if (!interrupted())
      judge(i);
  };
}

void Evaluation::judge(size_t i) {
  Score &task = tasks[items[i].task];
  ++task.total;
  ++all.total;
  if (answerIn(texts[i]) != items[i].answer)
    return;
  ++task.correct;
  ++all.correct;
}

int Evaluation::run() {
  makeRequests();
  Runner runner = setup.makeRunner();
  connect(runner);
  Progress progress("evaluation", int64_t(items.size()));
  runner.onStep = [&] { progress.update(runner.requestsDone); };
  runner.run(requests);
  progress.clear();
  return report(runner);
}

void Evaluation::print() const {
  char line[256];
  auto row = [&](const char *name, const Score &score) {
    std::snprintf(line, sizeof(line), "| %-24s | %7lld | %5lld | %7.2f %% |\n",
                  name, static_cast<long long>(score.correct),
                  static_cast<long long>(score.total),
                  100.0 * double(score.correct) / double(score.total));
    return std::string(line);
  };
  std::string text = "| task                     | correct | total | accuracy "
                     " |\n| --- | ---: | ---: | ---: |\n";
  for (const auto &[name, score] : tasks)
    text += row(name.c_str(), score);
  if (all.total > 0)
    text += row("all", all);
  writeOut(text);
}

int Evaluation::report(const Runner &runner) {
  Json perTask = Json::object();
  for (const auto &[name, score] : tasks)
    perTask[name] = {{"correct", score.correct}, {"total", score.total}};
  Json result = {
      {"accuracy",
       all.total ? Json(double(all.correct) / double(all.total)) : Json()},
      {"correct", all.correct},
      {"total", all.total},
      // No module of this version can leave early.
      {"average_layers", double(setup.module.info.layers)},
      {"tasks", perTask}};
  int code = Setup::exitCode(result);
  setup.finish(result, &runner);
  if (setup.options.json)
    writeJson(result);
  else
    print();
  return code;
}

int moert::cli::evaluate(const Options &options) {
  return Evaluation(options).run();
}
