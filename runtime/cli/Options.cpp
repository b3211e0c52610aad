//===- Options.cpp - what a command line of moe-run asks for --------------===//
#include "Options.h"
#include "Failure.h"
#include "moert/moert.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <limits>

using namespace moert::cli;

namespace {

using Modes = unsigned; ///< a set of Mode

constexpr Modes in(Mode mode) { return 1u << unsigned(mode); }
constexpr Modes generating = in(Mode::Generate);
constexpr Modes running =
    generating | in(Mode::Perplexity) | in(Mode::Evaluate) | in(Mode::Bench);
constexpr Modes tracing = running & ~in(Mode::Bench);
constexpr Modes decoding = running & ~in(Mode::Perplexity);
constexpr Modes feeding = generating | in(Mode::Bench);

enum Repeats { Once, Often };

/// The surface as CLI11 options, and in which modes each of them means
/// something.
class Parser {
public:
  Parser();
  CommandLineResult parse(int argc, const char *const *argv);

private:
  CLI::Option *text(const char *names, std::string &value, const char *meaning);
  CLI::Option *flag(const char *names, bool &value, const char *meaning);
  template <typename T>
  CLI::Option *number(const char *names, T &value, T least, T most,
                      const char *meaning);
  template <typename Take>
  CLI::Option *taking(const char *names, const char *what, const char *meaning,
                      Take take, Repeats repeats = Once);
  /// Files the option just made under a heading of --help.
  void note(CLI::Option *option, const char *group, Modes modes);

  void addPrompt();
  void addSampling();
  void addOtherModes();
  void addRun();
  void addOutput();
  CLI::Option *budget(const char *name, MemoryBudget &value,
                      const char *meaning);
  void addOffload();
  void addExits();

  void runParser(int argc, const char *const *argv);
  void chooseMode();
  void checkMeaning() const;
  void checkExits() const;
  void checkPrompt() const;
  void checkSampling() const;

  struct Entry {
    CLI::Option *option;
    Modes modes;
  };
  CLI::App app;
  Options options;
  std::vector<Entry> entries;
  bool inspect = false, bench = false, listDevices = false;
  bool noVerify = false;
};

/// "--seed" of "-s,--seed".
std::string longName(const std::string &names) {
  return names.substr(names.find("--"));
}

/// "--top-k", the name that messages use.
std::string nameOf(const CLI::Option *option) {
  return "--" + option->get_lnames().front();
}

template <typename T>
T parseNumber(const std::string &name, const std::string &text, T least,
              T most) {
  T value{};
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= least && value <= most))
    fail(commandLine, name, " is '", text, "' when it should be a number from ",
         least, " to ", most);
  return value;
}

/// Of whatever a policy calls a score.
double parseThreshold(const std::string &text) {
  double value = 0;
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || std::isnan(value))
    fail(commandLine, "--exit-threshold is '", text,
         "' when it should be a number or inf");
  return value;
}

std::vector<int32_t> parseTokens(const std::string &text) {
  std::vector<int32_t> ids;
  size_t begin = 0;
  while (begin <= text.size()) {
    size_t end = std::min(text.find(',', begin), text.size());
    ids.push_back(parseNumber<int32_t>("a token of --tokens",
                                       text.substr(begin, end - begin), 0,
                                       std::numeric_limits<int32_t>::max()));
    begin = end + 1;
  }
  return ids;
}

/// "512M": a number of bytes, or of KiB, MiB, GiB; "25%"; "auto"; "all".
MemoryBudget parseBudget(const std::string &name, const std::string &text) {
  if (text == "auto")
    return {MemoryBudget::Auto};
  if (text == "all")
    return {MemoryBudget::All};
  MemoryBudget budget = {MemoryBudget::Bytes};
  const char *begin = text.data(), *end = begin + text.size();
  if (text.ends_with('%')) {
    budget.kind = MemoryBudget::Percent;
    auto [stop, error] = std::from_chars(begin, end - 1, budget.percent,
                                         std::chars_format::fixed);
    if (error == std::errc() && stop == end - 1 && budget.percent > 0 &&
        budget.percent <= 100)
      return budget;
  } else {
    auto [stop, error] = std::from_chars(begin, end, budget.bytes);
    const std::string unit(stop, end);
    const size_t power = std::string("KMG").find(unit);
    const int shift = unit.empty() ? 0 : 10 * (int(power) + 1);
    constexpr int64_t most = std::numeric_limits<int64_t>::max();
    if (error == std::errc() && budget.bytes > 0 && unit.size() <= 1 &&
        power != std::string::npos && budget.bytes <= most >> shift) {
      budget.bytes <<= shift;
      return budget;
    }
  }
  fail(commandLine, name, " is '", text,
       "' when it should be a size like 512M or 8G, a share like 25%, auto or "
       "all");
}

} // namespace

