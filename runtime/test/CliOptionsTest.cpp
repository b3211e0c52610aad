//===- CliOptionsTest.cpp - what moe-run's command line accepts -----------===//
#include "Failure.h"
#include "Options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

using namespace moert::cli;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

CommandLineResult parseAll(std::vector<const char *> arguments) {
  arguments.insert(arguments.begin(), "moe-run");
  return parseCommandLine(int(arguments.size()), arguments.data());
}

Options parse(std::vector<const char *> arguments) {
  return parseAll(std::move(arguments)).options;
}

std::string failure(std::vector<const char *> arguments) {
  try {
    parse(std::move(arguments));
  } catch (const Failure &failure) {
    return failure.what();
  }
  return "accepted";
}

TEST(CliOptions, DefaultsAreGreedyAndOfTheModule) {
  Options options = parse({"m.moe", "-p", "hi"});
  EXPECT_EQ(options.mode, Mode::Generate);
  EXPECT_EQ(options.module, "m.moe");
  EXPECT_THAT(options.prompts, ElementsAre("hi"));
  EXPECT_EQ(options.predict, 128);
  EXPECT_EQ(options.temperature, 0);
  EXPECT_EQ(options.threads, 0);
  EXPECT_EQ(options.context, 0);
  EXPECT_TRUE(options.verify);
  EXPECT_FALSE(options.exact);
  EXPECT_EQ(options.device, "");
  EXPECT_EQ(options.deviceMemory.kind, MemoryBudget::Auto);
  EXPECT_FALSE(options.json);
}

TEST(CliOptions, ReadsEveryNumber) {
  Options options = parse({"m.moe",
                           "--tokens",
                           "1,22,0",
                           "-n",
                           "7",
                           "-c",
                           "99",
                           "-t",
                           "2",
                           "--temp",
                           "0.5",
                           "--top-k=40",
                           "--top-p",
                           "0.9",
                           "--seed",
                           "18446744073709551615",
                           "--json",
                           "--no-verify",
                           "--stats",
                           "--trace",
                           "t.json",
                           "--ignore-eos",
                           "--exact",
                           "--device=gpu-emulator",
                           "--device-memory=25%",
                           "--no-exit",
                           "--prefetch=off"});
  EXPECT_THAT(options.tokenPrompts, ElementsAre(ElementsAre(1, 22, 0)));
  EXPECT_EQ(options.predict, 7);
  EXPECT_EQ(options.context, 99);
  EXPECT_EQ(options.threads, 2);
  EXPECT_FLOAT_EQ(options.temperature, 0.5f);
  EXPECT_EQ(options.topK, 40);
  EXPECT_FLOAT_EQ(options.topP, 0.9f);
  EXPECT_EQ(options.seed, UINT64_MAX);
  EXPECT_TRUE(options.exact);
  EXPECT_EQ(options.device, "gpu-emulator");
  EXPECT_EQ(options.deviceMemory.percent, 25);
  EXPECT_TRUE(options.json && options.stats && options.ignoreEos);
  EXPECT_FALSE(options.verify);
  EXPECT_EQ(options.trace, "t.json");
  EXPECT_THAT(options.offloadFlags, ElementsAre("--device-memory"));
  EXPECT_THAT(options.exitFlags, ElementsAre());
}

TEST(CliOptions, PromptsAreTakenAsTheyAre) {
  Options options = parse({"-p", "[a,b]", "m.moe", "--prompt", "-x", "-p",
                           "{\"a\": 1}, b", "-p", "line\nline"});
  EXPECT_THAT(options.prompts,
              ElementsAre("[a,b]", "-x", "{\"a\": 1}, b", "line\nline"));
  EXPECT_EQ(options.module, "m.moe");
  EXPECT_THAT(parse({"--tokens", "1", "--tokens", "2,3", "m"}).tokenPrompts,
              ElementsAre(ElementsAre(1), ElementsAre(2, 3)));
}

