//===- Evaluate.cpp - exact-match accuracy on a file of tasks -------------===//
#include "Evaluate.h"
#include "ExitSweep.h"
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

//===-- One run over all tasks --------------------------------------------===//

namespace {

/// Listens to a runner, and judges what it writes.
class Answers {
public:
  struct Score {
    int64_t correct = 0, total = 0;
  };

  Answers(const Module &module, const std::vector<EvalItem> &items)
      : module(module), items(items), decoders(items.size()),
        texts(items.size()), pieces(items.size()), correct(items.size()) {}
  Answers(const Answers &) = delete;
  Answers &operator=(const Answers &) = delete;

  /// The runner must not run longer than this lives.
  void connect(Runner &runner);
  Score all() const;
  std::map<std::string, Score> tasks() const;
  /// What each token of a task added, and whether it was solved; none: the user
  /// interrupted before.
  const std::vector<std::string> &piecesOf(size_t i) const { return pieces[i]; }
  std::optional<bool> isCorrect(size_t i) const { return correct[i]; }

private:
  void take(size_t i, std::string_view piece);

  const Module &module;
  const std::vector<EvalItem> &items;
  std::vector<std::optional<Decoder>> decoders;
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> pieces;
  std::vector<std::optional<bool>> correct;
};

} // namespace

void Answers::connect(Runner &runner) {
  runner.onToken = [this](size_t i, int32_t token) {
    if (!decoders[i])
      decoders[i].emplace(module.makeDecoder(/*skipSpecial=*/true));
    std::string_view piece = decoders[i]->push(token);
    texts[i] += piece;
    pieces[i].emplace_back(piece);
    return piece.find('\n') == std::string_view::npos;
  };
  runner.onEnd = [this](size_t i) {
    if (decoders[i])
      texts[i] += decoders[i]->finish();
    decoders[i].reset();
    if (!interrupted())
      correct[i] = answerIn(texts[i]) == items[i].answer;
  };
}

Answers::Score Answers::all() const {
  Score sum;
  for (const auto &[name, score] : tasks()) {
    sum.correct += score.correct;
    sum.total += score.total;
  }
  return sum;
}

std::map<std::string, Answers::Score> Answers::tasks() const {
  std::map<std::string, Score> result;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!correct[i])
      continue;
    Score &task = result[items[i].task];
    ++task.total;
    task.correct += *correct[i];
  }
  return result;
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
  std::vector<Request> makeRequests() const;
  void start();
  void finishExits(const Answers &answers, const Runner &runner);
  Json resultOf(const Answers &answers) const;
  void addLayers(Json &result, const Runner &runner) const;
  void print(const Answers &answers, const Json &result) const;

  Setup setup;
  std::vector<EvalItem> items;
  std::vector<Request> requests;
  std::optional<OutputFile> record;
};

} // namespace

std::vector<Request> Evaluation::makeRequests() const {
  std::vector<Request> result;
  for (const EvalItem &item : items) {
    Request &request = result.emplace_back();
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
  }
  return result;
}

void Evaluation::start() {
  requests = makeRequests();
  int64_t capacity = 1;
  for (const Request &request : requests)
    capacity =
        std::max(capacity, int64_t(request.prompt.size()) + request.most - 1);
  setup.start(capacity, std::min(mostSlots, int64_t(items.size())));
  if (!setup.options.recordExits.empty())
    record.emplace(setup.options.recordExits);
}

int Evaluation::run() {
  start();
  Answers answers(setup.module, items);
  Runner runner = setup.makeRunner();
  answers.connect(runner);
  Progress progress("evaluation", int64_t(items.size()));
  runner.onStep = [&] { progress.update(runner.requestsDone); };
  runner.run(requests);
  progress.clear();

  Json result = resultOf(answers);
  addLayers(result, runner);
  setup.finish(result, &runner);
  finishExits(answers, runner);
  int code = Setup::exitCode(result);
  if (setup.options.json)
    writeJson(result);
  else
    print(answers, result);
  return code;
}

