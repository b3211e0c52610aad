//===- OffloadTest.cpp - sessions whose experts come and go ---------------===//
#include "SessionFixture.h"

#include "moert/abi/routing.h"
#include "session/Trace.h"
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <set>
#include <unistd.h>

using namespace moert;
using namespace moert::test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

namespace {

constexpr uint64_t expertBytes = 12288;

/// What the conformance code computes of a row.
std::vector<float> logitsOfRow(int32_t token, int32_t position) {
  float sum = 0;
  for (int layer = 0; layer < 2; ++layer) {
    int first = (token + layer) % 4;
    for (int expert : {first, (first + 1 + position % 3) % 4})
      sum += 3 * float(layer * 4 + expert + 1);
  }
  return logitsOf(sum);
}

/// A module of 8 experts, of which a budget holds some.
class Offloaded : public Fixture {
public:
  explicit Offloaded(int64_t experts = 2,
                     const ModuleSpec &spec = ModuleSpec::offloaded())
      : Fixture(spec) {
    options.memory_budget = experts * int64_t(expertBytes);
  }
  /// Runs tokens [begin, end) of a text that wants all experts, one by one.
  std::string decode(int32_t begin, int32_t end) {
    for (int32_t p = begin; p < end; ++p) {
      int32_t token = p * p % 4;
      std::string said = forward({{token, 0, p}});
      if (said != "ok")
        return said;
      EXPECT_EQ(row(0), logitsOfRow(token, p)) << "position " << p;
    }
    return "ok";
  }
  void truncateFile(uint64_t size) {
    ASSERT_EQ(::truncate(path.c_str(), off_t(size)), 0);
  }
};

ModuleSpec guessing() {
  ModuleSpec spec = ModuleSpec::offloaded();
  spec.schedule->predictor = "conformance";
  spec.schedule->ahead = 1;
  spec.schedule->guesses = 2;
  spec.schedule->guessedLayers = {1};
  return spec;
}

//===-- What is computed --------------------------------------------------===//

TEST(Offload, ComputesTheSameUnderEveryBudget) {
  for (int64_t experts : {2, 3, 5, 8, 100})
    for (const char *policy : {"lru", "lfu", "arc", "priority"})
      for (int32_t prefetch :
           {MOERT_PREFETCH_AUTO, MOERT_PREFETCH_ON, MOERT_PREFETCH_OFF}) {
        Offloaded f(experts, guessing());
        f.options.cache_policy = policy;
        f.options.prefetch = prefetch;
        ASSERT_EQ(f.create(), "ok");
        EXPECT_EQ(f.decode(0, 16), "ok");
        moert_session_stats_t stats = f.stats();
        EXPECT_EQ(stats.expert_capacity, std::min<int64_t>(experts, 8));
        EXPECT_EQ(stats.expert_bytes, stats.expert_capacity * expertBytes);
        EXPECT_EQ(stats.expert_hits + stats.expert_misses, 16 * 2 * 2);
        EXPECT_EQ(stats.weight_bytes, 64 + stats.expert_bytes);
        EXPECT_GE(stats.bytes_read, 8 * expertBytes);
        if (experts >= 8)
          EXPECT_EQ(stats.bytes_read, 8 * expertBytes);
        if (prefetch == MOERT_PREFETCH_OFF)
          EXPECT_EQ(stats.prefetch_useful + stats.prefetch_wasted, 0);
      }
}

/// A batch that wants all experts of a layer under a budget of two.
TEST(Offload, Batches) {
  for (int64_t experts : {2, 3, 8}) {
    Offloaded f(experts);
    ASSERT_EQ(f.create(), "ok");
    ASSERT_EQ(f.forward({{0, 0, 0}, {1, 0, 1}, {2, 0, 2}, {3, 0, 3}}), "ok");
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(f.row(i), logitsOfRow(i, i));
    // Each is read once, however many rows want it.
    EXPECT_EQ(f.stats().expert_misses, 8);
    EXPECT_EQ(f.stats().bytes_read, 8 * expertBytes);
  }
}

//===-- Tokens that leave early -------------------------------------------===//

/// Tokens 3 leave behind the first of two layers.
ModuleSpec leaving() {
  ModuleSpec spec = guessing();
  spec.entry = "conformance_leaving";
  spec.workspacePerRow = 132;
  spec.exits.emplace();
  spec.exits->places = {{1, 0.75}};
  return spec;
}

std::vector<float> logitsOfLeaving(int32_t token, int32_t position) {
  int first = token % 4, second = (first + 1 + position % 3) % 4;
  return token == 3 ? logitsOf(3 * float(first + second + 2))
                    : logitsOfRow(token, position);
}

/// No expert of a layer is wanted by rows that left, and no forward waits for
/// one, whatever was guessed.
TEST(Offload, RowsThatLeftWantNothing) {
  for (int64_t experts : {2, 3, 8})
    for (int32_t prefetch : {MOERT_PREFETCH_ON, MOERT_PREFETCH_OFF}) {
      Offloaded f(experts, leaving());
      f.options.prefetch = prefetch;
      ASSERT_EQ(f.create(), "ok");
      ASSERT_EQ(message(moert_session_trace_start(f.session)), "ok");
      for (int32_t p = 0; p < 12; ++p) {
        const int32_t token = p % 3 == 0 ? 1 : 3;
        ASSERT_EQ(f.forward({{token, 0, p}}), "ok");
        EXPECT_EQ(f.row(0), logitsOfLeaving(token, p)) << p;
      }
      moert_session_stats_t stats = f.stats();
      EXPECT_EQ(stats.expert_hits + stats.expert_misses, 12 * 2 + 4 * 2);
      EXPECT_EQ(stats.exit_layers, 12 + 4);
      ASSERT_EQ(f.forward({{3, 0, 12}, {2, 0, 13}, {3, 0, 14}, {0, 0, 15}}),
                "ok");
      for (int32_t i = 0; i < 4; ++i)
        EXPECT_EQ(f.row(i),
                  logitsOfLeaving(std::array{3, 2, 3, 0}[size_t(i)], 12 + i));
      // Reads and waits end, in the order of time.
      const std::string path = f.folder.path("trace.json");
      ASSERT_EQ(message(moert_session_trace_write(f.session, path.c_str())),
                "ok");
      std::ifstream file(path);
      Json events = Json::parse(file)["traceEvents"];
      EXPECT_GT(events.size(), 30u);
      for (const Json &event : events)
        if (event["ph"] == "X")
          EXPECT_GE(event["dur"].get<double>(), 0) << event;
    }
}

TEST(Offload, InMemoryNothingIsCounted) {
  for (int64_t budget : {MOERT_BUDGET_AUTO, MOERT_BUDGET_ALL}) {
    Offloaded f;
    f.options.memory_budget = budget;
    ASSERT_EQ(f.create(), "ok");
    EXPECT_EQ(f.decode(0, 4), "ok");
    EXPECT_EQ(f.stats().expert_capacity, 0);
    EXPECT_EQ(f.stats().bytes_read, 0u);
    EXPECT_STREQ(f.stats().expert_reader, "");
  }
}

/// Half of each layer, or what a partition of the module says.
TEST(Offload, PartitionsAreScaled) {
  ModuleSpec spec = ModuleSpec::offloaded();
  spec.schedule->partition = {1, 3};
  Offloaded f(6, spec); // 2 and 4
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.decode(0, 16), "ok");
  EXPECT_STRNE(f.stats().expert_reader, "");
}