TEST(CliOptions, ChoosesTheMode) {
  EXPECT_EQ(parse({"m", "--perplexity", "f", "--window", "256"}).window, 256);
  EXPECT_EQ(parse({"m", "--eval", "f"}).mode, Mode::Evaluate);
  EXPECT_EQ(parse({"m", "--inspect", "--json"}).mode, Mode::Inspect);
  EXPECT_EQ(parse({"--list-devices"}).mode, Mode::ListDevices);
  Options bench = parse({"m", "--bench", "--pp", "8", "--reps", "2"});
  EXPECT_EQ(bench.mode, Mode::Bench);
  EXPECT_EQ(bench.prefillTokens, 8);
  EXPECT_TRUE(bench.prefillGiven);
  EXPECT_FALSE(bench.decodeGiven);
  EXPECT_EQ(bench.repetitions, 2);
}

TEST(CliOptions, LogitsAloneGenerateNothing) {
  EXPECT_EQ(parse({"m", "-p", "a", "--logits", "l.npy"}).predict, 0);
  EXPECT_EQ(parse({"m", "-p", "a", "--logits", "l.npy", "-n", "5"}).predict, 5);
}

TEST(CliOptions, HelpAndVersionAreTexts) {
  std::string help = *parseAll({"--help"}).text;
  for (const char *part : {"Text generation", "Sampling", "Other modes",
                           "Running", "Output", "--cache-policy", "--seed"})
    EXPECT_THAT(help, HasSubstr(part));
  EXPECT_THAT(*parseAll({"--version"}).text, HasSubstr("moe-run "));
}

TEST(CliOptions, RejectsWhatItDoesNotKnow) {
  EXPECT_EQ(failure({"m", "-p", "a", "--frobnicate"}),
            "command line: unknown option --frobnicate");
  EXPECT_EQ(failure({"m", "n", "-p", "a"}),
            "command line: one module expected, also got 'n'");
  EXPECT_EQ(failure({"-p", "a"}), "command line: no module given (see --help)");
  EXPECT_EQ(failure({"m"}),
            "command line: nothing to do: give a --prompt, --file or "
            "--tokens, or another mode (see --help)");
  EXPECT_EQ(failure({"m", "-p"}).find("command line: --prompt"), 0u);
}

TEST(CliOptions, RejectsMalformedNumbers) {
  auto number = [](const char *name, const char *value) {
    return failure({"m", "-p", "a", name, value});
  };
  EXPECT_EQ(number("-n", "x"), "command line: --n-predict is 'x' when it "
                               "should be a number from -1 to 2147483647");
  EXPECT_EQ(number("-n", "-2"), "command line: --n-predict is '-2' when it "
                                "should be a number from -1 to 2147483647");
  EXPECT_EQ(number("-t", "-1"), "command line: --threads is '-1' when it "
                                "should be a number from 0 to 65536");
  EXPECT_EQ(number("-c", "0"), "command line: --ctx-size is '0' when it "
                               "should be a number from 1 to 2147483647");
  EXPECT_EQ(number("--temp", "nan"), "command line: --temp is 'nan' when it "
                                     "should be a number from 0 to 1000");
  EXPECT_EQ(number("--top-k", "4x"), "command line: --top-k is '4x' when it "
                                     "should be a number from 0 to 2147483647");
  EXPECT_EQ(number("--seed", "18446744073709551616"),
            "command line: --seed is '18446744073709551616' when it should be "
            "a number from 0 to 18446744073709551615");
  EXPECT_EQ(failure({"m", "-p", "a", "--temp", "1", "--top-p", "0"}),
            "command line: --top-p is 0 when it should be above 0 and at most "
            "1");
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--window", "1"}),
            "command line: --window is '1' when it should be a number from 2 "
            "to 2147483647");
  EXPECT_EQ(failure({"m", "--bench", "--reps", "0"}),
            "command line: --reps is '0' when it should be a number from 1 to "
            "10000");
}

TEST(CliOptions, RejectsMalformedTokens) {
  const std::string range = "' when it should be a number from 0 to 2147483647";
  for (const char *bad : {"", "1,", ",1", "1,,2", "1, 2", "-1", "a"})
    EXPECT_THAT(
        failure({"m", "--tokens", bad}),
        testing::AllOf(HasSubstr("a token of --tokens is '"), HasSubstr(range)))
        << bad;
}

