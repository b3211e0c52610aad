//===- SessionTest.cpp - running small modules through the C API ----------===//
#include "SessionFixture.h"

#include "session/RopeTable.h"
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace moert;
using namespace moert::test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Json = nlohmann::json;

namespace {

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

TEST(Module, Info) {
  Fixture f;
  ASSERT_EQ(f.open(), "ok");
  moert_module_info_t info;
  info.size = sizeof(info);
  ASSERT_EQ(message(moert_module_info(f.module, &info)), "ok");
  EXPECT_EQ(info.vocabulary, 4);
  EXPECT_EQ(info.context, 16);
  EXPECT_EQ(info.experts, 2);
  EXPECT_EQ(info.experts_per_token, 1);
  EXPECT_EQ(info.bos_token, 1);
  EXPECT_EQ(info.add_bos, 1);
  EXPECT_EQ(info.active_bytes_per_token, 20u);
  EXPECT_EQ(info.macs_per_token, 16u);
  EXPECT_EQ(info.bits_per_weight, 32);
  EXPECT_STREQ(info.name, "test");
  EXPECT_STREQ(info.driver, "cpu");
  EXPECT_EQ(moert_module_is_eos(f.module, 2), 1);
  EXPECT_EQ(moert_module_is_eos(f.module, 3), 1);
  EXPECT_EQ(moert_module_is_eos(f.module, 0), 0);
}

/// A caller from the time when the struct was shorter keeps its memory.
TEST(Module, InfoForAnOlderCaller) {
  Fixture f;
  ASSERT_EQ(f.open(), "ok");
  moert_module_info_t info;
  std::memset(static_cast<void *>(&info), 0x5a, sizeof(info));
  info.size = offsetof(moert_module_info_t, hidden);
  ASSERT_EQ(message(moert_module_info(f.module, &info)), "ok");
  EXPECT_EQ(info.context, 16);
  EXPECT_EQ(info.hidden, 0x5a5a5a5a5a5a5a5a);
  info.size = 0;
  EXPECT_THAT(message(moert_module_info(f.module, &info)),
              HasSubstr("needs its size"));
}

TEST(Module, DescribesItself) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.features = {"sse2"};
  spec.more = {{MOERT_SECTION_TEST, 0, {'x'}}};
  Fixture f(spec);
  ASSERT_EQ(f.open(), "ok");
  char *text = nullptr;
  ASSERT_EQ(message(moert_module_describe(f.module, &text)), "ok");
  Json json = Json::parse(text);
  moert_free(text);
  EXPECT_EQ(json["header"]["version"], "1.0");
  EXPECT_EQ(json["sections"].size(), 4u);
  EXPECT_EQ(json["sections"][3]["name"], "section 32752");
  EXPECT_EQ(json["sections"][2]["name"], "WEIGHTS");
  EXPECT_EQ(json["sections"][2]["size"], 16);
  EXPECT_EQ(json["model"]["eos_tokens"], Json({2, 3}));
  EXPECT_EQ(json["target"]["features"], Json({"sse2"}));
  EXPECT_EQ(json["kv"]["element"], "f32");
  EXPECT_EQ(json["parameters"][0]["name"], "bias");
  EXPECT_EQ(json["parameters"][0]["kind"], "tensor");
  EXPECT_EQ(json["parameters"][0]["shape"], Json({4}));
  EXPECT_EQ(json["bits_per_weight"], 32);
  EXPECT_EQ(json["operations"], 2);
}