//===-- What is refused ---------------------------------------------------===//

TEST(Offload, RefusesOptions) {
  auto with = [](auto member, auto value) {
    Offloaded f;
    f.options.*member = value;
    std::string said = f.create();
    return said.substr(std::min(said.size(), f.path.size() + 2));
  };
  using Options = moert_session_options_t;
  EXPECT_EQ(with(&Options::memory_budget, 24575),
            "memory budget of 24575 bytes holds 1 experts, a token of a layer "
            "needs 2: at least 24576 bytes");
  EXPECT_EQ(with(&Options::memory_budget, -7),
            "memory budget of -7 bytes, must be at least -1");
  EXPECT_THAT(with(&Options::cache_policy, "random"),
              AllOf(StartsWith("cache policy 'random' is unknown, this runtime "
                               "has arc, belady, "),
                    HasSubstr("lru")));
  EXPECT_EQ(with(&Options::cache_policy, "belady"),
            "cache policy belady needs a routing trace: belady:FILE");
  EXPECT_EQ(with(&Options::cache_policy, "lru:x"),
            "cache policy lru takes no file, got 'x'");
  EXPECT_EQ(with(&Options::prefetch, 3),
            "prefetch is 3, must be between 0 and 2");
  EXPECT_EQ(with(&Options::read_timeout, 0.0),
            "read timeout of 0 seconds, must be above 0");
}

