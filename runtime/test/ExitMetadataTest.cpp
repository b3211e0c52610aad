//===- ExitMetadataTest.cpp - exits that metadata tells of ----------------===//
#include "SessionFixture.h"

#include <gmock/gmock.h>
#include <limits>
#include <nlohmann/json.hpp>

using namespace moert;
using namespace moert::test;
using testing::HasSubstr;
using Json = nlohmann::json;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// With a certificate.
ModuleSpec certified() {
  ModuleSpec spec = ModuleSpec::leaving(false);
  spec.exits->places = {{1, 0.75, 0.5}, {3, 0.5, 0}};
  spec.exits->certificate.emplace();
  spec.exits->certificate->thresholds = {0.75, 0.5};
  return spec;
}

/// The reader's word on a module with exits that differs in one thing.
template <typename Change>
std::string readChanged(Change &&change,
                        const ReadOptions &options = ReadOptions()) {
  ModuleSpec spec = certified();
  change(spec, *spec.exits);
  return Image(spec).read(options);
}

TEST(ExitMetadata, IsAccepted) {
  EXPECT_EQ(readChanged([](ModuleSpec &, ExitsSpec &) {}), "ok");
  EXPECT_EQ(readChanged([](ModuleSpec &, ExitsSpec &e) {
              e.certificate.reset();
              e.state = 2;
              e.places = {{3, infinity}};
            }),
            "ok");
}

TEST(ExitMetadata, Places) {
  auto places = [](std::vector<ExitsSpec::Place> places) {
    return readChanged([&](ModuleSpec &, ExitsSpec &e) { e.places = places; });
  };
  EXPECT_EQ(places({}), "m.moe: metadata: the exits are none");
  EXPECT_EQ(places({{0, 1}}), "m.moe: metadata: the exits have one after 0 "
                              "layers, the model has 4");
  EXPECT_THAT(places({{4, 1}}),
              HasSubstr("have one after 4 layers, the model has 4"));
  EXPECT_THAT(places({{-1, 1}}), HasSubstr("after -1 layers"));
  EXPECT_EQ(places({{2, 1}, {1, 1}}),
            "m.moe: metadata: the exits have one after 1 layers behind one "
            "after 2, must be in ascending order");
  EXPECT_THAT(places({{2, 1}, {2, 1}}), HasSubstr("behind one after 2"));
  EXPECT_EQ(places({{1, std::numeric_limits<double>::quiet_NaN()}}),
            "m.moe: metadata: the exits have a threshold after 1 layers that "
            "is not a number");
  EXPECT_EQ(places({{1, 0.5, 1.5}}),
            "m.moe: metadata: the exits have 1.5 as share of those that leave "
            "after 1 layers, must be between 0 and 1, or -1");
  EXPECT_THAT(places({{1, 0.5, -0.5}}), HasSubstr("have -0.5 as share"));
}

TEST(ExitMetadata, State) {
  EXPECT_EQ(readChanged([](ModuleSpec &, ExitsSpec &e) { e.state = 3; }),
            "m.moe: metadata: the exits have state 3, the last known is 2");
}