//===-- The surface -------------------------------------------------------===//

template <typename Take>
CLI::Option *Parser::taking(const char *names, const char *what,
                            const char *meaning, Take take, Repeats repeats) {
  std::string name = longName(names);
  CLI::callback_t takeAll = [=](const CLI::results_t &values) {
    // The last one must not win in silence.
    if (repeats == Once && values.size() > 1)
      fail(commandLine, name, " is given ", values.size(),
           " times, at most 1 is allowed");
    for (const std::string &value : values)
      take(value);
    return true;
  };
  return app.add_option(names, takeAll, meaning)->type_name(what)->take_all();
}

CLI::Option *Parser::text(const char *names, std::string &value,
                          const char *meaning) {
  std::string name = longName(names);
  return taking(names, "FILE", meaning,
                [&value, name](const std::string &text) {
                  if (text.empty()) // would mean that it is not given
                    fail(commandLine, name, " is '' when it should be a file");
                  value = text;
                });
}

CLI::Option *Parser::flag(const char *names, bool &value, const char *meaning) {
  return app.add_flag(names, value, meaning)->disable_flag_override();
}

template <typename T>
CLI::Option *Parser::number(const char *names, T &value, T least, T most,
                            const char *meaning) {
  std::string name = longName(names);
  return taking(names, "N", meaning,
                [&value, name, least, most](const std::string &text) {
                  value = parseNumber<T>(name, text, least, most);
                });
}

void Parser::note(CLI::Option *option, const char *group, Modes modes) {
  option->group(group);
  entries.push_back({option, modes});
}

Parser::Parser()
    : app("Runs a compiled mixture-of-experts module: generates text, measures "
          "its quality or its speed.",
          "moe-run") {
  app.get_formatter()->column_width(28);
  app.allow_extras();
  app.add_option("MODULE", options.module, "Module file made by moe-compile");
  addPrompt();
  addSampling();
  addOtherModes();
  addRun();
  addOutput();
  addOffload();
  addExits();
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version", std::string("moe-run ") + moert_version(),
                       "Print the version and exit");
  app.get_option("--help")->group("Other");
  app.get_option("--version")->group("Other");
  app.footer("Without another mode, moe-run continues its prompts. Greedy "
             "decoding (--temp 0) is the\ndefault. Sampling applies the "
             "temperature first, then --top-k, then --top-p.");
}

void Parser::addPrompt() {
  const char *group = "Text generation";
  note(taking(
           "-p,--prompt", "TEXT",
           "Text to continue; repeat it to run several at once",
           [this](const std::string &v) { options.prompts.push_back(v); },
           Often),
       group, generating);
  note(text("-f,--file", options.promptFile,
            "File with the text to continue, or for --bench to read"),
       group, feeding);
  note(taking(
           "--tokens", "ID,ID,...",
           "Token ids to continue, taken as they are; repeatable",
           [this](const std::string &v) {
             options.tokenPrompts.push_back(parseTokens(v));
           },
           Often),
       group, feeding);
  note(number<int64_t>("-n,--n-predict", options.predict, -1, INT32_MAX,
                       "Most tokens to generate; -1: no limit (128; 0 with "
                       "--logits)"),
       group, generating);
  note(flag("--ignore-eos", options.ignoreEos,
            "Go on after an end-of-text token, and print it"),
       group, generating);
  note(text("--logits", options.logits,
            "Write the prompt's logits, float32 [tokens, vocabulary], to a "
            ".npy file"),
       group, generating);
}