/// Stored weights: 16 x 64 in 3.5 bits each, and a scale of 16 bits for 1024.
TEST(Module, TellsHowWeightsAreStored) {
  Code code;
  code.name = "q35";
  code.layout = CodeLayout::Pairs;
  code.bits = 7;
  code.weights = 800;
  code.window = {89, -101};
  code.levels.assign(128, 7);
  ModuleSpec spec = ModuleSpec::coded(code);
  ParameterSpec norm; // float32 as they are
  norm.name = "norm";
  norm.offset = 512;
  spec.parameters.push_back(norm);
  spec.weights.resize(512 + 16);
  Fixture f(spec);
  ASSERT_EQ(
      message(moert_module_open_for_inspection(f.path.c_str(), &f.module)),
      "ok");
  moert_module_info_t info = {};
  info.size = sizeof(info);
  ASSERT_EQ(message(moert_module_info(f.module, &info)), "ok");
  EXPECT_EQ(info.coded_weights, 1024u);
  EXPECT_EQ(info.coded_bits_per_weight, 4); // a scale takes 64 bytes here

  ASSERT_EQ(moert_module_parameters(f.module), 2);
  moert_parameter_info_t parameter = {};
  parameter.size = sizeof(parameter);
  ASSERT_EQ(message(moert_module_parameter(f.module, 0, &parameter)), "ok");
  EXPECT_STREQ(parameter.name, "weight");
  EXPECT_STREQ(parameter.kind, "tensor");
  EXPECT_STREQ(parameter.scheme, "q35");
  EXPECT_STREQ(parameter.element, "bf16");
  EXPECT_EQ(parameter.layer, -1);
  EXPECT_EQ(parameter.weights, 1024u);
  EXPECT_EQ(parameter.bytes, 512u);
  EXPECT_EQ(parameter.bits_per_weight, 4);
  ASSERT_EQ(message(moert_module_parameter(f.module, 1, &parameter)), "ok");
  EXPECT_STREQ(parameter.scheme, "none");
  EXPECT_STREQ(parameter.element, "f32");
  EXPECT_EQ(parameter.bits_per_weight, 32);
  EXPECT_EQ(message(moert_module_parameter(f.module, 2, &parameter)),
            f.error("parameter 2 requested, the module has 2"));
  EXPECT_EQ(message(moert_module_parameter(f.module, -1, &parameter)),
            f.error("parameter -1 requested, the module has 2"));

  char *text = nullptr;
  ASSERT_EQ(message(moert_module_describe(f.module, &text)), "ok");
  Json json = Json::parse(text);
  moert_free(text);
  EXPECT_EQ(json["codes"][0]["window"], Json({89, -101}));
  EXPECT_EQ(json["parameters"][0]["matrices"][0]["scheme"], "q35");
  ASSERT_EQ(json["storage"].size(), 2u);
  EXPECT_EQ(json["storage"][0]["scheme"], "q35");
  EXPECT_EQ(json["storage"][0]["bits_per_weight"], 4);
  EXPECT_EQ(json["storage"][1]["element"], "f32");
  EXPECT_EQ(json["storage"][1]["weights"], 4);
}

TEST(Module, DamagedWeights) {
  Fixture f;
  Image image(f.path);
  uint64_t offset = image.section(MOERT_SECTION_WEIGHTS)->offset;
  std::fstream file(f.path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset) << '!';
  file.close();
  EXPECT_THAT(f.open(), StartsWith(f.error("WEIGHTS is damaged: parameter bias "
                                           "has checksum ")));
  moert_module_options_t options;
  moert_module_options_init(&options);
  options.skip_weight_checksums = 1;
  EXPECT_EQ(message(moert_module_open(f.path.c_str(), &options, &f.module)),
            "ok");
}

TEST(Module, ForAnotherProcessor) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.features = {"sse2", "avx1024", "sse3", "xop", "warp-drive"};
  Fixture f(spec);
  // No processor has both AVX-512 and XOP; machines with XOP are history.
  EXPECT_EQ(f.open(),
            f.error("needs processor features that this machine lacks: "
                    "avx1024 (unknown to this runtime), xop, warp-drive "
                    "(unknown to this runtime)"));
  EXPECT_EQ(f.module, nullptr);
  // One may still look into it, but not run it.
  ASSERT_EQ(
      message(moert_module_open_for_inspection(f.path.c_str(), &f.module)),
      "ok");
  EXPECT_THAT(f.create(), HasSubstr("this machine lacks: avx1024"));
}