/// Writes where tokens left.
void Evaluation::finishExits(const Answers &answers, const Runner &runner) {
  if (interrupted())
    return;
  if (record) {
    const std::string lines = exitLines(requests);
    record->append(lines.data(), lines.size());
    record->finish();
  }
  if (setup.options.exitReport.empty())
    return;
  std::vector<ReportText> texts(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    texts[i].prompt = items[i].prompt;
    texts[i].tokens = reportTokens(requests[i], answers.piecesOf(i));
    texts[i].task = items[i].task;
    texts[i].answer = items[i].answer;
    texts[i].correct = answers.isCorrect(i);
  }
  auto scoreOf = [](const Answers &some) {
    return TaskScore{some.all().correct, some.all().total};
  };
  ExitSweep sweep(setup, std::move(texts), requests, scoreOf(answers), runner);
  sweep.run([&](Runner &other, std::vector<Request> &copies) {
    copies = makeRequests();
    Answers others(setup.module, items);
    others.connect(other);
    other.run(copies);
    return scoreOf(others);
  });
}

Json Evaluation::resultOf(const Answers &answers) const {
  Json perTask = Json::object();
  for (const auto &[name, score] : answers.tasks())
    perTask[name] = {{"correct", score.correct}, {"total", score.total}};
  const Answers::Score all = answers.all();
  return {{"accuracy",
           all.total ? Json(double(all.correct) / double(all.total)) : Json()},
          {"correct", all.correct},
          {"total", all.total},
          {"tasks", perTask}};
}

/// The newline, or end of text, that closes an answer is easy: it is also
/// reported apart.
void Evaluation::addLayers(Json &result, const Runner &runner) const {
  const moert_module_info_t &info = setup.module.info;
  ExitFigures all(info.layers), inside(info.layers), closing(info.layers);
  for (const Request &request : requests) {
    all.add(request);
    const bool isClosed =
        request.stop == Stop::Caller || request.stop == Stop::EndOfText;
    for (size_t j = 0; j < request.sources.size(); ++j) {
      const bool closes = isClosed && j + 1 == request.sources.size();
      (closes ? closing : inside).add(request.sources[j].layers);
    }
  }
  all.addTo(result, runner.exitBytes, info);
  auto add = [&](const char *where, const ExitFigures &figures) {
    result[std::string("average_layers_") + where] =
        figures.tokens() ? Json(figures.averageLayers()) : Json();
    result[std::string("tokens_") + where] = figures.tokens();
  };
  add("before_newline", inside);
  add("of_newline", closing);
}

void Evaluation::print(const Answers &answers, const Json &result) const {
  char line[256];
  auto row = [&](const char *name, const Answers::Score &score) {
    std::snprintf(line, sizeof(line), "| %-24s | %7lld | %5lld | %7.2f %% |\n",
                  name, static_cast<long long>(score.correct),
                  static_cast<long long>(score.total),
                  100.0 * double(score.correct) / double(score.total));
    return std::string(line);
  };
  std::string text = "| task                     | correct | total | accuracy "
                     " |\n| --- | ---: | ---: | ---: |\n";
  for (const auto &[name, score] : answers.tasks())
    text += row(name.c_str(), score);
  const Answers::Score all = answers.all();
  if (all.total > 0)
    text += row("all", all);
  auto number = [&](const char *key) {
    return result[key].is_null() ? 0 : result[key].get<double>();
  };
  if (setup.module.info.exits > 0 && all.total > 0) {
    std::snprintf(
        line, sizeof(line),
        "\nA token ran through %.2f of %d layers (%.2f with the heads "
        "of exits), one before\nthe closing newline through %.2f.\n",
        number("average_layers"), setup.module.info.layers,
        number("average_layers_with_heads"),
        number("average_layers_before_newline"));
    text += line;
  }
  writeOut(text);
}

int moert::cli::evaluate(const Options &options) {
  return Evaluation(options).run();
}
