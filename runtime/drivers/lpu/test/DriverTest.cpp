//===- DriverTest.cpp - programs of the LPU in sessions -------------------===//
#include "moert/abi/driver.h"
#include "SessionFixture.h"
#include "StepProgram.h"

#include <gmock/gmock.h>

using namespace moert;
using namespace moert::lpu;
using namespace moert::lpu::test;
using moert::test::Fixture;
using moert::test::ModuleSpec;
using moert::test::ParameterSpec;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

extern "C" const moert_driver_t *moert_driver_lpu(void);

namespace {

/// A module of the model of StepProgram.h.
ModuleSpec moduleOf(std::vector<char> program) {
  ModuleSpec spec;
  spec.backend = spec.driver = "lpu";
  spec.features = {"lpu-isa-1"};
  spec.codeContext = 8;
  spec.workspaceFixed = spec.workspacePerRow = 0;
  spec.operations = {"step"};
  spec.code = std::move(program);
  return spec;
}
ModuleSpec moduleOf(StepSpec spec = {}) {
  return moduleOf(StepProgram(std::move(spec)).bytes());
}

/// After tokens whose sum is this one.
std::vector<float> logitsAfter(float sum) {
  std::vector<float> logits;
  for (float each : moert::test::bias)
    logits.push_back(each + 2 * sum);
  return logits;
}

TEST(LpuDriver, RunsSteps) {
  Fixture f(moduleOf());
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.forward({{3, 0, 0}, {2, 0, 1}, {1, 0, 2}}), "ok");
  EXPECT_EQ(f.row(0), logitsAfter(3));
  EXPECT_EQ(f.row(1), logitsAfter(5));
  EXPECT_EQ(f.row(2), logitsAfter(6));
  ASSERT_EQ(f.forward({{3, 0, 3}, {3, 0, 4}}, {1}), "ok");
  EXPECT_EQ(f.row(0), logitsAfter(12));
}

TEST(LpuDriver, CountsCycles) {
  StepProgram program;
  ModuleSpec spec = moduleOf(program.bytes());
  Fixture f(spec);
  ASSERT_EQ(f.create(), "ok");
  EXPECT_EQ(moert_session_batch_rows(f.session), 1);
  EXPECT_EQ(f.stats().device_rows, 0u);
  ASSERT_EQ(f.forward({{3, 0, 0}, {2, 0, 1}, {1, 0, 2}}), "ok");
  moert_session_stats_t stats = f.stats();
  EXPECT_EQ(stats.device_rows, 3u);
  EXPECT_EQ(stats.device_cycles, 3 * program.cycles);
  EXPECT_EQ(stats.predicted_cycles, 3 * program.cycles);
  EXPECT_EQ(stats.device_clock_hz, 900e6);
  ASSERT_GT(stats.device_unit_count, 5);
  for (int64_t i = 0; i < stats.device_unit_count; ++i) {
    const moert_session_unit_t &unit = stats.device_units[i];
    EXPECT_LE(unit.busy_cycles, unit.available_cycles) << unit.name;
    if (std::string(unit.name) == "vxm_alu") {
      // Each of 8 positions takes 4 to store a value, 4 for a key, 1 + 2 to
      // add.
      EXPECT_EQ(unit.busy_cycles, 3u * 8 * 11);
      EXPECT_EQ(unit.available_cycles, 16 * 3 * program.cycles);
    }
  }
}

/// Whatever lies in SRAM, a sequence finds its own state.
TEST(LpuDriver, SwapsSequences) {
  Fixture f(moduleOf());
  f.options.sequences = 3;
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.forward({{3, 0, 0}, {1, 1, 0}, {2, 0, 1}, {1, 1, 1}}), "ok");
  EXPECT_EQ(f.row(2), logitsAfter(5));
  EXPECT_EQ(f.row(3), logitsAfter(2));
  ASSERT_EQ(f.forward({{2, 2, 0}, {1, 0, 2}, {3, 1, 2}, {3, 0, 3}}), "ok");
  EXPECT_EQ(f.row(0), logitsAfter(2));
  EXPECT_EQ(f.row(1), logitsAfter(6));
  EXPECT_EQ(f.row(2), logitsAfter(5));
  EXPECT_EQ(f.row(3), logitsAfter(9));
}