TEST(Offload, WithoutAScheduleThereIsNothingToFetch) {
  ModuleSpec spec = ModuleSpec::offloaded();
  spec.schedule.reset();
  Offloaded f(2, spec);
  EXPECT_EQ(f.create(), f.error("memory budget of 24576 bytes for 0 experts "
                                "that can be fetched"));
  f.options.memory_budget = MOERT_BUDGET_AUTO;
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.decode(0, 4), "ok");
  EXPECT_EQ(message(moert_session_routing_start(f.session,
                                                f.folder.path("r").c_str())),
            f.error("has no routers to record"));
}

TEST(Offload, InfoSaysWhatCanBeFetched) {
  Offloaded f(2, guessing());
  ASSERT_EQ(f.open(), "ok");
  moert_module_info_t info = {};
  info.size = sizeof(info);
  ASSERT_EQ(message(moert_module_info(f.module, &info)), "ok");
  EXPECT_EQ(info.fetched_experts, 8);
  EXPECT_EQ(info.fetched_expert_bytes, expertBytes);
  EXPECT_STREQ(info.cache_policy, "lru");
  EXPECT_STREQ(info.predictor, "conformance");
}

//===-- Files that change -------------------------------------------------===//

/// The name goes to another file: who runs does not notice.
TEST(Offload, FileIsDeletedOrReplaced) {
  Offloaded f;
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.decode(0, 4), "ok");
  std::filesystem::remove(f.path);
  EXPECT_EQ(f.decode(4, 8), "ok");
  std::ofstream(f.path) << "something else";
  EXPECT_EQ(f.decode(8, 16), "ok");
}

/// Also between opening and the start of a session.
TEST(Offload, FileIsReplacedEarly) {
  Offloaded f;
  ASSERT_EQ(f.open(), "ok");
  std::filesystem::remove(f.path);
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(f.decode(0, 4), "ok");
}

TEST(Offload, FileIsTruncated) {
  // To nothing; in the middle of the experts; and of the last one.
  for (int cut = 0; cut < 3; ++cut) {
    Offloaded f;
    const uint64_t whole = std::filesystem::file_size(f.path);
    ASSERT_EQ(f.create(), "ok");
    EXPECT_EQ(f.decode(0, 8), "ok");
    f.truncateFile(cut == 0 ? 0 : whole - (cut == 1 ? 5 : 1) * expertBytes + 1);
    std::string said = f.decode(8, 16);
    EXPECT_THAT(said, StartsWith(f.path + ": layer "));
    EXPECT_THAT(said, HasSubstr("expert "));
    // A session that lost an expert stays lost, also if the file comes back.
    EXPECT_EQ(f.forward({{0, 0, 0}}), said);
    EXPECT_EQ(std::vector<float>(f.logits.begin(), f.logits.end()).size(), 4u);
    // What only reads metadata goes on.
    char *text = nullptr;
    EXPECT_EQ(message(moert_module_describe(f.module, &text)), "ok");
    moert_free(text);
    EXPECT_EQ(moert_module_is_eos(f.module, 2), 1);
  }
}

/// Weights that are no experts are read at the start.
TEST(Offload, FileIsTruncatedBeforeTheSession) {
  Offloaded f;
  ASSERT_EQ(f.open(), "ok");
  f.truncateFile(4096);
  EXPECT_THAT(f.create(), HasSubstr(": has 4096 bytes, a weight ends at "));
}