TEST(CliOptions, RejectsRepeats) {
  EXPECT_EQ(failure({"m", "-p", "a", "--seed", "1", "--seed", "2"}),
            "command line: --seed is given 2 times, at most 1 is allowed");
  EXPECT_EQ(failure({"m", "-f", "a", "-f", "b", "--file", "c"}),
            "command line: --file is given 3 times, at most 1 is allowed");
}

TEST(CliOptions, RejectsContradictions) {
  EXPECT_EQ(failure({"m", "--tokens", "1", "-p", "a"}),
            "command line: --prompt and --tokens exclude each other");
  EXPECT_EQ(failure({"m", "-f", "f", "-p", "a"}),
            "command line: --prompt and --file exclude each other");
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--prompt", "a"}),
            "command line: --prompt has no meaning with --perplexity");
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--eval", "g"}),
            "command line: --perplexity and --eval exclude each other");
  EXPECT_EQ(failure({"m", "--bench", "--inspect"}),
            "command line: --bench and --inspect exclude each other");
  EXPECT_EQ(failure({"m", "--bench", "--trace", "t"}),
            "command line: --trace has no meaning with --bench");
  EXPECT_EQ(failure({"m", "--eval", "f", "--seed", "1"}),
            "command line: --seed has no meaning with --eval");
  EXPECT_EQ(failure({"m", "--eval", "f", "--ignore-eos"}),
            "command line: --ignore-eos has no meaning with --eval");
  EXPECT_EQ(failure({"m", "--inspect", "-t", "2"}),
            "command line: --threads has no meaning with --inspect");
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--logits", "l"}),
            "command line: --logits has no meaning with --perplexity");
  EXPECT_EQ(failure({"--list-devices", "--stats"}),
            "command line: --stats has no meaning with --list-devices");
  EXPECT_EQ(failure({"m", "-p", "a", "--window", "8"}),
            "command line: --window needs --perplexity");
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--reference", "r",
                     "--kl-reference", "k"}),
            "command line: --reference and --kl-reference exclude each other");
  EXPECT_EQ(failure({"m", "-p", "a", "--save-logits", "l"}),
            "command line: --save-logits needs --perplexity");
  EXPECT_EQ(failure({"m", "--eval", "f", "--kl-reference", "l"}),
            "command line: --kl-reference has no meaning with --eval");
  EXPECT_EQ(failure({"m", "--bench", "--reference", "r"}),
            "command line: --reference has no meaning with --bench");
  EXPECT_EQ(failure({"m", "-p", "a", "--tg", "8"}),
            "command line: --tg needs --bench");
  EXPECT_EQ(failure({"m", "-p", "a", "-p", "b", "--logits", "l"}),
            "command line: --logits takes 1 prompt, 2 given");
  EXPECT_EQ(failure({"m", "-p", "a", "--top-k", "4"}),
            "command line: --top-k needs --temp: without it decoding is "
            "greedy");
  EXPECT_EQ(failure({"m", "-p", "a", "--top-p", "0.4"}),
            "command line: --top-p needs --temp: without it decoding is "
            "greedy");
}

TEST(CliOptions, RejectsMalformedOffloading) {
  EXPECT_EQ(failure({"m", "-p", "a", "--prefetch", "maybe"}),
            "command line: --prefetch is 'maybe' when it should be auto, on or "
            "off");
  for (const char *bad :
       {"x", "8T", "G", "8GB", "-1", "0", "", "8g", "9223372036854775808",
        "8589934592G", "0%", "101%", "%", "1e1%", "25 %", "ALL"})
    EXPECT_EQ(failure({"m", "-p", "a", "--memory-budget", bad}),
              "command line: --memory-budget is '" + std::string(bad) +
                  "' when it should be a size like 512M or 8G, a share like "
                  "25%, auto or all")
        << bad;
  EXPECT_EQ(failure({"m", "-p", "a", "--device-memory", "8T"}),
            "command line: --device-memory is '8T' when it should be a size "
            "like 512M or 8G, a share like 25%, auto or all");
  EXPECT_EQ(failure({"m", "-p", "a", "--cache-policy", ""}),
            "command line: --cache-policy is '' when it should be a name");
}

