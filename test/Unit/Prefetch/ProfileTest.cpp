//===- ProfileTest.cpp - machines as numbers, right and wrong -------------===//
#include "moe/Prefetch/DeviceProfile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe;
using testing::HasSubstr;

namespace {

/// A valid file, of which tests change one line.
const std::vector<std::pair<std::string, std::string>> valid = {
    {"name", "\"mine\""},
    {"description", "\"a machine\""},
    {"source", "\"measured\""},
    {"memory_bandwidth_bytes_per_second", "50e9"},
    {"memory_bytes", "8000000000"},
    {"operations_per_second", "1e12"},
    {"link", "\"disk\""},
    {"link_bandwidth_bytes_per_second", "2e9"},
    {"link_latency_seconds", "0.0001"},
};

std::string toJson(
    const std::vector<std::pair<std::string, std::string>> &fields) {
  std::string text;
  for (auto &[name, value] : fields)
    text += (text.empty() ? "{\"" : ", \"") + name + "\": " + value;
  return text + "}";
}

class ProfileTest : public testing::Test {
protected:
  ProfileTest() {
    EXPECT_FALSE(
        llvm::sys::fs::createTemporaryFile("moe-profile", "json", path));
  }
  ~ProfileTest() override { llvm::sys::fs::remove(path); }

  llvm::Expected<DeviceProfile> load(llvm::StringRef text) {
    std::error_code code;
    llvm::raw_fd_ostream(path, code) << text;
    EXPECT_FALSE(code);
    return DeviceProfile::load(path);
  }
  /// What is wrong with the text, without the file's name.
  std::string getError(llvm::StringRef text) {
    auto profile = load(text);
    if (profile)
      return "no error";
    std::string message = llvm::toString(profile.takeError());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(message.find(path.c_str()), 0u) << message;
    return message.substr(std::min(path.size() + 2, message.size()));
  }
  /// The same with another value for a field.
  std::string getError(const std::string &field, const std::string &value) {
    auto fields = valid;
    for (auto &[name, text] : fields)
      if (name == field)
        text = value;
    return getError(toJson(fields));
  }