//===-- Checksums ---------------------------------------------------------===//

/// The offset in the file of an expert's byte.
void damage(const Offloaded &f, int key) {
  Image image(f.path);
  std::fstream file(f.path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(std::streamoff(image.section(MOERT_SECTION_WEIGHTS)->offset +
                            4096 + key * expertBytes + 100));
  file << '!';
}

/// Opening reads no expert: a budget is for modules larger than memory.
TEST(Offload, DamagedExpertIsFoundWhenItArrives) {
  Offloaded f;
  damage(f, 5);
  ASSERT_EQ(f.create(), "ok");
  // Token 0 at position 0 wants 0, 1, then 1, 2 of layer 1, which is key 5.
  EXPECT_THAT(f.forward({{0, 0, 0}}),
              StartsWith(f.error("layer 1, expert 1: ")));
}

TEST(Offload, DamagedExpertIsFoundAtTheStartInMemory) {
  Offloaded f;
  damage(f, 5);
  f.options.memory_budget = MOERT_BUDGET_ALL;
  EXPECT_THAT(f.create(), StartsWith(f.error("WEIGHTS is damaged: parameter "
                                             "gate.5 has checksum ")));
}

TEST(Offload, UncheckedExpertsAreTrusted) {
  for (int64_t budget : {int64_t(2 * expertBytes), MOERT_BUDGET_ALL}) {
    Offloaded f;
    damage(f, 5);
    f.options.memory_budget = budget;
    moert_module_options_t options;
    moert_module_options_init(&options);
    options.skip_weight_checksums = 1;
    ASSERT_EQ(message(moert_module_open(f.path.c_str(), &options, &f.module)),
              "ok");
    ASSERT_EQ(f.create(), "ok");
    EXPECT_EQ(f.forward({{0, 0, 0}}), "ok");
  }
}

//===-- Recording ---------------------------------------------------------===//

/// A trace that the conformance code makes, as numbers.
struct Record {
  moert_routing_row_t row;
  struct {
    float logits[4];
    int32_t chosen[2];
    float weights[2];
  } layers[2];
};

std::vector<Record> readTrace(const std::string &path,
                              moert_routing_header_t *header) {
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char *>(header), sizeof(*header));
  EXPECT_EQ(header->record_bytes, sizeof(Record));
  int32_t layers[2] = {-1, -1};
  file.read(reinterpret_cast<char *>(layers), sizeof(layers));
  EXPECT_THAT(layers, ElementsAre(0, 1));
  std::vector<Record> records(header->records);
  file.read(reinterpret_cast<char *>(records.data()),
            std::streamsize(records.size() * sizeof(Record)));
  EXPECT_TRUE(file);
  EXPECT_EQ(file.peek(), EOF);
  return records;
}

TEST(Recording, NotesEachRow) {
  for (int64_t budget : {int64_t(2 * expertBytes), MOERT_BUDGET_AUTO}) {
    Offloaded f;
    f.options.memory_budget = budget;
    f.options.batch_rows = 2;
    f.options.sequences = 2;
    ASSERT_EQ(f.create(), "ok");
    std::string path = f.folder.path("routing");
    EXPECT_EQ(message(moert_session_routing_write(f.session)),
              f.error("no recording of routing was started"));
    ASSERT_EQ(message(moert_session_routing_start(f.session, path.c_str())),
              "ok");
    ASSERT_EQ(f.forward({{3, 1, 0}, {2, 1, 1}, {1, 1, 2}}), "ok");
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_EQ(message(moert_session_routing_write(f.session)), "ok");
    ASSERT_EQ(f.forward({{3, 0, 0}}), "ok"); // not noted any more

    moert_routing_header_t header;
    std::vector<Record> records = readTrace(path, &header);
    ASSERT_EQ(records.size(), 3u);
    EXPECT_STREQ(header.model_name, "test");
    EXPECT_STREQ(header.predictor, "");
    EXPECT_EQ(header.guesses, 0u);
    for (int i = 0; i < 3; ++i) {
      const Record &record = records[size_t(i)];
      EXPECT_EQ(record.row.token, 3 - i);
      EXPECT_EQ(record.row.sequence, 1);
      EXPECT_EQ(record.row.position, i);
      EXPECT_EQ(record.row.forward, i / 2);
      for (int layer = 0; layer < 2; ++layer) {
        int first = (3 - i + layer) % 4, second = (first + 1 + i) % 4;
        EXPECT_THAT(record.layers[layer].chosen, ElementsAre(first, second));
        EXPECT_THAT(record.layers[layer].weights, ElementsAre(0.75f, 0.25f));
        EXPECT_EQ(record.layers[layer].logits[first], 3);
        EXPECT_EQ(record.layers[layer].logits[second], 2);
      }
    }
  }
}