TEST(CliOptions, RejectsMalformedDevices) {
  EXPECT_EQ(failure({"m", "-p", "a", "--device", ""}),
            "command line: --device is '' when it should be a name");
  EXPECT_EQ(failure({"m", "-p", "a", "--device=cpu", "--device=lpu"}),
            "command line: --device is given 2 times, at most 1 is allowed");
  EXPECT_EQ(failure({"m", "--inspect", "--device=cpu"}),
            "command line: --device has no meaning with --inspect");
}

TEST(CliOptions, Exits) {
  auto threshold = [](const char *text) {
    return *parse({"m", "-p", "a", "--exit-threshold", text}).exitThreshold;
  };
  EXPECT_EQ(threshold("0.9"), 0.9);
  EXPECT_EQ(threshold("-0.25"), -0.25); // a policy's score may be anything
  EXPECT_EQ(threshold("inf"), std::numeric_limits<double>::infinity());
  EXPECT_FALSE(parse({"m", "-p", "a"}).exitThreshold);
  Options options = parse({"m", "--eval", "e", "--record-exits", "r.jsonl",
                           "--exit-report=r.html", "--verify-drafts", "0"});
  EXPECT_EQ(options.recordExits, "r.jsonl");
  EXPECT_EQ(options.exitReport, "r.html");
  EXPECT_EQ(*options.verifyDrafts, 0);
  EXPECT_THAT(
      options.exitFlags,
      ElementsAre("--verify-drafts", "--record-exits", "--exit-report"));
  EXPECT_EQ(parse({"m", "--bench", "--exit-replay", "r"}).exitReplay, "r");
  EXPECT_TRUE(parse({"m", "--bench", "--no-exit"}).noExit);
}

TEST(CliOptions, RejectsMalformedExits) {
  for (const char *bad : {"high", "nan", "0.9x", ""})
    EXPECT_EQ(failure({"m", "-p", "a", "--exit-threshold", bad}),
              "command line: --exit-threshold is '" + std::string(bad) +
                  "' when it should be a number or inf");
  for (const char *bad : {"-1", "65", "x"})
    EXPECT_EQ(failure({"m", "-p", "a", "--verify-drafts", bad}),
              "command line: --verify-drafts is '" + std::string(bad) +
                  "' when it should be a number from 0 to 64");
  for (const char *name : {"--record-exits", "--exit-replay", "--exit-report"})
    EXPECT_EQ(failure({"m", "-p", "a", name, ""}),
              "command line: " + std::string(name) +
                  " is '' when it should be a file");
}

TEST(CliOptions, OnlyOneOptionSaysWhenTokensLeave) {
  const std::pair<const char *, const char *> pairs[] = {
      {"--no-exit", "--exit-threshold=1"},
      {"--no-exit", "--exit-replay=r"},
      {"--exit-threshold=1", "--exit-replay=r"},
      {"--exit-replay=r", "--exit-report=h"}};
  auto name = [](std::string text) { return text.substr(0, text.find('=')); };
  for (auto [one, other] : pairs)
    EXPECT_EQ(failure({"m", "-p", "a", other, one}),
              "command line: " + name(one) + " and " + name(other) +
                  " exclude each other");
}

TEST(CliOptions, ExitsInModes) {
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--record-exits", "r"}),
            "command line: --record-exits has no meaning with --perplexity");
  EXPECT_EQ(failure({"m", "--bench", "--record-exits", "r"}),
            "command line: --record-exits has no meaning with --bench");
  EXPECT_EQ(failure({"m", "--bench", "--exit-report", "r"}),
            "command line: --exit-report has no meaning with --bench");
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--exit-replay", "r"}),
            "command line: --exit-replay has no meaning with --perplexity");
  EXPECT_EQ(failure({"m", "--perplexity", "f", "--verify-drafts", "2"}),
            "command line: --verify-drafts has no meaning with --perplexity");
  EXPECT_EQ(failure({"m", "--inspect", "--no-exit"}),
            "command line: --no-exit has no meaning with --inspect");
}