void Parser::addSampling() {
  const char *group = "Sampling";
  note(number<float>("--temp", options.temperature, 0, 1000,
                     "Temperature; 0 picks the likeliest token (0)"),
       group, generating);
  note(number<int32_t>("--top-k", options.topK, 0, INT32_MAX,
                       "Keep the K likeliest tokens; 0: all (0)"),
       group, generating);
  note(number<float>("--top-p", options.topP, 0, 1,
                     "Keep the likeliest tokens that hold this probability "
                     "(1)"),
       group, generating);
  note(number<uint64_t>("--seed", options.seed, 0, UINT64_MAX,
                        "Seed; the same gives the same text everywhere (0)"),
       group, generating);
}

void Parser::addOtherModes() {
  const char *group = "Other modes";
  note(text("--perplexity", options.perplexityFile,
            "Measure the perplexity of a text file; tokens leave early, where "
            "the module lets them unchecked"),
       group, in(Mode::Perplexity));
  note(number<int64_t>("--window", options.window, 2, INT32_MAX,
                       "Tokens per perplexity window (the context size)"),
       group, in(Mode::Perplexity));
  note(text("--reference", options.reference,
            "Module that --perplexity compares with, token by token"),
       group, in(Mode::Perplexity));
  note(text("--save-logits", options.saveLogits,
            "Write the logits that --perplexity scores, float32 [positions, "
            "vocabulary], to a .npy file"),
       group, in(Mode::Perplexity));
  note(text("--kl-reference", options.klReference,
            "Logits of --save-logits that --perplexity compares with, as with "
            "--reference"),
       group, in(Mode::Perplexity));
  note(taking("--eval", "FILE.jsonl",
              R"(Exact-match accuracy; lines {"prompt","answer","task"})",
              [this](const std::string &v) { options.evalFile = v; }),
       group, in(Mode::Evaluate));
  note(flag("--bench", bench,
            "Measure speed beside the machine's limits; reads the tokens of "
            "--tokens or --file, else random ones, the same everywhere"),
       group, in(Mode::Bench));
  note(number<int64_t>("--pp", options.prefillTokens, 1, INT32_MAX,
                       "Prompt tokens of --bench (512, or the context)"),
       group, in(Mode::Bench));
  note(number<int64_t>("--tg", options.decodeTokens, 1, INT32_MAX,
                       "Generated tokens of --bench (64)"),
       group, in(Mode::Bench));
  note(number<int64_t>("--reps", options.repetitions, 1, 10000,
                       "Repetitions of --bench (5)"),
       group, in(Mode::Bench));
  note(flag("--inspect", inspect, "Say what is in the module"), group,
       in(Mode::Inspect));
  note(flag("--list-devices", listDevices, "Say what this machine offers"),
       group, in(Mode::ListDevices));
  note(text("--measure-profile", options.profile,
            "Measure this machine, and the disk of the module, for moe-compile "
            "--device-profile"),
       group, in(Mode::MeasureProfile));
}

void Parser::addRun() {
  const char *group = "Running";
  note(number<int32_t>("-t,--threads", options.threads, 0, 65536,
                       "Threads; 0: all that this process may use (0)"),
       group, running | in(Mode::MeasureProfile));
  note(number<int64_t>("-c,--ctx-size", options.context, 1, INT32_MAX,
                       "Positions per sequence (the module's context)"),
       group, running);
  note(flag("--exact", options.exact,
            "Compute in the order that all targets share, even where the "
            "device is faster with another"),
       group, running);
  note(taking("--device", "NAME",
              "Driver of --list-devices that runs the module (the one that it "
              "was compiled for)",
              [this](const std::string &v) {
                if (v.empty()) // would mean that it is not given
                  fail(commandLine, "--device is '' when it should be a name");
                options.device = v;
              }),
       group, running);
  note(flag("--no-verify", noVerify, "Do not check the weights' checksums"),
       group, running);
}

void Parser::addOutput() {
  const char *group = "Output";
  note(flag("--json", options.json,
            "Exactly one JSON object on standard output"),
       group, ~in(Mode::MeasureProfile));
  note(flag("--stats", options.stats,
            "Report tokens, times and memory afterwards"),
       group, running);
  note(text("--trace", options.trace,
            "Write a Chrome trace of the run (open it in Perfetto)"),
       group, tracing);
}