/// What lay behind a position that is computed anew is forgotten.
TEST(LpuDriver, GoesBack) {
  Fixture f(moduleOf());
  ASSERT_EQ(f.create(), "ok");
  ASSERT_EQ(f.forward({{3, 0, 0}, {2, 0, 1}, {1, 0, 2}, {3, 0, 3}}), "ok");
  ASSERT_EQ(f.forward({{1, 0, 1}}), "ok");
  EXPECT_EQ(f.row(0), logitsAfter(4));
  ASSERT_EQ(f.forward({{2, 0, 2}}), "ok");
  EXPECT_EQ(f.row(0), logitsAfter(6));
  ASSERT_EQ(f.forward({{1, 0, 0}}), "ok");
  EXPECT_EQ(f.row(0), logitsAfter(1));
}

TEST(LpuDriver, ResultsAreThoseOfAnyNumberOfThreads) {
  std::vector<float> logits[2];
  for (int threads : {1, 2}) {
    Fixture f(moduleOf());
    f.options.threads = threads;
    ASSERT_EQ(f.create(), "ok");
    ASSERT_EQ(f.forward({{3, 0, 0}, {2, 0, 1}}), "ok");
    logits[threads - 1] = f.logits;
  }
  EXPECT_EQ(logits[0], logits[1]);
}

TEST(LpuDriver, ContextIsTheProgramsUnlessToldOtherwise) {
  Fixture f(moduleOf());
  f.options.context = 9;
  EXPECT_EQ(f.create(), f.error("context of 9 requested, the code has 8"));
  f.options.context = 0;
  ASSERT_EQ(f.create(), "ok");
  for (int32_t p = 0; p < 8; ++p)
    ASSERT_EQ(f.forward({{1, 0, p}}), "ok");
  EXPECT_EQ(f.row(0), logitsAfter(8));
  EXPECT_NE(f.forward({{1, 0, 8}}), "ok");
}

//===-- The driver's own interface ----------------------------------------===//

/// A device with a program, and two states that anyone may touch.
struct Direct {
  explicit Direct(const ModuleSpec &spec) : spec(spec) {
    metadata = makeMetadata(spec);
    for (const std::string &feature : this->spec.features)
      features.push_back(feature.c_str());
    code.bytes = this->spec.code.data();
    code.size = this->spec.code.size();
    code.features = features.data();
    code.feature_count = features.size();
    code.origin = "m.moe";
    code.metadata = metadata.data();
    code.metadata_size = metadata.size();
  }
  ~Direct() {
    if (executable)
      driver->unload(device, executable);
    if (device)
      driver->close(device);
  }
  std::string check() { return moert::test::message(driver->check(&code)); }
  std::string load() {
    moert_device_options_t options = {};
    options.size = sizeof(options);
    options.threads = 1;
    std::string opened = moert::test::message(driver->open(&options, &device));
    if (opened != "ok")
      return opened;
    return moert::test::message(driver->load(device, &code, &executable));
  }
  std::string forward(int32_t token, int32_t sequence, int32_t position) {
    int32_t wanted = 0;
    const void *parameters[] = {parameter};
    void *kv[] = {states[0].data(), states[1].data()};
    moert_abi_forward_t args = {};
    args.size = sizeof(args);
    args.rows = args.wanted_rows = 1;
    args.tokens = &token, args.sequences = &sequence;
    args.positions = &position, args.wanted = &wanted;
    args.parameters = parameters;
    args.kv = kv;
    args.kv_capacity = 16;
    logits.assign(4, -1);
    args.logits = logits.data();
    return moert::test::message(driver->forward(
        device, executable, &args,
        [](void *host, int64_t op) {
          static_cast<Direct *>(host)->traced.push_back(op);
        },
        this));
  }

