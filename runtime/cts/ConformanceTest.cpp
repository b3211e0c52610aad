//===- ConformanceTest.cpp - every property on every driver ---------------===//
#include "Conformance.h"
#include "base/Status.h"
#include <algorithm>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

using namespace moert;
using namespace moert::cts;

namespace {

struct Expectation {
  const char *driver, *property;
  Outcome::Kind kind;
  const char *reason;
};

const Expectation expectations[] = {
#define UNSUPPORTED(driver, property, reason)                                  \
  {#driver, #property, Outcome::Unsupported, reason},
#define FAILS(driver, property, reason)                                        \
  {#driver, #property, Outcome::Fail, reason},
#include "Expectations.def"
#undef UNSUPPORTED
#undef FAILS
};

const char *const kindNames[] = {"passes", "fails", "is unsupported"};

struct Case {
  const moert_driver_t *driver;
  Property property;
};

std::vector<Case> allCases() {
  std::vector<Case> cases;
  for (auto *driver = moert_drivers(); *driver; ++driver)
    for (const Property &property : properties())
      cases.push_back({*driver, property});
  return cases;
}

std::vector<char> codeOfDriver(const char *name) {
  const char *path = nullptr;
#define MOERT_CONFORMANCE_CODE(driver, file)                                   \
  if (std::strcmp(name, #driver) == 0)                                         \
    path = file;
#include "ConformanceCode.def"
#undef MOERT_CONFORMANCE_CODE
  if (!path)
    return {};
  std::ifstream file(path, std::ios::binary);
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

class Conformance : public testing::TestWithParam<Case> {};

TEST_P(Conformance, Holds) {
  const Case &param = GetParam();
  char detail[256] = "";
  Status present(param.driver->probe(detail, sizeof(detail)));
  if (present.code() == MOERT_UNAVAILABLE)
    GTEST_SKIP() << present.message();

  Outcome::Kind expected = Outcome::Pass;
  const char *reason = "nothing else is listed in its expectations.def";
  for (const Expectation &entry : expectations)
    if (std::strcmp(entry.driver, param.driver->name) == 0 &&
        std::strcmp(entry.property, param.property.name) == 0) {
      expected = entry.kind;
      reason = entry.reason;
    }
  Subject subject = {param.driver, codeOfDriver(param.driver->name)};
  Outcome outcome = param.property.check(subject);
  EXPECT_EQ(outcome.kind, expected)
      << param.property.name << " " << kindNames[outcome.kind]
      << (outcome.why.empty() ? "" : ": ") << outcome.why
      << "\nexpected that it " << kindNames[expected] << ": " << reason;
}

INSTANTIATE_TEST_SUITE_P(Drivers, Conformance, testing::ValuesIn(allCases()),
                         [](const testing::TestParamInfo<Case> &info) {
                           std::string name = info.param.driver->name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_" + info.param.property.name;
                         });

/// A line for a driver or property that does not exist would hide nothing but
/// mislead its reader.
TEST(Expectations, NameWhatExists) {
  for (const Expectation &entry : expectations) {
    bool found = false;
    for (const Case &known : allCases())
      found |= std::strcmp(entry.driver, known.driver->name) == 0 &&
               std::strcmp(entry.property, known.property.name) == 0;
    EXPECT_TRUE(found) << entry.driver << ", " << entry.property;
    EXPECT_NE(*entry.reason, 0) << entry.driver << ", " << entry.property;
  }
}

TEST(Drivers, AreSortedByName) {
  for (auto *driver = moert_drivers(); driver[0] && driver[1]; ++driver)
    EXPECT_LT(std::strcmp(driver[0]->name, driver[1]->name), 0);
}

} // namespace
