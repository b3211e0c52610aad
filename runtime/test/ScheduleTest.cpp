//===- ScheduleTest.cpp - schedules, and what may stay in memory ----------===//
#include "TestModule.h"

#include "session/Experts.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

using namespace moert;
using namespace moert::test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

//===-- In metadata -------------------------------------------------------===//

/// The reader's word on a module with experts that differs in one thing.
template <typename Change> std::string readChanged(Change &&change) {
  ModuleSpec spec = ModuleSpec::offloaded();
  change(spec, *spec.schedule);
  return Image(spec).read();
}

TEST(Schedule, IsAccepted) {
  EXPECT_EQ(readChanged([](ModuleSpec &, ScheduleSpec &) {}), "ok");
  EXPECT_EQ(readChanged([](ModuleSpec &, ScheduleSpec &s) {
              s.partition = {2, 4};
              s.entries = 6;
              s.predictor = "anyone";
              s.ahead = 1;
              s.guesses = 4;
              s.guessedLayers = {1};
            }),
            "ok");
}

TEST(Schedule, Layers) {
  auto layers = [](std::vector<int32_t> layers) {
    return readChanged(
        [&](ModuleSpec &, ScheduleSpec &s) { s.layers = layers; });
  };
  EXPECT_EQ(layers({}), "m.moe: metadata: the schedule has no layers");
  EXPECT_THAT(layers({0, 2}), HasSubstr("the schedule has layer 2 among its "
                                        "layers, the model has 2"));
  EXPECT_THAT(layers({-1, 0}), HasSubstr("has layer -1 among its layers"));
  EXPECT_THAT(layers({1, 0}), HasSubstr("has layer 0 after 1 among its layers, "
                                        "must be in ascending order"));
  EXPECT_THAT(layers({1, 1}), HasSubstr("has layer 1 after 1"));
  EXPECT_THAT(layers({0}), HasSubstr("the schedule does not have layer 1 of "
                                     "parameter gate.4"));
}

TEST(Schedule, Experts) {
  auto expert = [](int32_t layer, int32_t number) {
    return readChanged([=](ModuleSpec &m, ScheduleSpec &) {
      m.parameters.back().layer = layer;
      m.parameters.back().expert = number;
    });
  };
  EXPECT_THAT(expert(1, 4), HasSubstr("has expert 4 of parameter gate.7, the "
                                      "model has 4"));
  EXPECT_THAT(expert(1, -1), HasSubstr("has expert -1 of parameter gate.7"));
  EXPECT_THAT(expert(1, 2), HasSubstr("has expert 2 of layer 1 twice"));
  EXPECT_THAT(readChanged([](ModuleSpec &m, ScheduleSpec &) {
                m.parameters.pop_back();
                m.weights.resize(m.parameters.back().offset +
                                 m.parameters.back().size);
              }),
              HasSubstr("has layer 1 with 3 experts, the model has 4"));
  EXPECT_THAT(readChanged([](ModuleSpec &m, ScheduleSpec &) {
                m.experts = m.expertsPerToken = 0;
              }),
              HasSubstr("is of a model with 0 experts, 0 of them per token"));
}

TEST(Schedule, Numbers) {
  auto with = [](auto member, auto value) {
    return readChanged(
        [&](ModuleSpec &, ScheduleSpec &s) { s.*member = value; });
  };
  using Spec = ScheduleSpec;
  EXPECT_THAT(with(&Spec::entries, -1),
              HasSubstr("has -1 as entries, must be between 0 and "));
  EXPECT_THAT(with(&Spec::ahead, -2), HasSubstr("has -2 as ahead"));
  EXPECT_THAT(with(&Spec::guesses, 5),
              HasSubstr("has 5 as guesses, must be between 0 and 4"));
  using Entries = std::vector<int64_t>;
  EXPECT_THAT(with(&Spec::partition, Entries{3}),
              HasSubstr("has a partition of 1 numbers for 2 layers"));
  EXPECT_THAT(with(&Spec::partition, Entries{3, 0}),
              HasSubstr("has 0 entries of its partition in a layer, must be "
                        "between 1 and 4"));
  EXPECT_THAT(with(&Spec::partition, Entries{5, 1}),
              HasSubstr("has 5 entries of its partition"));
  using Layers = std::vector<int32_t>;
  EXPECT_THAT(with(&Spec::guessedLayers, Layers{1, 0}),
              HasSubstr("has layer 0 after 1 among its guessed layers"));
  EXPECT_THAT(readChanged([](ModuleSpec &m, ScheduleSpec &s) {
                m.layers = 3;
                s.guessedLayers = {2};
              }),
              HasSubstr("guesses for layer 2, which has no experts"));
}