  ModuleSpec spec;
  std::vector<char> metadata;
  std::vector<const char *> features;
  moert_code_t code = {};
  const moert_driver_t *driver = moert_driver_lpu();
  moert_device_t *device = nullptr;
  moert_executable_t *executable = nullptr;
  std::vector<uint32_t> states[2] = {std::vector<uint32_t>(32),
                                     std::vector<uint32_t>(32)};
  const void *parameter = moert::test::bias;
  std::vector<float> logits;
  std::vector<int64_t> traced;
};

TEST(LpuDriver, TracesSegments) {
  Direct d(moduleOf());
  ASSERT_EQ(d.load(), "ok");
  ASSERT_EQ(d.forward(3, 0, 0), "ok");
  EXPECT_THAT(d.traced, testing::ElementsAre(0, -1));
}

/// Memory says what a sequence is, whoever wrote it there.
TEST(LpuDriver, StatesMayBeCopied) {
  Direct d(moduleOf());
  ASSERT_EQ(d.load(), "ok");
  ASSERT_EQ(d.forward(3, 0, 0), "ok");
  ASSERT_EQ(d.forward(2, 0, 1), "ok");
  d.states[1] = d.states[0];
  ASSERT_EQ(d.forward(1, 1, 2), "ok");
  EXPECT_EQ(d.logits, logitsAfter(6));
  ASSERT_EQ(d.forward(3, 0, 2), "ok");
  EXPECT_EQ(d.logits, logitsAfter(8));
  // The one that is in SRAM is changed under our hands.
  d.states[0] = d.states[1];
  ASSERT_EQ(d.forward(1, 0, 3), "ok");
  EXPECT_EQ(d.logits, logitsAfter(7));
}

/// Keys as two halves, values as they are: f16 3 is 0x4200.
TEST(LpuDriver, StatesHoldWhatSramHolds) {
  Direct d(moduleOf());
  ASSERT_EQ(d.load(), "ok");
  ASSERT_EQ(d.forward(3, 0, 0), "ok");
  EXPECT_EQ(d.states[0][0], 0x00004200u);
  EXPECT_EQ(d.states[0][16], 0x40400000u);
  d.states[0][16] = 0x40a00000u; // 5
  ASSERT_EQ(d.forward(1, 0, 1), "ok");
  EXPECT_EQ(d.logits[0], moert::test::bias[0] + 3 + 5 + 2 * 1);
}

TEST(LpuDriver, ASequenceRunsOnAfterAFailure) {
  Direct d(moduleOf());
  ASSERT_EQ(d.load(), "ok");
  ASSERT_EQ(d.forward(3, 0, 0), "ok");
  EXPECT_EQ(d.forward(3, 0, 8),
            "m.moe: position 8 requested, the program's states have 8");
  ASSERT_EQ(d.forward(2, 0, 1), "ok");
  EXPECT_EQ(d.logits, logitsAfter(5));
}

TEST(LpuDriver, RefusesAnotherNumberOfCyclesThanPredicted) {
  StepSpec spec;
  spec.wrongCycles = 1;
  StepProgram program(spec);
  Direct d(moduleOf(program.bytes()));
  ASSERT_EQ(d.load(), "ok");
  EXPECT_EQ(d.forward(3, 0, 0), "m.moe: segment step took " +
                                    std::to_string(program.cycles) +
                                    " cycles, the compiler predicted " +
                                    std::to_string(program.cycles + 1));
}