  llvm::SmallString<128> path;
};

TEST(BuiltInProfileTest, AllLoadAndSayWhereNumbersComeFrom) {
  std::vector<std::string> names = DeviceProfile::getNames();
  for (const char *name : {"rtx-3090", "rtx-4090", "a100", "h100", "h200",
                           "jetson-orin", "cpu-nvme"})
    EXPECT_TRUE(llvm::is_contained(names, name)) << name;
  for (const std::string &name : names) {
    auto profile = DeviceProfile::load(name);
    ASSERT_TRUE(bool(profile)) << llvm::toString(profile.takeError());
    EXPECT_EQ(profile->name, name);
    EXPECT_THAT(profile->source, HasSubstr("link: ")) << name;
    EXPECT_GT(profile->memoryBandwidth, profile->linkBandwidth) << name;
    EXPECT_LT(profile->linkLatency, 1e-3) << name;
  }
}

TEST(BuiltInProfileTest, UnknownNamesListTheKnown) {
  auto profile = DeviceProfile::load("h300");
  ASSERT_FALSE(bool(profile));
  std::string message = llvm::toString(profile.takeError());
  EXPECT_THAT(message, HasSubstr("no device profile 'h300'"));
  EXPECT_THAT(message, HasSubstr("a100, cpu-nvme, h100"));
}

TEST_F(ProfileTest, ReadsAllFields) {
  auto profile = load(toJson(valid));
  ASSERT_TRUE(bool(profile)) << llvm::toString(profile.takeError());
  EXPECT_EQ(profile->name, "mine");
  EXPECT_EQ(profile->description, "a machine");
  EXPECT_EQ(profile->source, "measured");
  EXPECT_EQ(profile->memoryBandwidth, 50e9);
  EXPECT_EQ(profile->memoryBytes, 8e9);
  EXPECT_EQ(profile->operationsPerSecond, 1e12);
  EXPECT_EQ(profile->linkKind, "disk");
  EXPECT_EQ(profile->linkBandwidth, 2e9);
  EXPECT_EQ(profile->linkLatency, 1e-4);
}

TEST_F(ProfileTest, EachFieldMustBeThere) {
  for (size_t i = 0; i < valid.size(); ++i) {
    auto fields = valid;
    fields.erase(fields.begin() + i);
    EXPECT_EQ(getError(toJson(fields)), "lacks field '" + valid[i].first + "'");
  }
  EXPECT_EQ(getError("{}"), "lacks field 'name'");
}

TEST_F(ProfileTest, NumbersAreGreaterThanZero) {
  for (auto &[name, value] : valid) {
    if (value[0] == '"')
      continue;
    EXPECT_EQ(getError(name, "-3"),
              "field '" + name + "' is -3, must be greater than 0");
    EXPECT_EQ(getError(name, "0"),
              "field '" + name + "' is 0, must be greater than 0");
    EXPECT_EQ(getError(name, "-1.5e9"),
              "field '" + name + "' is -1.5e9, must be greater than 0");
  }
}

TEST_F(ProfileTest, NumbersAreFinite) {
  EXPECT_EQ(getError("memory_bytes", "1e999"),
            "field 'memory_bytes' is '1e999', must be finite");
  // JSON has no word for it.
  EXPECT_THAT(getError("memory_bytes", "Infinity"),
              HasSubstr("is not valid JSON at byte "));
  EXPECT_THAT(getError("memory_bytes", "NaN"),
              HasSubstr("is not valid JSON at byte "));
}

TEST_F(ProfileTest, FieldsAreKnownAndComeOnce) {
  auto fields = valid;
  fields.push_back({"colour", "3"});
  EXPECT_THAT(getError(toJson(fields)),
              HasSubstr("has the unknown field 'colour', known are name, "));
  fields.back() = {"link", "\"pcie\""};
  EXPECT_EQ(getError(toJson(fields)), "has field 'link' twice");
}

TEST_F(ProfileTest, FieldsAreOfTheirKind) {
  EXPECT_EQ(getError("memory_bytes", "\"8G\""),
            "field 'memory_bytes' is the text '8G', must be a number");
  EXPECT_EQ(getError("memory_bytes", "null"),
            "field 'memory_bytes' is null, must be a number");
  EXPECT_EQ(getError("memory_bytes", "[1]"),
            "field 'memory_bytes' is an array, must be a number");
  EXPECT_EQ(getError("memory_bytes", "{\"a\": 1}"),
            "field 'memory_bytes' is an object, must be a number");
  EXPECT_EQ(getError("memory_bytes", "true"),
            "field 'memory_bytes' is a truth value, must be a number");
  EXPECT_EQ(getError("source", "7"),
            "field 'source' is the number 7, must be text");
  EXPECT_EQ(getError("source", "\"\""), "field 'source' is empty");
}

TEST_F(ProfileTest, LinksAreKnown) {
  EXPECT_EQ(getError("link", "\"usb\""), "field 'link' is 'usb', must be one "
                                         "of disk, nvlink-c2c, pcie");
  EXPECT_THAT(getError("link", "\"a\\nb\""), HasSubstr("'a\\nb'"));
}

TEST_F(ProfileTest, TheFileIsOneObject) {
  EXPECT_EQ(getError(""), "is not valid JSON at byte 0");
  EXPECT_EQ(getError("3"), "is not a JSON object but the number 3");
  EXPECT_EQ(getError("[]"), "is not a JSON object but an array");
  EXPECT_EQ(getError("\"x\""), "is not a JSON object but the text 'x'");
  EXPECT_THAT(getError(toJson(valid) + " {}"),
              HasSubstr("is not valid JSON at byte "));
  std::string text = toJson(valid);
  EXPECT_EQ(getError(text + std::string(1, '\0')),
            "is not valid JSON at byte " + std::to_string(text.size()));
}

TEST(ProfileFileTest, MustBeThere) {
  auto missing = DeviceProfile::load("no/such.json");
  ASSERT_FALSE(bool(missing));
  EXPECT_EQ(llvm::toString(missing.takeError()),
            "no/such.json: no such file or directory");
  auto folder = DeviceProfile::load("/");
  ASSERT_FALSE(bool(folder));
  EXPECT_EQ(llvm::toString(folder.takeError()), "/: is not a regular file");
}

} // namespace