CLI::Option *Parser::budget(const char *name, MemoryBudget &value,
                            const char *meaning) {
  return taking(name, "SIZE|N%|auto|all", meaning,
                [this, name, &value](const std::string &v) {
                  value = parseBudget(name, v);
                  // The others are true of a module whose experts stay, too.
                  if (value.kind >= MemoryBudget::Bytes)
                    options.offloadFlags.push_back(name);
                });
}

void Parser::addOffload() {
  const char *group = "Experts on disk, early exits";
  note(budget("--memory-budget", options.memoryBudget,
              "Memory for experts, like 8G, or a share of all; auto: all if "
              "they fit into memory, else what does (auto)"),
       group, running);
  note(budget("--device-memory", options.deviceMemory,
              "The same of a device that has memory of its own; auto: all if "
              "they fit into what is free there, else what does (auto)"),
       group, running);
  note(taking("--prefetch", "auto|on|off",
              "Fetch experts that the module guesses; auto: as long as that is "
              "measured to pay (auto)",
              [this](const std::string &v) {
                if (v != "auto" && v != "on" && v != "off")
                  fail(commandLine, "--prefetch is '", v,
                       "' when it should be auto, on or off");
                using Prefetch = Options::Prefetch;
                options.prefetch = v == "on"    ? Prefetch::On
                                   : v == "off" ? Prefetch::Off
                                                : Prefetch::Auto;
                // The other two are true of a module that guesses nothing.
                if (v == "on")
                  options.guessFlags.push_back("--prefetch=on");
              }),
       group, running);
  note(taking("--cache-policy", "NAME|belady:FILE",
              "Which expert leaves when another comes; belady needs a trace of "
              "--record-routing (the module's)",
              [this](const std::string &v) {
                if (v.empty()) // would mean that it is not given
                  fail(commandLine,
                       "--cache-policy is '' when it should be a name");
                options.cachePolicy = v;
                options.offloadFlags.push_back("--cache-policy");
              }),
       group, running);
  note(text("--record-routing", options.recordRouting,
            "Write which experts each token chooses, for moe-cache-sim and "
            "moe-compile --trace"),
       group, running);
}

void Parser::addExits() {
  const char *group = "Experts on disk, early exits";
  note(flag("--no-exit", options.noExit, "Run every layer for every token"),
       group, running);
  note(taking("--exit-threshold", "X",
              "Least score that lets a token leave, at every exit; inf: none "
              "does (the module's; its certificate holds for those only)",
              [this](const std::string &v) {
                options.exitThreshold = parseThreshold(v);
                options.exitFlags.push_back("--exit-threshold");
              }),
       group, running);
  note(taking("--verify-drafts", "N",
              "Most tokens that left early and wait until the full model has "
              "checked them; 0: they are not checked (of a module that checks "
              "its exits: 4, as long as that is measured to pay)",
              [this](const std::string &v) {
                options.verifyDrafts =
                    parseNumber<int32_t>("--verify-drafts", v, 0, 64);
                options.exitFlags.push_back("--verify-drafts");
              }),
       group, decoding);
  auto file = [&](const char *name, std::string &value, const char *meaning,
                  Modes modes) {
    note(taking(name, "FILE", meaning,
                [this, name, &value](const std::string &v) {
                  if (v.empty()) // would mean that it is not given
                    fail(commandLine, name, " is '' when it should be a file");
                  value = v;
                  options.exitFlags.push_back(name);
                }),
         group, modes);
  };
  file("--record-exits", options.recordExits,
       "Write after how many layers each token left, and its score at each "
       "exit, one JSON object a line",
       decoding & ~in(Mode::Bench));
  file("--exit-replay", options.exitReplay,
       "Let tokens leave where this file says: one of --record-exits, or a "
       "JSON array of numbers of layers",
       decoding);
  file("--exit-report", options.exitReport,
       "Write a page that shows where tokens left, and what other thresholds "
       "would do (runs the prompts several times)",
       decoding & ~in(Mode::Bench));
}

//===-- Meaning -----------------------------------------------------------===//