/// Lanes of one element come back from memory as one, so they are made one,
/// whether or not another sequence runs between.
TEST(LpuDriver, LanesOfOneElementAreOne) {
  StepSpec spec;
  spec.lopsided = true;
  for (bool swaps : {false, true}) {
    Direct d(moduleOf(spec));
    ASSERT_EQ(d.load(), "ok");
    ASSERT_EQ(d.forward(3, 0, 0), "ok");
    EXPECT_EQ(d.logits[0], moert::test::bias[0] + 2 * 3);
    EXPECT_EQ(d.logits[3], moert::test::bias[3]);
    if (swaps) {
      ASSERT_EQ(d.forward(1, 1, 0), "ok");
    }
    ASSERT_EQ(d.forward(2, 0, 1), "ok");
    EXPECT_EQ(d.logits[0], moert::test::bias[0] + 2 * (3 + 2));
    EXPECT_EQ(d.logits[3], moert::test::bias[3] + 2 * 3);
  }
}

/// A module with an exit at which tokens of 2 or more leave.
ModuleSpec leaving(StepSpec step = {}) {
  step.hasExit = true;
  ModuleSpec spec = moduleOf(std::move(step));
  spec.layers = 2;
  spec.operations = {"step", "ask", "left", "rest"};
  spec.exits.emplace();
  spec.exits->places = {{1, 2.0}};
  return spec;
}

TEST(LpuDriver, TokensMayLeave) {
  Fixture f(leaving());
  ASSERT_EQ(f.create(), "ok");
  std::vector<int32_t> layers(3);
  f.batch.layers_run = layers.data();
  ASSERT_EQ(f.forward({{1, 0, 0}, {3, 0, 1}, {1, 0, 2}}), "ok");
  EXPECT_THAT(layers, testing::ElementsAre(2, 1, 2));
  EXPECT_EQ(f.row(0)[0], moert::test::bias[0] + 2 * 1 + 0);
  EXPECT_EQ(f.row(1)[0], moert::test::bias[0] + 2 * 4 + 3); // the token
  EXPECT_EQ(f.row(2)[0], moert::test::bias[0] + 2 * 5 + 2); // the position
  // Whose logits nobody wants does not ask, and runs fewer cycles.
  const uint64_t before = f.stats().device_cycles;
  ASSERT_EQ(f.forward({{3, 0, 3}}, {}), "ok");
  const uint64_t without = f.stats().device_cycles - before;
  ASSERT_EQ(f.forward({{1, 0, 4}}), "ok");
  EXPECT_LT(without, f.stats().device_cycles - before - without);
  EXPECT_EQ(f.stats().device_cycles, f.stats().predicted_cycles);
}

TEST(LpuDriver, RefusesExitsThatAreNone) {
  ModuleSpec spec = leaving();
  spec.exits->state = 1;
  EXPECT_EQ(Direct(spec).load(), "m.moe: has exits from which tokens go on "
                                 "later, the lpu driver knows none");
  spec = leaving();
  spec.exits.reset();
  EXPECT_EQ(Direct(spec).load(),
            "m.moe: has a program with 1 exits, the model has 0");
  StepSpec step;
  step.score = 4;
  EXPECT_EQ(Direct(leaving(step)).load(), "ok");
  step.score = 5;
  EXPECT_EQ(Direct(leaving(step)).load(),
            "m.moe: the score of segment ask is buffer 5, which holds no "
            "score");
  step.score = 9;
  EXPECT_EQ(Direct(leaving(step)).load(),
            "m.moe: the score of segment ask is buffer 9, which holds no "
            "score");
}

//===-- What is refused ---------------------------------------------------===//

TEST(LpuDriver, RefusesAnotherInstructionSet) {
  ModuleSpec spec = moduleOf();
  spec.features = {"lpu-isa-2"};
  Direct d(spec);
  EXPECT_EQ(d.check(),
            "m.moe: needs lpu-isa-2, this runtime's simulator has lpu-isa-1");
}