TEST(CliOptions, MemoryBudget) {
  auto budget = [](const char *text) {
    return parse({"m", "-p", "a", "--memory-budget", text}).memoryBudget;
  };
  EXPECT_EQ(parse({"m", "-p", "a"}).memoryBudget.kind, MemoryBudget::Auto);
  EXPECT_EQ(budget("auto").kind, MemoryBudget::Auto);
  EXPECT_EQ(budget("all").kind, MemoryBudget::All);
  EXPECT_EQ(budget("12345").kind, MemoryBudget::Bytes);
  EXPECT_EQ(budget("12345").bytes, 12345);
  EXPECT_EQ(budget("3K").bytes, 3 << 10);
  EXPECT_EQ(budget("512M").bytes, 512 << 20);
  EXPECT_EQ(budget("8589934591G").bytes, int64_t(8589934591) << 30);
  EXPECT_EQ(budget("25%").kind, MemoryBudget::Percent);
  EXPECT_EQ(budget("25%").percent, 25);
  EXPECT_EQ(budget("12.5%").percent, 12.5);
  EXPECT_EQ(budget("100%").percent, 100);
}

// Whether the module has such experts, guesses or exits is known only when it
// is open.
TEST(CliOptions, NotesWhatOnlyTheModuleCanAnswer) {
  Options options = parse({"m", "-p", "a", "--memory-budget", "8G",
                           "--prefetch=on", "--cache-policy", "belady:f",
                           "--exit-threshold", "0.9", "--record-routing", "r"});
  EXPECT_THAT(options.offloadFlags,
              ElementsAre("--memory-budget", "--cache-policy"));
  EXPECT_THAT(options.guessFlags, ElementsAre("--prefetch=on"));
  EXPECT_THAT(options.exitFlags, ElementsAre("--exit-threshold"));
  EXPECT_EQ(options.cachePolicy, "belady:f");
  EXPECT_EQ(options.prefetch, Options::Prefetch::On);
  EXPECT_EQ(options.recordRouting, "r");
  // True of every module.
  options = parse({"m", "-p", "a", "--memory-budget", "all", "--prefetch=off"});
  EXPECT_THAT(options.offloadFlags, ElementsAre());
  EXPECT_THAT(options.guessFlags, ElementsAre());
}

TEST(CliOptions, BenchReadsTokens) {
  EXPECT_THAT(parse({"m", "--bench", "--tokens", "1,2"}).tokenPrompts,
              ElementsAre(ElementsAre(1, 2)));
  EXPECT_EQ(parse({"m", "--bench", "-f", "text"}).promptFile, "text");
  EXPECT_EQ(failure({"m", "--bench", "--tokens", "1", "-f", "text"}),
            "command line: --file and --tokens exclude each other");
  EXPECT_EQ(failure({"m", "--bench", "--tokens", "1", "--tokens", "2"}),
            "command line: --bench takes --tokens 1 time, 2 given");
  EXPECT_EQ(failure({"m", "--bench", "-p", "text"}),
            "command line: --prompt has no meaning with --bench");
}

TEST(CliOptions, MeasuresAProfile) {
  Options options = parse({"m", "--measure-profile", "p.json", "-t", "2"});
  EXPECT_EQ(options.mode, Mode::MeasureProfile);
  EXPECT_EQ(options.profile, "p.json");
  EXPECT_EQ(failure({"--measure-profile", "p.json"}),
            "command line: no module given (see --help)");
  EXPECT_EQ(failure({"m", "--measure-profile", "p", "--bench"}),
            "command line: --bench and --measure-profile exclude each other");
  EXPECT_EQ(failure({"m", "--measure-profile", "p", "--json"}),
            "command line: --json has no meaning with --measure-profile");
  EXPECT_EQ(failure({"m", "--inspect", "--record-routing", "r"}),
            "command line: --record-routing has no meaning with --inspect");
}

TEST(CliFailure, IsOneLineThatNamesItsOriginOnce) {
  EXPECT_STREQ(Failure("f.moe", "is bad\nreally").what(),
               "f.moe: is bad really");
  EXPECT_STREQ(Failure("f.moe", "f.moe: is bad").what(), "f.moe: is bad");
}

} // namespace
