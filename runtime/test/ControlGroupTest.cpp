//===- ControlGroupTest.cpp - memory that control groups grant ------------===//
#include "TestModule.h"

#include "base/ControlGroup.h"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace moert;
using namespace moert::test;

namespace {

class ControlGroup : public testing::Test {
protected:
  void write(const std::string &name, const std::string &text) {
    std::string path = folder.path(name);
    std::filesystem::create_directories(
        std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  GroupMemory read(const std::string &groups) {
    write("cgroup", groups);
    return readGroupMemory(folder.path("cgroup"), folder.path("fs"));
  }
  TempFolder folder;
};

TEST_F(ControlGroup, NoneLimitsNothing) {
  EXPECT_EQ(read("").limit, unknownMemory);
  EXPECT_EQ(read("0::/\n").available, unknownMemory);
  EXPECT_EQ(read("nonsense\n4:memory\n").available, unknownMemory);
  EXPECT_EQ(readGroupMemory(folder.path("none"), folder.path("fs")).limit,
            unknownMemory);
}

TEST_F(ControlGroup, SecondVersion) {
  write("fs/a/b/memory.max", "1000\n");
  write("fs/a/b/memory.current", "700\n");
  write("fs/a/b/memory.stat",
        "anon 400\nfile 250\nactive_file 100\ninactive_file 150\n");
  GroupMemory memory = read("0::/a/b\n");
  EXPECT_EQ(memory.limit, 1000u);
  EXPECT_EQ(memory.available, 550u); // 700 used, 250 of it cached files
  // A group of a group; "max" is no limit.
  write("fs/a/b/c/memory.max", "max\n");
  write("fs/a/b/c/memory.current", "10\n");
  EXPECT_EQ(read("0::/a/b/c\n").available, 550u);
  write("fs/a/b/c/memory.max", "110\n");
  EXPECT_EQ(read("0::/a/b/c\n").available, 100u);
  EXPECT_EQ(read("0::/elsewhere\n").available, unknownMemory);
  // More used than granted, as after the limit was lowered.
  write("fs/a/b/c/memory.max", "5\n");
  EXPECT_EQ(read("0::/a/b/c\n").available, 0u);
}

TEST_F(ControlGroup, FirstVersion) {
  write("fs/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("fs/memory/memory.usage_in_bytes", "5000\n");
  write("fs/memory/x/memory.limit_in_bytes", "1000\n");
  write("fs/memory/x/memory.usage_in_bytes", "900\n");
  write("fs/memory/x/memory.stat",
        "cache 800\ntotal_inactive_file 300\ntotal_active_file 200\n");
  const std::string groups = "9:name=systemd:/\n5:cpu,memory:/x\n0::/\n";
  EXPECT_EQ(read(groups).limit, 1000u);
  EXPECT_EQ(read(groups).available, 600u);
  EXPECT_EQ(read("5:memoryless:/x\n").available, unknownMemory);
}

/// Inside a container its group is the mount; the list has the path outside.
TEST_F(ControlGroup, PathThatIsNotThere) {
  write("fs/memory/memory.limit_in_bytes", "1000\n");
  write("fs/memory/memory.usage_in_bytes", "100\n");
  EXPECT_EQ(read("4:memory:/docker/0123\n").available, 900u);
  write("fs/memory.max", "500\n");
  write("fs/memory.current", "100\n");
  EXPECT_EQ(read("0::/../../x\n").available, 400u);
}

} // namespace
