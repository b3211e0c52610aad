//===- SessionTest.cpp - sessions on a device that is as late as it may ---===//
#include "CudaTesting.h"

#include "moert/abi/driver.h"

#include <dlfcn.h>
#include <random>

using namespace moert;
using namespace moert::test;

namespace {

/// How many graphs the fake device has launched.
int64_t &graphLaunches() {
  void *library = ::dlopen(FAKE_CUDA_EMULATES, RTLD_NOW | RTLD_LOCAL);
  return *static_cast<int64_t *>(::dlsym(library, "fake_cuda_graph_launches"));
}

using Rows = std::vector<std::array<int32_t, 3>>;

//===-- Graphs ------------------------------------------------------------===//

/// Tokens 0, 1, 2, 0, ... of one sequence, one forward for each.
void decode(int count) {
  Fixture fixture(ModuleSpec::cpu().on("cuda"));
  ASSERT_EQ(fixture.create(), "ok");
  float sum = 0;
  for (int position = 0; position < count; ++position) {
    const int token = position % 3;
    ASSERT_EQ(fixture.forward({{token, 0, position}}), "ok");
    sum += float(token) + 0.5f;
    EXPECT_EQ(fixture.row(0), logitsOf(sum)) << position;
  }
}

TEST(CudaGraphs, StepsOfOneShapeAreLaunchedAsOne) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  const int64_t before = graphLaunches();
  decode(10);
  EXPECT_EQ(graphLaunches() - before, 9);
}

TEST(CudaGraphs, CanBeOff) {
  Environment environment =
      fake(FAKE_CUDA_EMULATES, {{"MOERT_GPU_GRAPHS", "0"}});
  const int64_t before = graphLaunches();
  decode(10);
  EXPECT_EQ(graphLaunches(), before);
}

TEST(CudaGraphs, AreNotNeeded) {
  Environment environment =
      fake(FAKE_CUDA_EMULATES, {{"FAKE_CUDA_CAPTURE", "no"}});
  const int64_t before = graphLaunches();
  decode(10);
  EXPECT_EQ(graphLaunches(), before);
}

TEST(CudaGraphs, ShapesTakeTurns) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  Fixture fixture(ModuleSpec::cpu().on("cuda"));
  fixture.options.sequences = 40;
  ASSERT_EQ(fixture.create(), "ok");
  const int64_t before = graphLaunches();
  // More shapes than graphs are kept, twice.
  for (int round = 0; round < 2; ++round)
    for (int count = 1; count <= 40; ++count) {
      Rows rows;
      for (int sequence = 0; sequence < count; ++sequence)
        rows.push_back({sequence % 4, sequence, 0});
      ASSERT_EQ(fixture.forward(rows), "ok");
      for (int sequence = 0; sequence < count; ++sequence)
        EXPECT_EQ(fixture.row(sequence), logitsOf(float(sequence % 4) + 0.5f));
    }
  EXPECT_EQ(graphLaunches(), before);
}

//===-- Experts -----------------------------------------------------------===//

/// What conformance_experts computes of a row.
float sumOf(int32_t token, int32_t position) {
  float sum = 0;
  for (int layer = 0; layer < 2; ++layer) {
    const int first = (token + layer) % 4;
    for (int expert : {first, (first + 1 + position % 3) % 4})
      sum += 3 * float(layer * 4 + expert + 1);
  }
  return sum;
}

constexpr int64_t expertBytes = 12288;

struct Budget {
  int64_t device, host; ///< experts; 0: as many as there are
  const char *policy;
  int32_t prefetch;
};

/// Forwards of a few rows each, at random; all logits must be right.
moert_session_stats_t runExperts(const Budget &budget, ModuleSpec spec) {
  spec.schedule->predictor = "test";
  Fixture fixture(spec);
  fixture.options.sequences = 6;
  fixture.options.device_memory = budget.device * expertBytes;
  fixture.options.memory_budget =
      budget.host ? budget.host * expertBytes : MOERT_BUDGET_ALL;
  fixture.options.cache_policy = budget.policy;
  fixture.options.prefetch = budget.prefetch;
  EXPECT_EQ(fixture.create(), "ok");
  std::mt19937 random(7);
  for (int position = 0; position < 16; ++position) {
    Rows rows;
    for (int sequence = 0; sequence < 6; ++sequence)
      if (position % 2 == 0 || sequence < 1)
        rows.push_back({int32_t(random() % 4), sequence,
                        sequence < 1 ? position : position / 2});
    EXPECT_EQ(fixture.forward(rows), "ok");
    for (size_t i = 0; i < rows.size(); ++i)
      EXPECT_EQ(fixture.row(int(i)), logitsOf(sumOf(rows[i][0], rows[i][2])))
          << "position " << position << ", row " << i;
  }
  return fixture.stats();
}

TEST(CudaExperts, AllAreThere) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  moert_session_stats_t stats =
      runExperts({0, 0, nullptr, 0}, ModuleSpec::offloaded().on("cuda"));
  EXPECT_EQ(stats.device_expert_capacity, 0);
  EXPECT_GE(stats.device_weight_bytes, 8u * expertBytes);
}