void Parser::chooseMode() {
  const std::pair<const char *, Mode> names[] = {
      {"--perplexity", Mode::Perplexity},
      {"--eval", Mode::Evaluate},
      {"--bench", Mode::Bench},
      {"--inspect", Mode::Inspect},
      {"--list-devices", Mode::ListDevices},
      {"--measure-profile", Mode::MeasureProfile}};
  const char *chosen = nullptr;
  for (const auto &[name, mode] : names) {
    if (app.count(name) == 0)
      continue;
    if (chosen)
      fail(commandLine, chosen, " and ", name, " exclude each other");
    chosen = name;
    options.mode = mode;
  }
  for (const Entry &entry : entries) {
    if (entry.option->count() == 0 || (entry.modes & in(options.mode)))
      continue;
    if (chosen)
      fail(commandLine, nameOf(entry.option), " has no meaning with ", chosen);
    fail(commandLine, nameOf(entry.option), " needs ",
         entry.modes == in(Mode::Bench) ? "--bench" : "--perplexity");
  }
}

void Parser::checkPrompt() const {
  const bool isBench = options.mode == Mode::Bench;
  const char *chosen = nullptr;
  for (const char *name : {"--prompt", "--file", "--tokens"}) {
    if (app.count(name) == 0)
      continue;
    if (chosen)
      fail(commandLine, chosen, " and ", name, " exclude each other");
    chosen = name;
  }
  if (isBench && options.tokenPrompts.size() > 1)
    fail(commandLine, "--bench takes --tokens 1 time, ",
         options.tokenPrompts.size(), " given");
  if (!chosen && !isBench)
    fail(commandLine, "nothing to do: give a --prompt, --file or --tokens, or "
                      "another mode (see --help)");
  size_t prompts = options.prompts.size() + options.tokenPrompts.size();
  if (!options.logits.empty() && prompts > 1)
    fail(commandLine, "--logits takes 1 prompt, ", prompts, " given");
}

void Parser::checkSampling() const {
  if (options.topP == 0)
    fail(commandLine, "--top-p is 0 when it should be above 0 and at most 1");
  for (const char *name : {"--top-k", "--top-p"})
    if (app.count(name) != 0 && app.count("--temp") == 0)
      fail(commandLine, name, " needs --temp: without it decoding is greedy");
}

/// Only one of them can say when tokens leave; a report tries thresholds.
void Parser::checkExits() const {
  const std::pair<const char *, const char *> pairs[] = {
      {"--no-exit", "--exit-threshold"},
      {"--no-exit", "--exit-replay"},
      {"--exit-threshold", "--exit-replay"},
      {"--exit-replay", "--exit-report"}};
  for (const auto &[one, other] : pairs)
    if (app.count(one) != 0 && app.count(other) != 0)
      fail(commandLine, one, " and ", other, " exclude each other");
}

void Parser::checkMeaning() const {
  std::vector<std::string> rest = app.remaining();
  if (!rest.empty() && rest.front().size() > 1 && rest.front()[0] == '-')
    fail(commandLine, "unknown option ", rest.front());
  if (!rest.empty())
    fail(commandLine, "one module expected, also got '", rest.front(), "'");
  if (options.module.empty() && options.mode != Mode::ListDevices)
    fail(commandLine, "no module given (see --help)");
  if (!options.reference.empty() && !options.klReference.empty())
    fail(commandLine, "--reference and --kl-reference exclude each other");
  checkExits();
  if (feeding & in(options.mode))
    checkPrompt();
  if (options.mode == Mode::Generate)
    checkSampling();
}

void Parser::runParser(int argc, const char *const *argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    throw;
  } catch (const CLI::CallForVersion &) {
    throw;
  } catch (const CLI::ParseError &error) {
    std::string what = error.what();
    if (!what.empty())
      what[0] = char(std::tolower(static_cast<unsigned char>(what[0])));
    throw Failure(commandLine, what);
  }
}

CommandLineResult Parser::parse(int argc, const char *const *argv) {
  try {
    runParser(argc, argv);
  } catch (const CLI::CallForHelp &) {
    return {options, app.help()};
  } catch (const CLI::CallForVersion &error) {
    return {options, std::string(error.what()) + "\n"};
  }
  chooseMode();
  checkMeaning();
  options.verify = !noVerify;
  options.prefillGiven = app.count("--pp") != 0;
  options.decodeGiven = app.count("--tg") != 0;
  if (!options.logits.empty() && app.count("--n-predict") == 0)
    options.predict = 0;
  return {options, std::nullopt};
}

CommandLineResult moert::cli::parseCommandLine(int argc,
                                               const char *const *argv) {
  return Parser().parse(argc, argv);
}