TEST(Module, ForAnotherArchitecture) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.triple = "riscv64-unknown-linux-gnu";
  Fixture f(spec);
  EXPECT_THAT(f.open(),
              StartsWith(f.error("is compiled for riscv64, this machine is ")));
}

TEST(Module, ForAnUnknownDriver) {
  ModuleSpec spec;
  spec.driver = "abacus";
  Fixture f(spec);
  EXPECT_THAT(f.open(),
              StartsWith(f.error("needs the driver abacus, this runtime has "
                                 "cpu, cuda, gpu-emulator, lpu, null")));
}

TEST(Module, WithoutTokenizer) {
  Fixture f;
  ASSERT_EQ(f.open(), "ok");
  const moert_tokenizer_t *tokenizer = nullptr;
  moert_status_t status = moert_module_tokenizer(f.module, &tokenizer);
  EXPECT_EQ(moert_status_code(status), MOERT_NOT_FOUND);
  EXPECT_EQ(message(status), f.error("has no tokenizer"));
}

TEST(Module, WithABrokenTokenizer) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.more = {{MOERT_SECTION_TOKENIZER, 0, {'{', '}'}}};
  Fixture f(spec);
  ASSERT_EQ(f.open(), "ok");
  const moert_tokenizer_t *tokenizer = nullptr;
  EXPECT_THAT(message(moert_module_tokenizer(f.module, &tokenizer)),
              StartsWith(f.path));
  EXPECT_EQ(tokenizer, nullptr);
}

//===----------------------------------------------------------------------===//
// Creating sessions
//===----------------------------------------------------------------------===//

TEST(Session, DefaultsComeFromTheModule) {
  Fixture f;
  ASSERT_EQ(f.create(), "ok");
  EXPECT_GE(moert_session_threads(f.session), 1);
  moert_session_stats_t stats = f.stats();
  EXPECT_EQ(stats.kv_bytes, 1u * 2 * 1 * 16 * 1 * 4);
  // No more rows than positions: 16, not 512.
  EXPECT_EQ(stats.workspace_bytes, 64u + 16 * 64);
  EXPECT_EQ(stats.weight_bytes, 16u);
}

TEST(Session, OptionsOutOfRange) {
  Fixture f;
  auto with = [&](auto member, auto value) {
    moert_session_options_init(&f.options);
    f.options.*member = value;
    return f.create();
  };
  using Options = moert_session_options_t;
  EXPECT_EQ(with(&Options::context, 17),
            f.error("context of 17 requested, the model has 16"));
  EXPECT_EQ(with(&Options::context, -1),
            f.error("context of -1 requested, the model has 16"));
  EXPECT_THAT(with(&Options::sequences, 0),
              StartsWith(f.error("0 sequences requested, must be between 1")));
  EXPECT_THAT(with(&Options::batch_rows, 0),
              StartsWith(f.error("batches of 0 rows requested")));
  EXPECT_EQ(with(&Options::batch_rows, (1 << 20) + 1),
            f.error("batches of 1048577 rows requested, must be between 1 and "
                    "1048576"));
  EXPECT_EQ(with(&Options::threads, -1),
            "-1 threads requested, must be between 0 and 4096");
  EXPECT_THAT(with(&Options::driver, "abacus"),
              HasSubstr("needs the driver abacus"));
  EXPECT_THAT(with(&Options::size, 3), HasSubstr("session options has size 3"));
}

