//===- RuntimeTest.cpp - statuses, version, devices, measuring ------------===//
#include "TestModule.h"

#include "base/Memory.h"
#include "base/Threads.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

using namespace moert;
using namespace moert::test;
using testing::HasSubstr;

namespace {

TEST(Status, OkIsNull) {
  EXPECT_EQ(moert_status_code(nullptr), MOERT_OK);
  EXPECT_STREQ(moert_status_message(nullptr), "ok");
  moert_status_free(nullptr);
  EXPECT_EQ(Status(MOERT_OK, "ignored").release(), nullptr);
}

TEST(Status, KeepsCodeAndMessage) {
  Status status = makeStatus(MOERT_OUT_OF_RANGE, "expert ", 9, " of ", 8);
  EXPECT_TRUE(status);
  EXPECT_EQ(status.code(), MOERT_OUT_OF_RANGE);
  EXPECT_STREQ(status.message(), "expert 9 of 8");
  EXPECT_EQ(message(Status(MOERT_INTERNAL, "two\nlines\x7f").release()),
            "two lines ");
}

TEST(Status, NoExceptionGetsOut) {
  EXPECT_EQ(message(guarded([]() -> Status { throw std::bad_alloc(); })),
            "out of memory");
  EXPECT_EQ(message(guarded([]() -> Status { throw std::logic_error("x"); })),
            "x");
  EXPECT_EQ(guarded([] { return Status(); }), nullptr);
}

TEST(Runtime, Version) { EXPECT_STREQ(moert_version(), "0.1.0 (abi 1)"); }

/// Modules carry this number. When it changes, MOERT_ABI_VERSION and the name
/// of the forward function must change with it.
TEST(Runtime, AbiHashIsFrozen) {
  EXPECT_EQ(moert_abi_hash(), 0x90b8cca353c67e71u);
}

TEST(Runtime, ListsDevices) {
  char *text = nullptr;
  ASSERT_EQ(message(moert_list_devices(&text)), "ok");
  nlohmann::json devices = nlohmann::json::parse(text);
  moert_free(text);
  ASSERT_GE(devices.size(), 2u);
  EXPECT_EQ(devices[0]["driver"], "cpu");
  EXPECT_EQ(devices[0]["device"], "cpu:0");
  EXPECT_EQ(devices[0]["available"], true);
  EXPECT_THAT(devices[0]["detail"].get<std::string>(), HasSubstr(" threads"));
}

TEST(Runtime, CountsThreads) {
  int threads = 0;
  ASSERT_TRUE(chooseThreads(0, &threads).ok());
  EXPECT_EQ(threads, availableThreads());
  EXPECT_GE(threads, 1);
  ASSERT_TRUE(chooseThreads(3, &threads).ok());
  EXPECT_EQ(threads, 3);
  EXPECT_EQ(chooseThreads(5000, &threads).code(), MOERT_OUT_OF_RANGE);
}

TEST(Runtime, KnowsFreeMemory) {
  EXPECT_GT(availableHostMemory(), uint64_t(1) << 20);
  EXPECT_LT(availableHostMemory(), uint64_t(1) << 50);
}

TEST(Measure, Bandwidth) {
  double bandwidth = 0;
  ASSERT_EQ(message(moert_measure_read_bandwidth(2, 8 << 20, &bandwidth)),
            "ok");
  // A wrong unit would be off by a thousand.
  EXPECT_GT(bandwidth, 1e8);
  EXPECT_LT(bandwidth, 1e13);
  EXPECT_EQ(message(moert_measure_read_bandwidth(2, 100, &bandwidth)),
            "100 bytes to read, must be at least 8192");
  EXPECT_THAT(message(moert_measure_read_bandwidth(-2, 1 << 20, &bandwidth)),
              HasSubstr("-2 threads requested"));
}

TEST(Measure, MultiplyAdds) {
  double peak = 0;
  ASSERT_EQ(message(moert_measure_fma_peak(1, &peak)), "ok");
  EXPECT_GT(peak, 1e8);
  EXPECT_LT(peak, 1e13);
  EXPECT_THAT(message(moert_measure_fma_peak(-1, &peak)),
              HasSubstr("-1 threads requested"));
}

TEST(Measure, DotProducts) {
  double peak = 0;
  ASSERT_EQ(message(moert_measure_int8_peak(1, &peak)), "ok");
  EXPECT_GT(peak, 1e8);
  EXPECT_LT(peak, 1e14);
  EXPECT_THAT(message(moert_measure_int8_peak(-1, &peak)),
              HasSubstr("-1 threads requested"));
}

} // namespace