/// Guesses are noted whether or not anyone fetches what is guessed.
TEST(Recording, NotesGuesses) {
  for (bool fetches : {false, true})
    for (int32_t prefetch :
         {MOERT_PREFETCH_AUTO, MOERT_PREFETCH_ON, MOERT_PREFETCH_OFF}) {
      Offloaded f(2, guessing());
      if (!fetches)
        f.options.memory_budget = MOERT_BUDGET_ALL;
      f.options.prefetch = prefetch;
      ASSERT_EQ(f.create(), "ok");
      std::string path = f.folder.path("routing");
      ASSERT_EQ(message(moert_session_routing_start(f.session, path.c_str())),
                "ok");
      // Long enough that guesses are measured against none.
      ASSERT_EQ(f.decode(0, 16), "ok");
      ASSERT_EQ(message(moert_session_routing_write(f.session)), "ok");
      std::ifstream file(path, std::ios::binary);
      moert_routing_header_t header;
      file.read(reinterpret_cast<char *>(&header), sizeof(header));
      EXPECT_EQ(header.guesses, 2u);
      EXPECT_STREQ(header.predictor, "conformance");
      // Row, then logits, chosen, weights, guessed, confidence of both layers.
      constexpr int layerBytes = 4 * 4 + 4 * 2 * 4;
      EXPECT_EQ(header.record_bytes, 16u + 2 * layerBytes);
      int32_t guessed[2][2];
      float confidence[2][2];
      for (int layer = 0; layer < 2; ++layer) {
        file.seekg(sizeof(header) + 8 + 16 + layer * layerBytes + 32);
        file.read(reinterpret_cast<char *>(guessed[layer]), 8);
        file.read(reinterpret_cast<char *>(confidence[layer]), 8);
      }
      EXPECT_THAT(guessed[0], ElementsAre(-1, -1));
      EXPECT_THAT(confidence[0], ElementsAre(0, 0));
      EXPECT_THAT(guessed[1], ElementsAre(1, 2)); // token 0, layer 1
      EXPECT_THAT(confidence[1], ElementsAre(0.875f, 0.125f));
      if (prefetch == MOERT_PREFETCH_OFF)
        EXPECT_EQ(f.stats().prefetch_useful + f.stats().prefetch_wasted, 0);
    }
}

TEST(Recording, CannotBeWritten) {
  Offloaded f;
  ASSERT_EQ(f.create(), "ok");
  std::string nowhere = f.folder.path("no/routing");
  EXPECT_EQ(message(moert_session_routing_start(f.session, nowhere.c_str())),
            nowhere + ": cannot write: no such file or directory");
  EXPECT_EQ(message(moert_session_routing_start(f.session, "/dev/full")),
            "/dev/full: cannot write: is not a regular file");
}

/// An unfinished recording leaves no file.
TEST(Recording, IsDroppedWithTheSession) {
  Offloaded f;
  ASSERT_EQ(f.create(), "ok");
  std::string path = f.folder.path("routing");
  ASSERT_EQ(message(moert_session_routing_start(f.session, path.c_str())),
            "ok");
  ASSERT_EQ(f.decode(0, 2), "ok");
  moert_session_free(f.session);
  f.session = nullptr;
  EXPECT_THAT(f.folder.list(), ElementsAre("m.moe"));
}

//===-- Belady ------------------------------------------------------------===//