/// Code may hold fewer positions than the model was made for.
TEST(Session, ContextOfTheCode) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.codeContext = 12;
  Fixture f(spec);
  ASSERT_EQ(f.open(), "ok");
  moert_module_info_t info = {};
  info.size = sizeof(info);
  ASSERT_EQ(message(moert_module_info(f.module, &info)), "ok");
  EXPECT_EQ(info.context, 12);
  f.options.context = 13;
  EXPECT_EQ(f.create(), f.error("context of 13 requested, the code has 12"));
  f.options.context = 0;
  ASSERT_EQ(f.create(), "ok");
  // No more rows than positions.
  EXPECT_EQ(moert_session_batch_rows(f.session), 12);
  EXPECT_EQ(f.forward({{1, 0, 0}}), "ok");
  EXPECT_THAT(f.forward({{1, 0, 12}}), HasSubstr("12"));
}

/// Rows times experts per token must fit 32 bits.
TEST(Session, BatchRowsOfManyExperts) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.experts = spec.expertsPerToken = 4096;
  Fixture f(spec);
  f.options.batch_rows = 1 << 19;
  EXPECT_EQ(f.create(), f.error("batches of 524288 rows requested, must be "
                                "between 1 and 524287"));
  f.options.batch_rows -= 1;
  EXPECT_EQ(f.create(), "ok");
}

/// The size of a single state does not fit either.
TEST(Session, StateBeyondAllMemory) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.context = 1 << 30;
  spec.kvHeads = spec.kvLayers = 1 << 20;
  EXPECT_THAT(Fixture(spec).create(), HasSubstr("do not fit 64 bits"));
}

TEST(Session, MoreMemoryThanThereIs) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.context = 1 << 30;
  spec.kvLayers = spec.kvHeads = 1000;
  Fixture f(spec);
  std::string text = f.create();
  EXPECT_THAT(text, StartsWith(f.error(
                        "key/value states of 1 sequences and 1073741824 "
                        "positions: 8589934592000000 bytes of memory are "
                        "needed, ")));
  EXPECT_THAT(text, HasSubstr(" are available"));
  f.options.sequences = 1 << 30;
  EXPECT_THAT(f.create(), HasSubstr("do not fit 64 bits"));
}

TEST(Session, CodeThatIsNoCode) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.code.assign(1000, 'x');
  EXPECT_THAT(Fixture(spec).create(), HasSubstr("code is not an ELF file"));
  spec = ModuleSpec::cpu();
  spec.code.resize(100);
  EXPECT_THAT(Fixture(spec).create(),
              HasSubstr("program headers at 64, but 100 bytes"));
  spec = ModuleSpec::cpu();
  spec.code[18] = '\xf3'; // machine: RISC-V
  spec.code[19] = 0;
  EXPECT_THAT(Fixture(spec).create(), HasSubstr("code is for ELF machine 243"));
  EXPECT_THAT(Fixture(ModuleSpec::cpu("nowhere")).create(),
              HasSubstr("code has no symbol nowhere"));
}

TEST(Session, NullDriverRunsNothing) {
  Fixture f{ModuleSpec()};
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.forward({{0, 0, 0}}),
            f.error("the null driver executes nothing"));
}

TEST(Session, FailureOfTheCode) {
  Fixture f(ModuleSpec::cpu("conformance_fail"));
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.forward({{0, 0, 0}}), f.error("forward returned 8"));
  EXPECT_EQ(f.stats().rows, 0);
}

//===----------------------------------------------------------------------===//
// Running batches
//===----------------------------------------------------------------------===//

TEST(Session, OneByOneAndTogether) {
  Fixture f;
  f.options.sequences = 2;
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.forward({{3, 0, 0}, {1, 1, 0}, {2, 0, 1}}), "ok");
  EXPECT_EQ(f.row(0), logitsOf(3.5));
  EXPECT_EQ(f.row(1), logitsOf(1.5));
  EXPECT_EQ(f.row(2), logitsOf(6));
  ASSERT_EQ(f.forward({{1, 0, 2}}), "ok");
  EXPECT_EQ(f.row(0), logitsOf(7.5));
  ASSERT_EQ(f.forward({{3, 1, 1}}, {}), "ok");
  EXPECT_THAT(f.logits, IsEmpty());
  ASSERT_EQ(f.forward({{0, 1, 2}}), "ok");
  EXPECT_EQ(f.row(0), logitsOf(5.5));
  EXPECT_EQ(f.stats().rows, 6);
  EXPECT_EQ(f.stats().forward_calls, 4);
}

