//===- ExpertReaderTest.cpp - readers against real files ------------------===//
#include "experts/ExpertReader.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <thread>
#include <unistd.h>

using namespace moert;
namespace fs = std::filesystem;

namespace {

using Opener = Status (*)(const std::string &, std::unique_ptr<ExpertReader> *);

Status openThreads(const std::string &path,
                   std::unique_ptr<ExpertReader> *out) {
  return openThreadReader(path, 3, out);
}

/// Every reader, in a folder of a disk and in one of memory.
struct Subject {
  const char *name;
  Opener open;
  const char *folder;
};

class ExpertReaders : public ::testing::TestWithParam<Subject> {
protected:
  /// Not a multiple of 4096 bytes.
  static constexpr size_t fileBytes = 40 * 4096 + 100;

  void SetUp() override {
    if (!fs::is_directory(GetParam().folder))
      GTEST_SKIP() << GetParam().folder << " is not here";
    path = std::string(GetParam().folder) + "/moert-reader-" +
           std::to_string(::getpid()) + ".bin";
    std::minstd_rand random(3);
    content.resize(fileBytes);
    for (char &c : content)
      c = char(random());
    std::ofstream(path, std::ios::binary)
        .write(content.data(), std::streamsize(content.size()));
    memory.reset(static_cast<char *>(std::aligned_alloc(4096, 48 * 4096)));
    Status status = GetParam().open(path, &reader);
    if (status.code() == MOERT_UNAVAILABLE)
      GTEST_SKIP() << status.message();
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void TearDown() override {
    reader.reset();
    if (!path.empty())
      fs::remove(path);
  }
  void submit(uint64_t id, uint64_t block, uint64_t blocks) {
    Status status = reader->submit(
        {id, block * 4096, blocks * 4096, memory.get() + block * 4096});
    ASSERT_TRUE(status.ok()) << status.message();
  }
  /// Results of so many reads, by id.
  std::map<uint64_t, int64_t> waitFor(size_t count) {
    std::map<uint64_t, int64_t> all;
    ReadResult results[2];
    while (all.size() < count)
      for (size_t i = 0, n = reader->wait(results, 10000); i < n; ++i)
        all[results[i].id] = results[i].bytes;
    return all;
  }

  std::string path;
  std::vector<char> content;
  std::unique_ptr<char, decltype(&std::free)> memory{nullptr, std::free};
  std::unique_ptr<ExpertReader> reader;
};

TEST_P(ExpertReaders, ReadsPiecesAndTheShortEnd) {
  ASSERT_GE(reader->depth(), 3);
  for (uint64_t i = 0; i < 41; i += 3) {
    for (uint64_t j = i; j < std::min<uint64_t>(i + 3, 41); ++j)
      submit(100 + j, j, 1);
    for (auto [id, bytes] : waitFor(std::min<uint64_t>(3, 41 - i)))
      EXPECT_EQ(bytes, id == 140 ? 100 : 4096) << id;
  }
  EXPECT_EQ(std::memcmp(memory.get(), content.data(), fileBytes), 0);
}

TEST_P(ExpertReaders, ReadsNothingBehindTheEnd) {
  submit(1, 38, 8);
  EXPECT_EQ(waitFor(1)[1], 2 * 4096 + 100);
  submit(2, 41, 1);
  EXPECT_EQ(waitFor(1)[2], 0);
}

TEST_P(ExpertReaders, SeesThatTheFileGotShorter) {
  fs::resize_file(path, 4 * 4096);
  submit(1, 3, 2);
  EXPECT_EQ(waitFor(1)[1], 4096);
}

TEST_P(ExpertReaders, WaitsEndWhenWoken) {
  ReadResult results[4];
  reader->wake(); // before
  EXPECT_EQ(reader->wait(results, -1), 0u);
  for (int i = 0; i < 20; ++i) {
    std::thread waker([&] { reader->wake(); }); // before or during
    EXPECT_EQ(reader->wait(results, -1), 0u);
    waker.join();
  }
  EXPECT_EQ(reader->wait(results, 1), 0u); // nobody did
}

TEST_P(ExpertReaders, EndsWithReadsUnderWay) {
  for (uint64_t i = 0; i < 3; ++i)
    submit(i, i * 8, 8);
  reader.reset(); // must not write to freed memory later
  memory.reset();
}

TEST_P(ExpertReaders, SaysHowItReads) {
  EXPECT_THAT(std::string(reader->name()),
              ::testing::AnyOf("io_uring, direct", "io_uring, page cache",
                               "threads, direct", "threads, page cache"));
}

TEST_P(ExpertReaders, ReadsFilesThatCannotBeReadDirectly) {
  const char *path = "/proc/version";
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  Status status = GetParam().open(path, &reader);
  if (text.empty() || !status.ok())
    GTEST_SKIP() << "no " << path;
  EXPECT_THAT(reader->name(), ::testing::EndsWith("page cache"));
  submit(1, 0, 1);
  EXPECT_EQ(waitFor(1)[1], int64_t(text.size()));
  EXPECT_EQ(text, std::string(memory.get(), text.size()));
}

INSTANTIATE_TEST_SUITE_P(
    All, ExpertReaders,
    ::testing::Values(Subject{"uringDisk", openUringReader, "."},
                      Subject{"uringMemory", openUringReader, "/dev/shm"},
                      Subject{"threadsDisk", openThreads, "."},
                      Subject{"threadsMemory", openThreads, "/dev/shm"}),
    [](const auto &info) { return std::string(info.param.name); });

TEST(ExpertReader, NamesAFileThatIsNotThere) {
  std::unique_ptr<ExpertReader> reader;
  Status status = openExpertReader("nowhere.moe", &reader);
  EXPECT_EQ(status.code(), MOERT_NOT_FOUND);
  EXPECT_THAT(status.message(), ::testing::StartsWith("nowhere.moe: "));
  EXPECT_EQ(openThreadReader("nowhere.moe", 2, &reader).code(),
            MOERT_NOT_FOUND);
}

TEST(ExpertReader, NeedsAThread) {
  std::unique_ptr<ExpertReader> reader;
  EXPECT_STREQ(openThreadReader("x", 0, &reader).message(),
               "x: 0 threads to read it, must be at least 1");
}

TEST(ExpertReader, SaysWhyItIsNotABetterOne) {
  std::ofstream("moert-reader-note.bin") << "text";
  std::unique_ptr<ExpertReader> reader;
  ASSERT_TRUE(openThreadReader("moert-reader-note.bin", 1, &reader, "no ring")
                  .ok());
  EXPECT_THAT(reader->name(), ::testing::EndsWith(" (no ring)"));
  fs::remove("moert-reader-note.bin");
}

} // namespace