void runWithFewSlots() {
  for (const char *policy : {"lru", "lfu", "arc", "lrfu", "priority"})
    for (int32_t prefetch : {MOERT_PREFETCH_ON, MOERT_PREFETCH_OFF})
      for (int64_t slots = 2; slots < 8; ++slots) {
        SCOPED_TRACE(std::string(policy) + ", " + std::to_string(slots) +
                     " slots, prefetch " + std::to_string(prefetch));
        moert_session_stats_t stats = runExperts(
            {slots, 0, policy, prefetch}, ModuleSpec::offloaded().on("cuda"));
        EXPECT_EQ(stats.device_expert_capacity, slots);
        EXPECT_GT(stats.device_expert_hits, slots > 2 ? 0 : -1);
        EXPECT_GT(stats.device_expert_misses, 0);
        EXPECT_EQ(stats.device_weight_bytes,
                  256u + uint64_t(slots) * expertBytes);
        if (prefetch == MOERT_PREFETCH_OFF) {
          EXPECT_EQ(stats.device_expert_bytes,
                    uint64_t(stats.device_expert_misses) * expertBytes);
          EXPECT_EQ(stats.device_prefetch_useful, 0);
        }
      }
}

TEST(CudaExperts, ComeAndGoLate) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  runWithFewSlots();
}

/// Copies are done before anything is computed that does not have to be.
TEST(CudaExperts, ComeAndGoEarly) {
  Environment environment =
      fake(FAKE_CUDA_EMULATES, {{"FAKE_CUDA_HURRY", "1"}});
  runWithFewSlots();
}

TEST(CudaExperts, GuessesComeBeforeTheyAreWanted) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  moert_session_stats_t stats = runExperts({6, 0, "lru", MOERT_PREFETCH_ON},
                                           ModuleSpec::offloaded().on("cuda"));
  EXPECT_GT(stats.device_prefetch_useful, 0);
}

TEST(CudaExperts, ArriveOnTheHostFirst) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  for (int64_t host = 2; host < 8; host += 2)
    for (int64_t slots : {int64_t(2), int64_t(5), int64_t(0)}) {
      SCOPED_TRACE(std::to_string(slots) + " slots, " + std::to_string(host) +
                   " on the host");
      moert_session_stats_t stats =
          runExperts({slots, host, "lru", MOERT_PREFETCH_ON},
                     ModuleSpec::offloaded().on("cuda"));
      EXPECT_EQ(stats.expert_capacity, host);
      EXPECT_EQ(stats.device_expert_capacity, slots ? slots : 8);
      // Who is on the device is not fetched.
      EXPECT_EQ(stats.expert_hits + stats.expert_misses,
                stats.device_expert_misses);
    }
}

//===-- Exits -------------------------------------------------------------===//

/// Three sequences of a few tokens, some of which leave.
std::vector<float> runExits(const std::string &driver, bool parks,
                            std::vector<int32_t> *layers) {
  Fixture fixture(ModuleSpec::leaving(parks).on(driver));
  fixture.options.sequences = 3;
  EXPECT_EQ(fixture.create(), "ok");
  std::vector<float> all;
  std::mt19937 random(3);
  for (int position = 0; position < 12; ++position) {
    Rows rows;
    for (int sequence = 0; sequence < 3; ++sequence)
      rows.push_back({int32_t(random() % 3), sequence, position});
    std::vector<int32_t> run(rows.size());
    fixture.batch.layers_run = run.data();
    EXPECT_EQ(fixture.forward(rows), "ok");
    all.insert(all.end(), fixture.logits.begin(), fixture.logits.end());
    layers->insert(layers->end(), run.begin(), run.end());
  }
  return all;
}

TEST(CudaExits, LeaveAsOnTheCpu) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  for (bool parks : {false, true}) {
    std::vector<int32_t> here, there;
    const std::vector<float> logits = runExits("cuda", parks, &here);
    EXPECT_EQ(logits, runExits("cpu", parks, &there)) << parks;
    EXPECT_EQ(here, there) << parks;
    EXPECT_NE(std::count(here.begin(), here.end(), 4), int64_t(here.size()));
  }
}

//===-- Parameters --------------------------------------------------------===//

TEST(CudaParameters, AreCopiedAgainFromAnotherAddress) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  const moert_driver_t *driver = nullptr;
  for (auto *known = moert_drivers(); *known; ++known)
    if (std::string((*known)->name) == "cuda")
      driver = *known;
  ASSERT_TRUE(driver);
  moert_device_options_t options = {};
  options.size = sizeof(options);
  options.threads = 1;
  moert_device_t *device = nullptr;
  ASSERT_EQ(message(driver->open(&options, &device)), "ok");
  const ModuleSpec spec = ModuleSpec::cpu().on("cuda");
  const std::vector<char> metadata = makeMetadata(spec);
  moert_code_t code = {};
  code.bytes = spec.code.data();
  code.size = spec.code.size();
  code.entry = spec.entry.c_str();
  code.origin = "test";
  code.metadata = metadata.data();
  code.metadata_size = metadata.size();
  moert_executable_t *executable = nullptr;
  ASSERT_EQ(message(driver->load(device, &code, &executable)), "ok");
  void *memory = nullptr;
  ASSERT_EQ(message(driver->allocate(device, 1024, &memory)), "ok");
  const int32_t token = 1, zero = 0;
  const float first[4] = {1, 2, 3, 4}, second[4] = {5, 6, 7, 8};
  for (const float *bias : {first, second, first}) {
    const void *parameters[1] = {bias};
    float logits[4] = {};
    moert_abi_forward_t args = {};
    args.size = sizeof(args);
    args.rows = args.wanted_rows = 1;
    args.tokens = &token;
    args.sequences = args.positions = args.wanted = &zero;
    args.parameters = parameters;
    args.kv = &memory;
    args.kv_capacity = 16;
    args.workspace = static_cast<char *>(memory) + 512;
    args.logits = logits;
    ASSERT_EQ(
        message(driver->forward(device, executable, &args, nullptr, nullptr)),
        "ok");
    for (int v = 0; v < 4; ++v)
      EXPECT_EQ(logits[v], bias[v] + 1.5f * float(v + 1));
  }
  driver->release(device, memory, 1024);
  driver->unload(device, executable);
  driver->close(device);
}

} // namespace