TEST(ExitMetadata, Certificate) {
  auto with = [](auto member, auto value) {
    return readChanged(
        [&](ModuleSpec &, ExitsSpec &e) { (*e.certificate).*member = value; });
  };
  using C = CertificateSpec;
  EXPECT_THAT(with(&C::prompts, 0),
              HasSubstr("have a certificate made of 0 prompts"));
  EXPECT_THAT(with(&C::delta, 1.5),
              HasSubstr("have a certificate with 1.5 as delta, must be above 0 "
                        "and below 1"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double none : {-1.0, 0.0, 1.0, nan}) {
    EXPECT_THAT(with(&C::delta, none), HasSubstr(" as delta, must be above"));
    EXPECT_THAT(with(&C::epsilon, none), HasSubstr(" as epsilon, must be"));
  }
  EXPECT_THAT(with(&C::pValue, 2.0),
              HasSubstr("with 2 as p-value, must be between 0 and 1"));
  EXPECT_THAT(with(&C::pValue, nan), HasSubstr(" as p-value, must be between"));
  EXPECT_EQ(with(&C::pValue, 0.1), "ok"); // its epsilon
  EXPECT_THAT(with(&C::pValue, 0.125),
              HasSubstr("have a certificate with 0.125 as p-value, above its "
                        "epsilon of 0.1"));
  EXPECT_THAT(with(&C::empiricalRisk, infinity),
              HasSubstr("with inf as empirical risk, must be finite"));
  using List = std::vector<double>;
  EXPECT_EQ(with(&C::thresholds, List{0.75}),
            "m.moe: metadata: the exits have a certificate of 1 thresholds, "
            "they are 2");
  EXPECT_THAT(with(&C::thresholds, List()), HasSubstr("of 0 thresholds"));
  EXPECT_EQ(with(&C::thresholds, (List{0.75, 0.25})),
            "m.moe: metadata: the exits have threshold 0.5 after 3 layers, the "
            "certificate is for 0.25");
}

/// The numbers of its message are those of the file, not of this test.
TEST(ExitMetadata, CertificateOfAnotherModel) {
  std::string text = readChanged(
      [](ModuleSpec &, ExitsSpec &e) { e.certificate->weightsOff = 1; });
  std::string front = "m.moe: metadata: the certificate is for weights 0x";
  std::string middle = ", the module has 0x";
  ASSERT_EQ(text.substr(0, front.size()), front);
  ASSERT_EQ(text.size(), front.size() + 16 + middle.size() + 16);
  EXPECT_EQ(text.substr(front.size() + 16, middle.size()), middle);
  EXPECT_NE(text.substr(front.size(), 16), text.substr(text.size() - 16));
}

TEST(ExitMetadata, CertificateOfAModelThatComputesOtherwise) {
  auto change = [](ModuleSpec &, ExitsSpec &e) {
    e.certificate->modelHash = 0xabcd;
  };
  EXPECT_EQ(readChanged(change),
            "m.moe: metadata: the certificate is for model 0x000000000000abcd, "
            "the module has 0x0000000000000000");
}

TEST(ExitMetadata, WeightsAreComparedWhereTheirChecksumsAre) {
  auto change = [](ModuleSpec &, ExitsSpec &e) { e.weightsOff = 1; };
  EXPECT_THAT(readChanged(change),
              HasSubstr("m.moe: metadata: the exits are for weights 0x"));
  ReadOptions trusting;
  trusting.checkWeights = false;
  EXPECT_EQ(readChanged(change, trusting), "ok");
}

TEST(ExitMetadata, IsTold) {
  Fixture f(certified());
  ASSERT_EQ(f.open(), "ok");
  moert_module_info_t info = {};
  info.size = sizeof(info);
  ASSERT_EQ(message(moert_module_info(f.module, &info)), "ok");
  EXPECT_EQ(info.exits, 2);
  EXPECT_EQ(info.exits_park, 0);
  EXPECT_STREQ(info.exit_policy, "top1");
  EXPECT_STREQ(info.exit_head, "full");
  EXPECT_STREQ(info.exit_state, "propagate");
  EXPECT_EQ(info.exits_calibrated, 1);
  EXPECT_EQ(info.exit_head_bytes, 1000u);
  EXPECT_EQ(info.exit_layer_bytes, 500u);
  EXPECT_EQ(info.exit_leave_bytes, 30u);
  EXPECT_EQ(info.exit_unsure_bytes, 7u);
  moert_exit_info_t exit = {};
  exit.size = sizeof(exit);
  ASSERT_EQ(message(moert_module_exit(f.module, 1, &exit)), "ok");
  EXPECT_EQ(exit.layers, 3);
  EXPECT_EQ(exit.threshold, 0.5);
  EXPECT_EQ(exit.taken, 0);
  for (int index : {-1, 2})
    EXPECT_EQ(message(moert_module_exit(f.module, index, &exit)),
              f.error("exit " + std::to_string(index) +
                      " requested, the module has 2"));
}

TEST(ExitMetadata, OfAModuleWithout) {
  Fixture f;
  ASSERT_EQ(f.open(), "ok");
  moert_module_info_t info = {};
  info.size = sizeof(info);
  ASSERT_EQ(message(moert_module_info(f.module, &info)), "ok");
  EXPECT_EQ(info.exits, 0);
  EXPECT_STREQ(info.exit_policy, "");
  EXPECT_STREQ(info.exit_head, "");
  EXPECT_STREQ(info.exit_state, "");
  moert_exit_info_t exit = {};
  exit.size = sizeof(exit);
  EXPECT_EQ(message(moert_module_exit(f.module, 0, &exit)),
            f.error("exit 0 requested, the module has 0"));
}

Json describe(const ModuleSpec &spec) {
  Fixture f(spec);
  EXPECT_EQ(f.open(), "ok");
  char *text = nullptr;
  EXPECT_EQ(message(moert_module_describe(f.module, &text)), "ok");
  Json json = Json::parse(text);
  moert_free(text);
  return json["exits"];
}

TEST(ExitMetadata, IsDescribed) {
  EXPECT_TRUE(describe(ModuleSpec::cpu()).is_null());
  Json exits = describe(certified());
  EXPECT_EQ(exits["policy"], "top1");
  EXPECT_EQ(exits["state"], "propagate");
  EXPECT_EQ(exits["exits"][0],
            Json({{"layers", 1}, {"threshold", 0.75}, {"taken", 0.5}}));
  EXPECT_EQ(exits["weights_hash"], exits["certificate"]["weights_hash"]);
  EXPECT_EQ(exits["certificate"]["prompts"], 100);
  EXPECT_EQ(exits["certificate"]["risk"], "wrong answers");
  EXPECT_EQ(exits["certificate"]["data_hash"], "0000000000001234");
  EXPECT_EQ(exits["certificate"]["thresholds"], Json({0.75, 0.5}));

  ModuleSpec never = ModuleSpec::leaving(true);
  never.exits->places = {{1, infinity}, {2, -infinity}};
  exits = describe(never);
  EXPECT_EQ(exits["state"], "recompute");
  EXPECT_EQ(exits["exits"][0]["threshold"], "inf");
  EXPECT_EQ(exits["exits"][1]["threshold"], "-inf");
  EXPECT_TRUE(exits["exits"][0]["taken"].is_null());
  EXPECT_TRUE(exits["certificate"].is_null());
}

} // namespace