/// Pieces of two rows; the wanted rows must find their places.
TEST(Session, SplitsLongBatches) {
  for (int64_t rows : {1, 2, 3, 5, 100}) {
    Fixture f;
    f.options.batch_rows = rows;
    ASSERT_EQ(f.create(), "ok");
    ASSERT_EQ(f.forward({{1, 0, 0}, {1, 0, 1}, {1, 0, 2}, {1, 0, 3}, {1, 0, 4}},
                        {1, 2, 4}),
              "ok");
    EXPECT_EQ(f.row(0), logitsOf(3));
    EXPECT_EQ(f.row(1), logitsOf(4.5));
    EXPECT_EQ(f.row(2), logitsOf(7.5));
    EXPECT_EQ(f.stats().forward_calls, (5 + rows - 1) / rows);
  }
}

TEST(Session, GoesBack) {
  Fixture f;
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.forward({{1, 0, 0}, {1, 0, 1}, {1, 0, 2}}), "ok");
  ASSERT_EQ(f.forward({{3, 0, 1}}), "ok");
  EXPECT_EQ(f.row(0), logitsOf(5));
  // What came behind belongs to another past.
  EXPECT_EQ(f.forward({{1, 0, 3}}),
            f.error("position 3 of sequence 0 in row 0, but 2 positions are "
                    "computed"));
}

TEST(Session, NothingToDo) {
  Fixture f;
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.forward({}), "ok");
  EXPECT_EQ(f.stats().forward_calls, 0);
}

TEST(Session, RefusesWhatIsOutOfRange) {
  Fixture f;
  f.options.sequences = 2;
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.forward({{4, 0, 0}}),
            f.error("token 4 in row 0, the vocabulary has 4"));
  EXPECT_EQ(f.forward({{-1, 0, 0}}),
            f.error("token -1 in row 0, the vocabulary has 4"));
  EXPECT_EQ(f.forward({{0, 2, 0}}),
            f.error("sequence 2 in row 0, the session has 2"));
  EXPECT_EQ(f.forward({{0, -1, 0}}),
            f.error("sequence -1 in row 0, the session has 2"));
  EXPECT_EQ(f.forward({{0, 0, -1}}),
            f.error("position -1 in row 0, must be at least 0"));
  EXPECT_EQ(f.forward({{0, 0, 1}}),
            f.error("position 1 of sequence 0 in row 0, but 0 positions are "
                    "computed"));
  EXPECT_EQ(f.forward({{0, 0, 0}, {0, 1, 0}, {0, 0, 0}}),
            f.error("position 0 of sequence 0 in row 2, must be 1"));
  EXPECT_EQ(f.forward({{0, 0, 0}}, {1}),
            f.error("logits of row 1 wanted, the batch has 1"));
  EXPECT_EQ(f.forward({{0, 0, 0}, {0, 0, 1}}, {1, 1}),
            f.error("wanted row 1 after 1, must be in ascending order"));
  EXPECT_EQ(f.stats().rows, 0);
}

TEST(Session, PromptLongerThanTheContext) {
  Fixture f;
  f.options.context = 8;
  ASSERT_EQ(f.create(), "ok");
  std::vector<std::array<int32_t, 3>> rows;
  for (int32_t i = 0; i < 12; ++i)
    rows.push_back({0, 0, i});
  EXPECT_EQ(f.forward(rows), f.error("sequence 0 has 12 tokens, context is 8"));
}

