//===- WeightsTest.cpp - weights that are copied, and that are not --------===//
#include "TestModule.h"
#include "session/Weights.h"

#include <gmock/gmock.h>

using namespace moert;
using namespace moert::test;

namespace {

/// A module of one weight of so many bytes, opened from a file.
class Weights : public testing::Test {
protected:
  void open(uint64_t bytes) {
    ModuleSpec spec;
    spec.weights.resize(bytes);
    for (uint64_t i = 0; i < bytes; ++i)
      spec.weights[i] = char(i * 7 + i / 4096);
    spec.parameters[0].shape = {int64_t(bytes / 4)};
    spec.parameters[0].size = bytes;
    spec.weightBits = bytes * 8;
    spec.modelWeights = bytes / 4;
    std::string path = folder.path("m.moe");
    ASSERT_TRUE(writeModule(spec, path).ok());
    Status status = moert_module_t::open(path.c_str(), ReadOptions(), &module);
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_TRUE(findDriver("null", "test", &driver).ok());
    moert_device_options_t options = {};
    options.size = sizeof(options);
    options.threads = 1;
    ASSERT_TRUE(Status(driver->open(&options, &device)).ok());
  }
  void TearDown() override {
    copy = DeviceMemory();
    if (device)
      driver->close(device);
  }

  TempFolder folder;
  std::unique_ptr<moert_module_t> module;
  const moert_driver_t *driver = nullptr;
  moert_device_t *device = nullptr;
  DeviceMemory copy;
};

} // namespace

TEST_F(Weights, ManyAreCopiedByAnyNumberOfThreads) {
  constexpr uint64_t bytes = (uint64_t(9) << 20) + 12; // pieces and a rest
  open(bytes);
  std::span<const std::byte> mapped =
      module->container->section(MOERT_SECTION_WEIGHTS);
  for (int threads : {1, 3}) {
    ASSERT_TRUE(copyWeights(*module, *driver, device, threads, &copy).ok());
    ASSERT_EQ(copy.bytes(), mapped.size());
    EXPECT_EQ(std::memcmp(copy.data(), mapped.data(), bytes), 0);
    copy = DeviceMemory();
  }
}

TEST_F(Weights, FewStayInTheFile) {
  open(4096);
  ASSERT_TRUE(copyWeights(*module, *driver, device, 2, &copy).ok());
  EXPECT_EQ(copy.data(), nullptr);
}