/// Records 16 tokens of a session.
std::string recordTrace(Offloaded &f) {
  std::string path = f.folder.path("routing");
  EXPECT_EQ(f.create(), "ok");
  EXPECT_EQ(message(moert_session_routing_start(f.session, path.c_str())),
            "ok");
  EXPECT_EQ(f.decode(0, 16), "ok");
  EXPECT_EQ(message(moert_session_routing_write(f.session)), "ok");
  return path;
}

TEST(Belady, ReadsWhatWasRecorded) {
  for (int64_t experts : {2, 3, 5, 8}) {
    Offloaded lru(experts);
    std::string policy = "belady:" + recordTrace(lru);
    Offloaded belady(experts);
    belady.options.cache_policy = policy.c_str();
    ASSERT_EQ(belady.create(), "ok");
    EXPECT_EQ(belady.decode(0, 16), "ok");
    EXPECT_LE(belady.stats().expert_misses, lru.stats().expert_misses);
    if (experts == 5) // or the trace would not have been followed
      EXPECT_LT(belady.stats().expert_misses, lru.stats().expert_misses);
  }
}

TEST(Belady, RefusesOtherTraces) {
  Offloaded f;
  const std::string path = recordTrace(f);
  const std::string policy = "belady:" + path;
  auto create = [&](const ModuleSpec &spec = ModuleSpec::offloaded()) {
    Offloaded other(2, spec);
    other.options.cache_policy = policy.c_str();
    return other.create();
  };
  EXPECT_EQ(create(), "ok");
  ModuleSpec larger = ModuleSpec::offloaded();
  larger.hidden += 1;
  EXPECT_THAT(create(larger),
              AllOf(StartsWith(path + ": is a trace of the model test with 2 x "
                                      "4 experts, "),
                    HasSubstr("m.moe is test with 2 x 4")));

  std::ifstream file(path, std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(file), {});
  auto write = [&](std::string bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return create();
  };
  EXPECT_EQ(write(whole), "ok");
  EXPECT_EQ(write(""), path + ": is not a routing trace");
  EXPECT_EQ(write(whole.substr(0, 100)), path + ": is not a routing trace");
  EXPECT_EQ(write("X" + whole.substr(1)), path + ": is not a routing trace");
  std::string changed = whole;
  changed[8] = 9;
  EXPECT_EQ(write(changed), path + ": has version 9 of routing traces, this "
                                   "runtime reads 1");
  EXPECT_THAT(write(whole.substr(0, whole.size() - 1)),
              HasSubstr("16 records of 80 behind 160 do not fill them"));
  EXPECT_THAT(write(whole + "x"), HasSubstr("do not fill them"));
  changed = whole;
  changed[16] = 5; // experts
  EXPECT_THAT(write(changed), HasSubstr(": has 2 layers of 5 experts, 2 "
                                        "chosen, in 80 bytes, "));
  changed = whole;
  changed[sizeof(moert_routing_header_t) + 4] = 7; // the second layer
  EXPECT_THAT(write(changed), HasSubstr(": has layer 7 where "));
  changed = whole;
  changed[sizeof(moert_routing_header_t) + 8 + 16 + 16] = 4; // chosen
  EXPECT_THAT(write(changed),
              HasSubstr(": has expert 4 in record 0, the model has 4"));
  std::filesystem::remove(path);
  EXPECT_EQ(create(), path + ": cannot open: no such file or directory");
}

//===-- The timeline ------------------------------------------------------===//

struct Span {
  double begin, end;
  std::string category;
  int track, layer = -1;
  std::set<int> experts;
};