//===-- In sessions -------------------------------------------------------===//

/// 48 experts of 8 KiB, of which a row chooses 2.
ExpertTable tableOf48() {
  ModuleSpec spec = ModuleSpec::offloaded();
  std::vector<char> bytes = makeMetadata(spec);
  ExpertTable table(*fb::GetModule(bytes.data()));
  table.layers = {0, 1, 2, 3, 4, 5};
  table.experts = 8;
  table.parameters.resize(48);
  table.entryBytes = 8192;
  return table;
}

std::string choose(int64_t budget, uint64_t available, int64_t *capacity) {
  return chooseCapacity(tableOf48(), budget, available, "m.moe", capacity)
      .message();
}

int64_t chosen(int64_t budget, uint64_t available) {
  int64_t capacity = -2;
  EXPECT_EQ(choose(budget, available, &capacity), std::string("ok"));
  return capacity;
}

TEST(Experts, TableIsByKey) {
  ModuleSpec spec = ModuleSpec::offloaded();
  std::swap(spec.parameters[1], spec.parameters[8]);
  std::vector<char> bytes = makeMetadata(spec);
  ExpertTable table(*fb::GetModule(bytes.data()));
  EXPECT_THAT(table.parameters, ElementsAre(8, 2, 3, 4, 5, 6, 7, 1));
  EXPECT_THAT(table.layers, ElementsAre(0, 1));
  EXPECT_EQ(table.entryBytes, 12288u);
  EXPECT_EQ(table.bytes(), 8 * 12288u);
  spec.schedule.reset();
  bytes = makeMetadata(spec);
  EXPECT_EQ(ExpertTable(*fb::GetModule(bytes.data())).count(), 0);
}

TEST(Experts, CapacityOfABudget) {
  EXPECT_EQ(chosen(2 * 8192, 0), 2);
  EXPECT_EQ(chosen(5 * 8192 + 8191, 0), 5);
  EXPECT_EQ(chosen(int64_t(1) << 62, 0), 48);
  int64_t capacity;
  EXPECT_EQ(choose(8192, 0, &capacity),
            "m.moe: memory budget of 8192 bytes holds 1 experts, a token of a "
            "layer needs 2: at least 16384 bytes");
  EXPECT_EQ(choose(-2, 0, &capacity),
            "m.moe: memory budget of -2 bytes, must be at least -1");
}

TEST(Experts, CapacityOfWhatThereIs) {
  EXPECT_EQ(chosen(MOERT_BUDGET_ALL, 0), -1);
  EXPECT_EQ(chosen(MOERT_BUDGET_AUTO, 48 * 8192), -1);
  EXPECT_EQ(chosen(MOERT_BUDGET_AUTO, 48 * 8192 - 1), 47);
  EXPECT_EQ(chosen(MOERT_BUDGET_AUTO, 2 * 8192), 2);
  // Nothing would run; mapped weights do.
  EXPECT_EQ(chosen(MOERT_BUDGET_AUTO, 2 * 8192 - 1), -1);
}

TEST(Experts, PartitionIsScaled) {
  auto scale = [](std::vector<int64_t> partition, int64_t capacity) {
    return scalePartition(partition, capacity, 2, 8);
  };
  EXPECT_THAT(scale({}, 20), IsEmpty());
  EXPECT_THAT(scale({4, 4}, 3), IsEmpty()); // too few for all
  EXPECT_THAT(scale({4, 8, 4}, 8), ElementsAre(2, 4, 2));
  EXPECT_THAT(scale({1, 8}, 9), ElementsAre(2, 7));  // at least 2
  EXPECT_THAT(scale({1, 8}, 14), ElementsAre(6, 8)); // at most 8
  EXPECT_THAT(scale({8, 8}, 20), ElementsAre(8, 8));
  for (int64_t capacity = 6; capacity <= 24; ++capacity) {
    std::vector<int64_t> scaled = scale({3, 5, 7}, capacity);
    EXPECT_EQ(std::accumulate(scaled.begin(), scaled.end(), int64_t(0)),
              capacity);
  }
}

} // namespace
