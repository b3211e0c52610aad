//===- CliLogitsFileTest.cpp - logits that runs leave to others -----------===//
#include "Failure.h"
#include "LogitsFile.h"
#include "TestModule.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace moert::cli;
using moert::test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;

namespace {

const std::vector<int32_t> ids = {5, 1, 4, 1, 5, 9, 2};

/// Five scored positions with logits 0, 1, 2, ...
class CliLogitsFile : public testing::Test {
protected:
  CliLogitsFile() : facts(ids, 3, 4), path(folder.path("l.npy")) {
    for (int i = 0; i < 16; ++i)
      logits.push_back(float(i));
  }
  void write() {
    LogitsWriter writer(path, facts);
    writer.append(logits.data(), 3);
    writer.append(logits.data() + 12, 1);
    writer.finish();
  }
  void rewrite(const std::string &bytes) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << bytes;
  }
  /// "ok" if a run with these facts can read all of the file.
  std::string readAs(const LogitsFacts &wanted) const {
    try {
      LogitsReader reader(path, wanted);
      std::vector<float> first, rest;
      reader.read(1, first);
      reader.read(wanted.rows() - 1, rest);
      first.insert(first.end(), rest.begin(), rest.end());
      return first == logits ? "ok" : "other logits";
    } catch (const Failure &failure) {
      return failure.what();
    }
  }

  TempFolder folder;
  LogitsFacts facts;
  std::string path;
  std::vector<float> logits;
};

TEST(CliLogitsFacts, CountsScoredPositions) {
  EXPECT_EQ(LogitsFacts(ids, 7, 4).rows(), 6);
  EXPECT_EQ(LogitsFacts(ids, 100, 4).rows(), 6);
  EXPECT_EQ(LogitsFacts(ids, 3, 4).rows(), 4); // windows of 3, 3 and 1
  EXPECT_EQ(LogitsFacts(ids, 4, 4).rows(), 5);
  EXPECT_EQ(LogitsFacts(ids, 2, 4).rows(), 3);
}

TEST_F(CliLogitsFile, ReadsWhatWasWritten) {
  write();
  EXPECT_EQ(readAs(facts), "ok");
  std::string bytes = readFile(path);
  EXPECT_EQ(bytes.size() % 64, 16 * sizeof(float) % 64 + 8);
  EXPECT_THAT(bytes, HasSubstr("'shape': (4, 4), } # moe-run logits 1: "
                               "tokens=7 hash="));
  // A window beyond the text is the text.
  facts = LogitsFacts(ids, 9, 2);
  logits.resize(12);
  {
    LogitsWriter writer(path, facts);
    writer.append(logits.data(), 6);
    writer.finish();
  }
  EXPECT_EQ(readAs(LogitsFacts(ids, 7, 2)), "ok");
}

TEST_F(CliLogitsFile, RefusesWhatBelongsToOthers) {
  write();
  EXPECT_EQ(readAs(LogitsFacts(ids, 3, 5)),
            path + ": has logits of a vocabulary of 4, the module to compare "
                   "has 5");
  EXPECT_EQ(readAs(LogitsFacts({1, 2, 3}, 3, 4)),
            path + ": has logits of a text of 7 tokens, this text has 3");
  EXPECT_EQ(readAs(LogitsFacts(ids, 4, 4)),
            path + ": has logits of windows of 3 tokens, this run has windows "
                   "of 4");
  std::vector<int32_t> others = ids;
  ++others.back();
  EXPECT_THAT(readAs(LogitsFacts(others, 3, 4)),
              AllOf(HasSubstr("has logits of another text: its tokens have the "
                              "hash "),
                    HasSubstr(", this text's have ")));
}

TEST_F(CliLogitsFile, RefusesDamage) {
  write();
  const std::string bytes = readFile(path);
  const std::string notOurs = path + ": is not a file that --save-logits wrote";

  rewrite(bytes.substr(0, bytes.size() - 1));
  EXPECT_THAT(readAs(facts), HasSubstr("bytes, its 4 rows of 4 logits need " +
                                       std::to_string(bytes.size())));
  rewrite(bytes + "x");
  EXPECT_THAT(readAs(facts),
              HasSubstr("has " + std::to_string(bytes.size() + 1) +
                        " bytes, its 4 rows of 4"));
  for (size_t size : {0u, 5u, 40u}) {
    rewrite(bytes.substr(0, size));
    EXPECT_EQ(readAs(facts), notOurs) << size;
  }
  rewrite(npyHeader(4, 4) + std::string(64, '\0'));
  EXPECT_EQ(readAs(facts), notOurs);
  // Every byte counts: of the header, of the logits, of the checksum.
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    rewrite(damaged);
    EXPECT_NE(readAs(facts), "ok") << "byte " << i;
  }
  std::string damaged = bytes;
  damaged[bytes.size() - 20] ^= 1;
  rewrite(damaged);
  EXPECT_THAT(readAs(facts),
              AllOf(HasSubstr("is damaged: its logits have the checksum "),
                    HasSubstr(", it says ")));
}

TEST_F(CliLogitsFile, RefusesWhatCannotBeRead) {
  EXPECT_EQ(readAs(facts), path + ": cannot open: no such file or directory");
  path = folder.root;
  EXPECT_EQ(readAs(facts), path + ": cannot read: is a directory");
}

TEST_F(CliLogitsFile, KeepsReadingAFileThatIsReplaced) {
  write();
  LogitsReader reader(path, facts);
  rewrite("");
  std::vector<float> rows;
  reader.read(1, rows); // the old file is still open
  EXPECT_EQ(rows, std::vector<float>(logits.begin(), logits.begin() + 4));
}

TEST_F(CliLogitsFile, AppearsOnlyWhenComplete) {
  {
    LogitsWriter writer(path, facts);
    writer.append(logits.data(), 4);
  }
  EXPECT_THAT(folder.list(), testing::ElementsAre());
}

} // namespace
