//===- CliOutputTest.cpp - files, JSON and progress of moe-run ------------===//
#include "Failure.h"
#include "Generate.h"
#include "Output.h"

#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace moert::cli;

namespace {

class CliOutput : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/moe-run-output-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder = name;
  }
  void TearDown() override {
    for (const std::string &name : files())
      ::unlink((folder + "/" + name).c_str());
    ::rmdir(folder.c_str());
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    DIR *directory = ::opendir(folder.c_str());
    while (dirent *entry = ::readdir(directory))
      if (entry->d_name[0] != '.')
        names.push_back(entry->d_name);
    ::closedir(directory);
    return names;
  }
  std::string folder;
};

template <typename Body> std::string failureOf(Body body) {
  try {
    body();
  } catch (const Failure &failure) {
    return failure.what();
  }
  return "no failure";
}

TEST_F(CliOutput, NpyHasHeaderAndRows) {
  std::string path = folder + "/a.npy";
  NpyWriter writer(path, 2, 3);
  float rows[] = {1, 2, 3, -0.5f, 0, 8};
  writer.append(rows, 1);
  writer.append(rows + 3, 1);
  EXPECT_NE(::access(path.c_str(), F_OK), 0); // not before it is complete
  writer.finish();

  std::string bytes = readFile(path);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  size_t header = 10 + uint8_t(bytes[8]) + 256 * uint8_t(bytes[9]);
  EXPECT_EQ(header % 64, 0u);
  EXPECT_EQ(bytes[header - 1], '\n');
  EXPECT_EQ(bytes.substr(10, bytes.find_last_not_of(" \n", header - 1) - 9),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  ASSERT_EQ(bytes.size(), header + sizeof(rows));
  EXPECT_EQ(std::memcmp(bytes.data() + header, rows, sizeof(rows)), 0);
  EXPECT_THAT(files(), testing::ElementsAre("a.npy"));
}

TEST_F(CliOutput, NpyHeadersOfAllSizesAreAligned) {
  for (int64_t rows : {1, 10, 12345, 1 << 30})
    EXPECT_EQ(npyHeader(rows, 151936).size() % 64, 0u);
}

TEST_F(CliOutput, UnfinishedFilesLeaveNothing) {
  { NpyWriter writer(folder + "/a.npy", 1, 1); }
  EXPECT_THAT(files(), testing::ElementsAre());
}

TEST_F(CliOutput, UnfinishedFilesKeepTheOldOne) {
  std::string path = folder + "/a";
  {
    OutputFile file(path);
    file.append("old", 3);
    file.finish();
  }
  {
    OutputFile file(path);
    file.append("new", 3);
  }
  EXPECT_EQ(readFile(path), "old");
}

TEST_F(CliOutput, WritesThroughSymbolicLinks) {
  std::string link = folder + "/link", path = folder + "/file";
  OutputFile(path).finish();
  ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
  OutputFile file(link);
  file.append("x", 1);
  file.finish();
  EXPECT_EQ(readFile(path), "x");
  struct stat info;
  ASSERT_EQ(::lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
}

TEST_F(CliOutput, WritesThroughLinksToNoFile) {
  std::string link = folder + "/link";
  ASSERT_EQ(::symlink("file", link.c_str()), 0);
  OutputFile(link).finish();
  EXPECT_THAT(files(), testing::UnorderedElementsAre("file", "link"));
  EXPECT_EQ(readFile(folder + "/file"), "");
  struct stat info;
  ASSERT_EQ(::lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
}

TEST_F(CliOutput, SaysWhyAFileCannotBeWritten) {
  EXPECT_EQ(failureOf([&] { OutputFile file(folder + "/no/such"); }),
            folder + "/no/such: cannot write: no such file or directory");
  EXPECT_EQ(failureOf([&] { OutputFile file("/dev/full"); }), "no failure");
  EXPECT_EQ(failureOf([&] {
              OutputFile file("/dev/full");
              file.append("x", 1);
            }),
            "/dev/full: cannot write: no space left on device");
  struct stat info;
  ASSERT_EQ(::stat("/dev/full", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode)); // a device is not replaced
}

TEST_F(CliOutput, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(failureOf([&] { readFile(folder + "/no"); }),
            folder + "/no: cannot open: no such file or directory");
  EXPECT_EQ(failureOf([&] { readFile(folder); }),
            folder + ": cannot read: is a directory");
}

TEST_F(CliOutput, DetectsAFullStandardOutput) {
  int saved = ::dup(1), full = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(::dup2(full, 1), 0);
  std::string message = failureOf([] { writeOut("text"); });
  ::dup2(saved, 1);
  ::close(saved);
  ::close(full);
  EXPECT_EQ(message, "standard output: cannot write: no space left on device");
}

TEST_F(CliOutput, JsonEscapesWhatIsNotText) {
  testing::internal::CaptureStdout();
  writeJson({{"a", "tab\t\"\\\n\x01"}, {"b", "\xff\xc3\xa9"}, {"c", 1.0 / 0}});
  EXPECT_EQ(
      testing::internal::GetCapturedStdout(),
      "{\"a\":\"tab\\t\\\"\\\\\\n\\u0001\",\"b\":\"\xef\xbf\xbd\xc3\xa9\","
      "\"c\":null}\n");
}

TEST(CliProgress, SaysHowFarAndHowLong) {
  EXPECT_EQ(progressText("prompt", 0, 10, 3), "prompt: 0 %");
  EXPECT_EQ(progressText("prompt", 25, 100, 3), "prompt: 25 %, 9 s left");
  EXPECT_EQ(progressText("prompt", 100, 100, 3), "prompt: 100 %, 0 s left");
}

std::string streamed(size_t count, void (*body)(TextStreams &)) {
  std::string all;
  TextStreams streams(count, [&](std::string_view text) { all += text; });
  body(streams);
  return all;
}

TEST(CliTextStreams, OneTextIsWrittenAsItGrows) {
  EXPECT_EQ(streamed(1, [](TextStreams &s) { s.append(0, "a"); }), "a");
  EXPECT_EQ(streamed(1,
                     [](TextStreams &s) {
                       s.append(0, "a");
                       s.append(0, "b");
                       s.end(0);
                     }),
            "ab\n");
  EXPECT_EQ(streamed(1,
                     [](TextStreams &s) {
                       s.append(0, "a\n");
                       s.end(0);
                     }),
            "a\n");
  EXPECT_EQ(streamed(1, [](TextStreams &s) { s.end(0); }), "");
  EXPECT_EQ(streamed(2, [](TextStreams &s) { s.append(1, "b"); }), "");
}

TEST(CliTextStreams, SeveralKeepTheirOrder) {
  EXPECT_EQ(streamed(3,
                     [](TextStreams &s) {
                       s.append(1, "B");
                       s.append(0, "A");
                       s.append(2, "C");
                       s.end(1);
                       s.append(0, "a");
                       s.end(0);
                       s.append(2, "c");
                       s.end(2);
                     }),
            "==> 1 of 3 <==\nAa\n==> 2 of 3 <==\nB\n==> 3 of 3 <==\nCc\n");
  EXPECT_EQ(streamed(2,
                     [](TextStreams &s) {
                       s.end(1);
                       s.end(0);
                     }),
            "==> 1 of 2 <==\n==> 2 of 2 <==\n");
}

} // namespace