TEST(LpuDriver, RefusesWhatIsNoProgram) {
  ModuleSpec spec = moduleOf();
  spec.code[4] = 'X';
  EXPECT_THAT(Direct(spec).check(),
              EndsWith("bytes of code that are no program of format LPU1"));
  spec.code = {1, 2, 3};
  EXPECT_EQ(Direct(spec).check(),
            "m.moe: has 3 bytes of code that are no program of format LPU1");
  spec = moduleOf();
  spec.code.resize(spec.code.size() / 2);
  EXPECT_THAT(Direct(spec).check(),
              EndsWith("bytes of code that are not a whole program"));
  EXPECT_THAT(Direct(spec).load(),
              EndsWith("bytes of code that are not a whole program"));
  Fixture f(spec);
  EXPECT_THAT(f.open(), EndsWith("bytes of code that are not a whole program"));
}

TEST(LpuDriver, RefusesAnotherMachine) {
  std::string text = machineText();
  const std::string clock = "\"clock_hz\": 900e6";
  ASSERT_NE(text.find(clock), text.npos);
  text.replace(text.find(clock), clock.size(), "\"clock_hz\": 800e6");
  ModuleSpec spec = moduleOf(StepProgram({}, text).bytes());
  EXPECT_EQ(Direct(spec).check(),
            "m.moe: is compiled for another tsp1 than this runtime's");
  // Under a name of its own it is a machine like others.
  const std::string name = "\"name\": \"tsp1\"";
  text.replace(text.find(name), name.size(), "\"name\": \"tsp-mine\"");
  Direct own(moduleOf(StepProgram({}, text).bytes()));
  EXPECT_EQ(own.check(), "ok");
  EXPECT_EQ(own.load(), "ok");
  EXPECT_EQ(own.forward(3, 0, 0), "ok");
  StepSpec wrong;
  wrong.machineName = "tsp1";
  EXPECT_EQ(Direct(moduleOf(StepProgram(wrong, text).bytes())).check(),
            "m.moe: is a program for tsp1, its machine is tsp-mine");
}

TEST(LpuDriver, NeedsMetadata) {
  Direct d(moduleOf());
  d.code.metadata = nullptr;
  EXPECT_EQ(d.load(), "m.moe: is code without metadata, which a program needs");
}

template <typename Change> std::string loadChanged(Change change) {
  StepSpec spec;
  change(spec);
  return Direct(moduleOf(spec)).load();
}
/// The same, of the module.
template <typename Change> std::string loadOf(Change change) {
  ModuleSpec spec = moduleOf();
  change(spec);
  return Direct(spec).load();
}

TEST(LpuDriver, RefusesAnotherModel) {
  EXPECT_EQ(loadOf([](ModuleSpec &s) { s.vocabulary = 5; }),
            "m.moe: has logits of 4 tokens, the model's vocabulary is 5");
  EXPECT_EQ(loadOf([](ModuleSpec &s) { s.codeContext = 9; }),
            "m.moe: has states of 8 positions, the module's context is 9");
  EXPECT_THAT(loadOf([](ModuleSpec &s) { s.kvLayers = 2; }),
              StartsWith("m.moe: has states of 1 layers, the model has 2"));
  EXPECT_EQ(loadOf([](ModuleSpec &s) { s.kvHeadSize = 2; }),
            "m.moe: has 1 elements of a position's state, the model has 2");
  EXPECT_THAT(loadOf([](ModuleSpec &s) {
                s.exits.emplace();
                s.exits->places = {{1, 0.5}};
                s.layers = 2;
              }),
              HasSubstr("has a program with 0 exits, the model has 1"));
}

TEST(LpuDriver, RefusesAnInterfaceThatIsNone) {
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.token = -1; }),
            "m.moe: has no buffer for the token");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.logits = -1; }),
            "m.moe: has no buffer for the logits");
  // What a program says of itself is the simulator's to check.
  EXPECT_THAT(loadChanged([](StepSpec &s) { s.position = 8; }),
              StartsWith("m.moe: "));
  EXPECT_THAT(loadChanged([](StepSpec &s) { s.value = 9; }),
              StartsWith("m.moe: "));
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.context = 7; }),
            "m.moe: has states of 7 positions, the module's context is 8");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.context = 9; }),
            "m.moe: has 8 positions in key_high, its context is 9");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.heads[7] = 1; }),
            "m.moe: has element -1 of head 1 in lane 7, the model has 1 heads "
            "of 1");
}

