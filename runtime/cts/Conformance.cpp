//===- Conformance.cpp - promises about devices and memory ----------------===//
#include "Subject.h"

#include <algorithm>
#include <cstring>

using namespace moert;
using namespace moert::cts;

static Outcome checkTable(const Subject &subject) {
  const moert_driver_t &driver = *subject.driver;
  CTS_REQUIRE(driver.size == sizeof(moert_driver_t), "wrong size");
  CTS_REQUIRE(driver.abi_version == MOERT_DRIVER_ABI_VERSION, "wrong version");
  CTS_REQUIRE(driver.name && *driver.name, "no name");
  CTS_REQUIRE(driver.probe && driver.open && driver.close && driver.check &&
                  driver.load && driver.unload && driver.allocate &&
                  driver.release && driver.forward,
              "a function is missing");
  return {};
}

static Outcome checkProbe(const Subject &subject) {
  char detail[256];
  std::memset(detail, 'x', sizeof(detail));
  CTS_CHECK(expectOk("probe", subject.driver->probe(detail, sizeof(detail))));
  CTS_REQUIRE(std::memchr(detail, 0, sizeof(detail)), "detail does not end");
  CTS_REQUIRE(detail[0] && !std::strchr(detail, '\n'), "detail is not a line");
  // Room for one character: nothing is written behind it.
  std::memset(detail, 'x', sizeof(detail));
  CTS_CHECK(expectOk("probe", subject.driver->probe(detail, 1)));
  CTS_REQUIRE(detail[0] == 0 && detail[1] == 'x', "detail overflows");
  return {};
}

static Outcome checkOpenTwice(const Subject &subject) {
  Device first, second;
  CTS_CHECK(first.open(subject, 1));
  CTS_CHECK(second.open(subject, 2));
  CTS_REQUIRE(first.device != second.device, "two devices are one");
  return {};
}

/// Looks whether all bytes are zero, and makes them others, so that a second
/// use of the memory would show.
static Outcome takeBytes(Device &device, void *memory, uint64_t bytes,
                         bool *zero) {
  const moert_driver_t &driver = *device.driver;
  std::vector<char> before(bytes, 1), after(bytes, 1);
  if (driver.copy) {
    auto copy = [&](void *to, const void *from, bool toDevice) {
      return expectOk("copy",
                      driver.copy(device.device, to, from, bytes, toDevice));
    };
    CTS_CHECK(copy(before.data(), memory, false));
    CTS_CHECK(copy(memory, after.data(), true));
    std::fill(after.begin(), after.end(), 0);
    CTS_CHECK(copy(after.data(), memory, false));
  } else {
    std::memcpy(before.data(), memory, bytes);
    std::memset(memory, 1, bytes);
  }
  *zero = std::count(before.begin(), before.end(), 0) == int64_t(bytes);
  CTS_REQUIRE(std::count(after.begin(), after.end(), 1) == int64_t(bytes),
              std::to_string(bytes) + " bytes do not come back");
  return {};
}

static Outcome checkMemory(const Subject &subject) {
  Device device;
  CTS_CHECK(device.open(subject, 1));
  for (uint64_t bytes : {uint64_t(0), uint64_t(1), uint64_t(4097),
                         uint64_t(1) << 20, (uint64_t(5) << 20) + 3}) {
    void *memory = nullptr;
    CTS_CHECK(expectOk("allocate",
                       device.driver->allocate(device.device, bytes, &memory)));
    bool aligned =
        memory &&
        reinterpret_cast<uintptr_t>(memory) % MOERT_ABI_ALIGNMENT == 0;
    bool zero = false;
    Outcome touched;
    if (aligned)
      touched = takeBytes(device, memory, bytes, &zero);
    device.driver->release(device.device, memory, bytes);
    CTS_REQUIRE(aligned, std::to_string(bytes) + " bytes are not aligned");
    CTS_CHECK(touched);
    CTS_REQUIRE(zero, std::to_string(bytes) + " bytes are not zero");
  }
  return {};
}

static Outcome checkTooMuchMemory(const Subject &subject) {
  Device device;
  CTS_CHECK(device.open(subject, 1));
  for (uint64_t bytes : {uint64_t(1) << 60, ~uint64_t(0)}) {
    void *memory = nullptr;
    CTS_CHECK(expectCode("allocate",
                         device.driver->allocate(device.device, bytes, &memory),
                         MOERT_RESOURCE_EXHAUSTED));
    CTS_REQUIRE(!memory, "the result is written on failure");
  }
  return {};
}

static Outcome checkImpossibleFeature(const Subject &subject) {
  const char *features[] = {"no-such-feature"};
  moert_code_t code = codeOf(subject.code, MOERT_ABI_FORWARD_SYMBOL);
  code.features = features;
  code.feature_count = 1;
  Status status(subject.driver->check(&code));
  CTS_REQUIRE(status.code() == MOERT_INCOMPATIBLE,
              std::string("check: ") + status.message());
  CTS_REQUIRE(std::strstr(status.message(), "no-such-feature"),
              std::string("does not name the feature: ") + status.message());
  CTS_REQUIRE(std::strncmp(status.message(), "cts: ", 5) == 0,
              std::string("does not begin with the origin: ") +
                  status.message());
  return {};
}

static Outcome checkGarbageCode(const Subject &subject) {
  Device device;
  CTS_CHECK(device.open(subject, 1));
  // No code at all, too short for any header, and long enough for all.
  for (size_t size : {size_t(1), size_t(63), size_t(10000)}) {
    std::vector<char> bytes(size, 0x5a);
    moert_code_t code = codeOf(bytes, MOERT_ABI_FORWARD_SYMBOL);
    moert_executable_t *executable = nullptr;
    Status status(device.driver->load(device.device, &code, &executable));
    CTS_REQUIRE(!status.ok(), std::to_string(size) + " bytes of rubbish load");
    CTS_REQUIRE(!executable, "the result is written on failure");
  }
  return {};
}

moert_code_t moert::cts::codeOf(const std::vector<char> &bytes,
                                const char *entry) {
  moert_code_t code = {};
  code.bytes = bytes.data();
  code.size = bytes.size();
  code.entry = entry;
  const std::vector<uint64_t> &metadata = metadataOf(entry);
  code.metadata = metadata.data();
  code.metadata_size = metadata.size() * sizeof(uint64_t);
  code.triple = "";
  code.origin = "cts";
  return code;
}

const std::vector<Property> &moert::cts::properties() {
  static const std::vector<Property> all = {
      {"Table", checkTable},
      {"Probe", checkProbe},
      {"OpenTwice", checkOpenTwice},
      {"Memory", checkMemory},
      {"TooMuchMemory", checkTooMuchMemory},
      {"ImpossibleFeature", checkImpossibleFeature},
      {"GarbageCode", checkGarbageCode},
      {"Load", checkLoad},
      {"MissingEntry", checkMissingEntry},
      {"Forward", checkForward},
      {"ForwardFailure", checkForwardFailure},
      {"Trace", checkTrace},
      {"ParallelCoverage", checkParallelCoverage},
      {"NestedParallel", checkNestedParallel},
      {"Experts", checkExperts},
      {"Exits", checkExits},
      {"Parking", checkParking},
  };
  return all;
}