TEST(Timeline, WaitsEndWithReadsAndExpertsInUseStay) {
  Offloaded f(3, guessing());
  f.options.prefetch = MOERT_PREFETCH_ON;
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(message(moert_session_trace_start(f.session)), "ok");
  ASSERT_EQ(f.decode(0, 16), "ok");
  std::string path = f.folder.path("trace.json");
  ASSERT_EQ(message(moert_session_trace_write(f.session, path.c_str())), "ok");

  std::vector<Span> spans;
  Json json = Json::parse(std::ifstream(path));
  for (const Json &event : json["traceEvents"]) {
    if (event["ph"] != "X")
      continue;
    Span span{event["ts"], event["ts"].get<double>() + double(event["dur"]),
              event["cat"], event["tid"]};
    const Json &args = event["args"];
    span.layer = args.value("layer", -1);
    if (args.contains("expert"))
      span.experts = {args["expert"].get<int>()};
    if (args.contains("experts"))
      span.experts = args["experts"].get<std::set<int>>();
    spans.push_back(span);
  }
  auto isRead = [](const Span &span) {
    return span.category == "wanted" || span.category == "guessed";
  };
  int reads = 0, waits = 0, uses = 0;
  for (const Span &span : spans) {
    EXPECT_LE(span.begin, span.end);
    reads += isRead(span);
    if (span.category == "wait") {
      ++waits;
      EXPECT_TRUE(std::any_of(spans.begin(), spans.end(),
                              [&](const Span &s) {
                                return isRead(s) && s.end >= span.begin &&
                                       s.end <= span.end + 0.001;
                              }))
          << "a wait from " << span.begin << " to " << span.end;
    }
    if (span.category != "experts")
      continue;
    ++uses;
    EXPECT_FALSE(span.experts.empty());
    for (const Span &read : spans)
      if (isRead(read) && read.layer == span.layer &&
          span.experts.count(*read.experts.begin()))
        EXPECT_TRUE(read.end <= span.begin + 0.001 ||
                    read.begin >= span.end - 0.001)
            << "layer " << span.layer << " is read while in use";
  }
  EXPECT_GE(reads, 8);
  EXPECT_GE(waits, 1);
  EXPECT_GE(uses, 32);
  // Tracks do not hold overlapping reads.
  for (const Span &a : spans)
    for (const Span &b : spans)
      if (&a != &b && isRead(a) && isRead(b) && a.track == b.track)
        EXPECT_TRUE(a.end <= b.begin + 0.001 || b.end <= a.begin + 0.001);
}

/// A guess that is given up half read is a read until then; its track is free.
TEST(Timeline, DroppedGuessesEnd) {
  Trace trace;
  auto start = std::chrono::steady_clock::now().time_since_epoch();
  const int64_t at = std::chrono::nanoseconds(start).count();
  trace.store({StoreEvent::ReadBegin, 5, true, at + 1000});
  trace.store({StoreEvent::Drop, 5, true, at + 3000});
  trace.store({StoreEvent::ReadBegin, 5, false, at + 7000});
  trace.store({StoreEvent::ReadEnd, 5, false, at + 8000});
  TraceNames names;
  names.layers = {0, 2};
  names.experts = 4;
  TempFolder folder;
  std::string path = folder.path("trace.json");
  ASSERT_TRUE(trace.write(path, names).ok());
  std::vector<std::string> reads;
  Json json = Json::parse(std::ifstream(path));
  for (const Json &event : json["traceEvents"])
    if (event["ph"] == "X")
      reads.push_back(event["cat"].get<std::string>() + " " +
                      event["tid"].dump() + " " + event["dur"].dump());
  EXPECT_THAT(reads, ElementsAre("guessed 2 2.0", "wanted 2 1.0"));
}

//===-- Measuring ---------------------------------------------------------===//

TEST(FileReads, AreMeasured) {
  Offloaded f;
  double bandwidth = 0, latency = 0;
  ASSERT_EQ(
      message(moert_measure_file_reads(f.path.c_str(), &bandwidth, &latency)),
      "ok");
  EXPECT_GT(bandwidth, 1e5);
  EXPECT_GT(latency, 0);
  EXPECT_LT(latency, 10);
  uint64_t available = 0, granted = 0;
  ASSERT_EQ(message(moert_measure_memory(&available, &granted)), "ok");
  EXPECT_GT(available, 0u);
  EXPECT_GE(granted, available);
}

TEST(FileReads, NeedExperts) {
  Fixture f;
  double bandwidth = 0, latency = 0;
  EXPECT_EQ(
      message(moert_measure_file_reads(f.path.c_str(), &bandwidth, &latency)),
      f.error("has 0 experts to read, at least 1 is needed"));
}

} // namespace