/// The same model, its bias stored and loaded in another way.
std::vector<float> biasOf(StepSpec step, ParameterSpec parameter,
                          const std::vector<char> &bytes) {
  ModuleSpec spec = moduleOf(std::move(step));
  spec.parameters = {std::move(parameter)};
  Direct d(spec);
  d.parameter = bytes.data();
  EXPECT_EQ(d.load(), "ok");
  EXPECT_EQ(d.forward(0, 0, 0), "ok");
  return d.logits;
}

TEST(LpuDriver, LoadsElementsOfMatrices) {
  // bf16 [3][4]: element (r, c) is 4 r + c.
  const uint16_t numbers[] = {0,      0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0,
                              0x40c0, 0x40e0, 0x4100, 0x4110, 0x4120, 0x4130};
  std::vector<char> bytes(sizeof(numbers));
  std::memcpy(bytes.data(), numbers, sizeof(numbers));
  ParameterSpec matrix;
  matrix.element = int(fb::ElementType::BF16);
  matrix.shape = {3, 4};
  matrix.size = sizeof(numbers);
  StepSpec step;
  step.rows = {1};
  EXPECT_EQ(biasOf(step, matrix, bytes), (std::vector<float>{4, 5, 6, 7}));
  step.factors = std::vector<float>(320, -0.5f);
  step.columns.resize(4);
  step.columns[1] = -1;
  step.factors.resize(4);
  EXPECT_EQ(biasOf(step, matrix, bytes), (std::vector<float>{-2, 0, -3, -3.5}));
  step = StepSpec();
  step.transposed = true;
  step.rows = {3};
  step.columns = {2, 1, 0, -1};
  EXPECT_EQ(biasOf(step, matrix, bytes), (std::vector<float>{11, 7, 3, 0}));
}

/// Up to the capacity of states; behind it there is nothing.
TEST(LpuDriver, LoadsRopeTables) {
  std::vector<char> bytes(16 * 2 * sizeof(float));
  for (int i = 0; i < 32; ++i) {
    float value = float(i);
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  ParameterSpec table;
  table.kind = int(fb::ParameterKind::RopeTable);
  table.frequencies = {1};
  table.size = 0;
  StepSpec step;
  step.transposed = true;
  step.rows = {1}; // sines
  step.columns = {0, 5, 15, 16};
  EXPECT_EQ(biasOf(step, table, bytes), (std::vector<float>{1, 11, 31, 0}));
}

TEST(LpuDriver, RefusesLoadsOfWhatIsNotThere) {
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.parameter = 1; }),
            "m.moe: buffer bias loads parameter 1, the module has 1");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.matrix = 1; }),
            "m.moe: buffer bias loads matrix 1 of bias, which has 1");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.columns[0] = 4; }),
            "m.moe: buffer bias loads elements beyond the 1 x 4 that parameter "
            "0 has");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.rows = {1}; }),
            "m.moe: buffer bias loads elements beyond the 1 x 4 that parameter "
            "0 has");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.field = Field::Levels; }),
            "m.moe: buffer bias has type 4, which does not hold Levels");
  EXPECT_EQ(loadChanged([](StepSpec &s) { s.field = Field::Scales; }),
            "m.moe: buffer bias loads Scales of parameter 0, which is not "
            "stored as a code");
  EXPECT_EQ(loadOf([](ModuleSpec &s) {
              s.parameters[0].shape = {3};
              s.parameters[0].size = 12;
            }),
            "m.moe: buffer bias loads elements beyond the 1 x 3 that parameter "
            "0 has");
}

} // namespace