TEST(Session, RefusesBatchesThatDoNotFit) {
  Fixture f;
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.forward({{0, 0, 0}, {0, 0, 1}}), "ok");
  auto run = [&] {
    return message(moert_session_forward(f.session, &f.batch));
  };
  f.batch.wanted_rows = 3;
  EXPECT_EQ(run(), f.error("batch wants logits of 3 rows, has 2"));
  f.batch.wanted_rows = 1;
  EXPECT_EQ(run(), f.error("batch wants logits of 1 of 2 rows, but does not "
                           "say of which"));
  f.batch.wanted_rows = 2;
  f.batch.logits = nullptr;
  EXPECT_THAT(run(), HasSubstr("has no room for them"));
  f.batch.tokens = nullptr;
  EXPECT_THAT(run(), HasSubstr("no tokens, sequences or positions"));
  f.batch.rows = -1;
  EXPECT_EQ(run(), f.error("batch has -1 rows, must have at least 0"));
  EXPECT_EQ(message(moert_session_forward(f.session, nullptr)),
            "moert_session_forward: batch is null");
}

//===----------------------------------------------------------------------===//
// Rope tables and traces
//===----------------------------------------------------------------------===//

TEST(RopeTable, LayoutAndPrecision) {
  const double frequencies[] = {1, 0.25, 1e-4};
  constexpr int64_t capacity = 100001;
  std::vector<float> table(capacity * 6);
  fillRopeTable(frequencies, 1.5, capacity, table.data());
  for (int64_t position : {int64_t(0), int64_t(1), capacity - 1})
    for (int i = 0; i < 3; ++i) {
      double angle = position * frequencies[i];
      EXPECT_EQ(table[position * 6 + i], float(std::cos(angle) * 1.5));
      EXPECT_EQ(table[position * 6 + 3 + i], float(std::sin(angle) * 1.5));
    }
}

TEST(Trace, IsChromeJson) {
  Fixture f;
  f.options.batch_rows = 2;
  ASSERT_EQ(f.create(), "ok");
  std::string path = f.folder.path("trace.json");
  EXPECT_EQ(message(moert_session_trace_write(f.session, path.c_str())),
            path + ": no trace was started");
  ASSERT_EQ(message(moert_session_trace_start(f.session)), "ok");
  ASSERT_EQ(f.forward({{1, 0, 0}, {1, 0, 1}, {1, 0, 2}}), "ok");
  ASSERT_EQ(message(moert_session_trace_write(f.session, path.c_str())), "ok");

  Json json = Json::parse(std::ifstream(path));
  EXPECT_EQ(json["otherData"]["dropped_events"], 0);
  std::vector<std::string> names, spans;
  double end = 0;
  for (const Json &event : json["traceEvents"]) {
    names.push_back(event["name"]);
    if (event["ph"] == "M")
      continue;
    EXPECT_EQ(event["ph"], "X");
    EXPECT_GE(event["ts"].get<double>(), 0);
    EXPECT_GE(event["dur"].get<double>(), 0);
    if (event["name"] != "forward") {
      EXPECT_GE(event["ts"].get<double>(), end - 0.002);
      end = event["ts"].get<double>() + event["dur"].get<double>();
    } else {
      spans.push_back(event["args"]["rows"].dump());
    }
  }
  EXPECT_THAT(names,
              ElementsAre("process_name", "thread_name", "store", "logits",
                          "forward", "store", "logits", "forward"));
  EXPECT_THAT(spans, ElementsAre("2", "1"));
  // A link stays one; the file behind it is written.
  std::string link = f.folder.path("link"), behind = f.folder.path("behind");
  ASSERT_EQ(::symlink("behind", link.c_str()), 0);
  for (int i = 0; i < 2; ++i) { // without a file there, and with one
    ASSERT_EQ(message(moert_session_trace_write(f.session, link.c_str())),
              "ok");
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_TRUE(std::filesystem::is_regular_file(behind));
  }
  std::string nowhere = f.folder.path("no/trace.json");
  EXPECT_EQ(message(moert_session_trace_write(f.session, nowhere.c_str())),
            nowhere + ": cannot write: no such file or directory");
}

} // namespace
