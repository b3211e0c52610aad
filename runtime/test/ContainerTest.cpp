//===- ContainerTest.cpp - damaged, foreign and future module files -------===//
#include "TestModule.h"

#include "container/Writer.h"
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace moert;
using namespace moert::test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

namespace {

/// A module with every section, so that damage has somewhere to be.
ModuleSpec full() {
  ModuleSpec spec = ModuleSpec::cpu();
  ParameterSpec expert;
  expert.name = "gate.0";
  expert.kind = 1;
  expert.shape = {2, 3};
  expert.offset = 4096;
  expert.size = 3 * 2 * 3 * 4;
  spec.parameters.push_back(expert);
  spec.weights.resize(4096 + 100);
  std::fill(spec.weights.begin() + 4096, spec.weights.begin() + 4096 + 72, 7);
  spec.more = {{MOERT_SECTION_TOKENIZER, 0, std::vector<char>(5000, 't')},
               {MOERT_SECTION_IR, 0, {'i', 'r'}}};
  return spec;
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

TEST(ContainerRead, WhatTheWriterWrote) {
  Image image(full());
  EXPECT_EQ(image.read(), "ok");
  EXPECT_EQ(image.header().section_count, 5u);
}

TEST(ContainerRead, TruncatedAtEveryPage) {
  Image image(full());
  size_t size = image.bytes().size();
  ASSERT_GE(size, 6 * size_t(MOERT_CONTAINER_PAGE));
  for (size_t cut = 0; cut < size; cut += MOERT_CONTAINER_PAGE) {
    image.truncate(cut);
    std::string text = image.read();
    EXPECT_EQ(image.code, MOERT_DATA_LOSS) << cut;
    if (cut) {
      EXPECT_EQ(text, "m.moe: is truncated: has " + std::to_string(cut) +
                          " bytes, its header says " + std::to_string(size));
    } else {
      EXPECT_EQ(text, "m.moe: is not a module file: it is empty");
    }
  }
}

TEST(ContainerRead, TruncatedAtOddPlaces) {
  Image image(full());
  size_t size = image.bytes().size();
  for (size_t cut : {size_t(1), size_t(7), size_t(8), size_t(100), size_t(4095),
                     size_t(4097), size - 1}) {
    image.truncate(cut);
    EXPECT_NE(image.read(), "ok") << cut;
    EXPECT_EQ(image.code, MOERT_DATA_LOSS) << cut;
  }
  image.truncate(100);
  EXPECT_EQ(image.read(), "m.moe: is truncated: has 100 bytes, the header "
                          "alone has 4096");
}

TEST(ContainerRead, BytesBehindTheEnd) {
  TempFolder folder;
  std::string path = folder.path("m.moe");
  ASSERT_TRUE(writeModule(full(), path).ok());
  std::ofstream(path, std::ios::app | std::ios::binary) << "x";
  EXPECT_THAT(Image(path).read(), HasSubstr("has bytes behind its end: has "));
}

/// One flipped bit anywhere must show: every byte of the header page and every
/// eighth byte of the rest, sections and padding alike.
TEST(ContainerRead, EveryFlippedBit) {
  Image image(full());
  size_t size = image.bytes().size();
  for (size_t byte = 0; byte < size;
       byte += byte < MOERT_CONTAINER_PAGE ? 1 : 7) {
    image.flip(byte, byte % 8);
    EXPECT_NE(image.read(), "ok") << "byte " << byte;
    image.flip(byte, byte % 8);
  }
  EXPECT_EQ(image.read(), "ok");
}

TEST(ContainerRead, FlippedBitNamesItsSection) {
  Image image(full());
  const std::pair<uint32_t, const char *> cases[] = {
      {MOERT_SECTION_METADATA, "m.moe: METADATA is damaged: checksum "},
      {MOERT_SECTION_CODE, "m.moe: CODE is damaged: checksum "},
      {MOERT_SECTION_WEIGHTS,
       "m.moe: WEIGHTS is damaged: parameter bias has checksum "},
      {MOERT_SECTION_TOKENIZER, "m.moe: TOKENIZER is damaged: checksum "},
      {MOERT_SECTION_IR, "m.moe: IR is damaged: checksum "}};
  for (auto [id, text] : cases) {
    uint64_t byte = image.section(id)->offset;
    image.flip(byte, 3);
    EXPECT_THAT(image.read(), StartsWith(text));
    EXPECT_EQ(image.code, MOERT_DATA_LOSS);
    image.flip(byte, 3);
  }
  image.flip(offsetof(moert_container_header_t, minor));
  EXPECT_THAT(image.read(), StartsWith("m.moe: header is damaged: checksum "));
}

TEST(ContainerRead, FlippedBitBetweenParameters) {
  Image image(full());
  image.flip(image.section(MOERT_SECTION_WEIGHTS)->offset + 16);
  EXPECT_EQ(image.read(), "m.moe: WEIGHTS is damaged: byte 16 between "
                          "parameters is not zero");
}

TEST(ContainerRead, FlippedBitBetweenSections) {
  Image image(full());
  moert_container_section_t *code = image.section(MOERT_SECTION_CODE);
  image.flip(code->offset - 1);
  EXPECT_THAT(image.read(), HasSubstr("between sections is not zero"));
}

TEST(ContainerRead, WeightsMayBeTrusted) {
  Image image(full());
  image.flip(image.section(MOERT_SECTION_WEIGHTS)->offset);
  ReadOptions trusting;
  trusting.checkWeights = false;
  EXPECT_EQ(image.read(trusting), "ok");
}

//===----------------------------------------------------------------------===//
// Other versions
//===----------------------------------------------------------------------===//

TEST(ContainerRead, NotAModule) {
  Image image(full());
  std::memcpy(image.bytes().data(), "PK\3\4....", 8);
  EXPECT_EQ(image.read(), "m.moe: is not a module file");
}

TEST(ContainerRead, NewerMajorIsRefused) {
  Image image(full());
  image.header().major = 2;
  image.header().minor = 7;
  image.sign();
  EXPECT_EQ(image.read(),
            "m.moe: has format version 2.7, this runtime reads 1.x");
  EXPECT_EQ(image.code, MOERT_INCOMPATIBLE);
  image.header().major = 0;
  image.sign();
  EXPECT_THAT(image.read(), HasSubstr("has format version 0.7"));
}

TEST(ContainerRead, NewerMinorIsAccepted) {
  Image image(full());
  image.header().minor = 99;
  image.sign();
  EXPECT_EQ(image.read(), "ok");
}

TEST(ContainerRead, OtherAbi) {
  Image image(full());
  image.header().abi_hash = 0x1234;
  image.sign();
  EXPECT_THAT(image.read(),
              StartsWith("m.moe: made for runtime ABI 0000000000001234, this "
                         "runtime has "));
  EXPECT_EQ(image.code, MOERT_INCOMPATIBLE);
}

TEST(ContainerRead, UnknownSections) {
  ModuleSpec spec = full();
  spec.more.push_back({MOERT_SECTION_TEST, 0, {'?'}});
  spec.more.push_back({MOERT_SECTION_TEST, 0, {'!'}});
  EXPECT_EQ(Image(spec).read(), "ok");
  spec.more.back().flags = MOERT_SECTION_REQUIRED;
  Image image(spec);
  EXPECT_EQ(image.read(), "m.moe: needs section 32752, which format version "
                          "1.0 does not know");
  EXPECT_EQ(image.code, MOERT_INCOMPATIBLE);
}

//===----------------------------------------------------------------------===//
// A signed table of sections that cannot be true
//===----------------------------------------------------------------------===//

TEST(ContainerRead, TooManySections) {
  Image image(full());
  image.header().section_count = 65;
  image.header().header_checksum = 0;
  ReadOptions unchecked;
  unchecked.checkSections = false;
  EXPECT_EQ(image.read(unchecked),
            "m.moe: has 65 sections, the format has room for 64");
}

TEST(ContainerRead, SectionOffPage) {
  Image image(full());
  image.section(MOERT_SECTION_IR)->offset += 8;
  image.sign();
  EXPECT_THAT(image.read(), HasSubstr("not at a multiple of 4096"));
}

TEST(ContainerRead, SectionBeyondTheFile) {
  Image image(full());
  std::string size = std::to_string(image.bytes().size());
  image.section(MOERT_SECTION_IR)->size = 1 << 20;
  image.sign();
  EXPECT_THAT(image.read(), HasSubstr("IR has 1048576 bytes at "));
  EXPECT_THAT(image.read(), HasSubstr(", the file has " + size));
  // The sum of offset and size must not wrap.
  image.section(MOERT_SECTION_IR)->size = ~uint64_t(0) - 4095;
  image.sign();
  EXPECT_THAT(image.read(), HasSubstr(", the file has " + size));
}

TEST(ContainerRead, OverlappingSections) {
  Image image(full());
  image.section(MOERT_SECTION_CODE)->offset =
      image.section(MOERT_SECTION_METADATA)->offset;
  image.sign();
  EXPECT_THAT(image.read(), HasSubstr("CODE starts at 4096, inside what ends"));
  image.section(MOERT_SECTION_METADATA)->offset = 0;
  image.sign();
  EXPECT_THAT(image.read(),
              HasSubstr("METADATA starts at 0, inside what ends at 4096"));
}

TEST(ContainerRead, SectionTwice) {
  ModuleSpec spec = full();
  spec.more.push_back({MOERT_SECTION_IR, 0, {'2'}});
  EXPECT_EQ(Image(spec).read(), "m.moe: has two sections IR");
}

TEST(ContainerRead, NoMetadata) {
  ModuleSpec spec = full();
  spec.hasMetadata = false;
  EXPECT_EQ(Image(spec).read(), "m.moe: has no section METADATA");
}

TEST(ContainerRead, NoCodeForTheEntry) {
  ModuleSpec spec = full();
  spec.code.clear();
  EXPECT_EQ(Image(spec).read(),
            "m.moe: has the entry moert_forward_v1 but no section CODE");
}

//===----------------------------------------------------------------------===//
// Opening files
//===----------------------------------------------------------------------===//

std::string open(const std::string &path) {
  std::unique_ptr<Container> container;
  return Container::open(path, ReadOptions(), &container).message();
}

TEST(ContainerOpen, WhatIsNoFile) {
  TempFolder folder;
  EXPECT_EQ(open(folder.path("none")),
            folder.path("none") + ": cannot open: no such file or directory");
  EXPECT_EQ(open(folder.root),
            folder.root + ": is a directory, not a module file");
  EXPECT_EQ(open("/dev/null"), "/dev/null: is not a regular file");
  std::string fifo = folder.path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(open(fifo), fifo + ": is not a regular file");
  std::ofstream(folder.path("empty"));
  EXPECT_EQ(open(folder.path("empty")),
            folder.path("empty") + ": is not a module file: it is empty");
}

/// A file of format 1.0, written once and never again.
TEST(ContainerOpen, FrozenFileOfTheFirstFormat) {
  EXPECT_EQ(open(MOERT_SOURCE_DIR "/test/Inputs/v1_0/null.moe"), "ok");
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

TEST(ContainerWriter, LeavesNothingWhenNotFinished) {
  TempFolder folder;
  {
    std::unique_ptr<ContainerWriter> writer;
    ASSERT_TRUE(ContainerWriter::create(folder.path("m.moe"), &writer).ok());
    EXPECT_EQ(writer->partPath(),
              folder.path("m.moe.") + std::to_string(::getpid()) + ".part");
    EXPECT_EQ(folder.list().size(), 1u);
    ASSERT_TRUE(writer->addSection(1, 0, "x", 1).ok());
  }
  EXPECT_THAT(folder.list(), IsEmpty());
}

TEST(ContainerWriter, KeepsTheOldFileUntilTheNewIsWhole) {
  TempFolder folder;
  std::string path = folder.path("m.moe");
  std::ofstream(path) << "old";
  {
    std::unique_ptr<ContainerWriter> writer;
    ASSERT_TRUE(ContainerWriter::create(path, &writer).ok());
  }
  std::string text;
  std::getline(std::ifstream(path), text);
  EXPECT_EQ(text, "old");
  ASSERT_TRUE(writeModule(full(), path).ok());
  EXPECT_EQ(open(path), "ok");
  EXPECT_THAT(folder.list(), ElementsAre("m.moe"));
}

TEST(ContainerWriter, TakesSectionsBack) {
  TempFolder folder;
  std::unique_ptr<ContainerWriter> writer;
  ASSERT_TRUE(ContainerWriter::create(folder.path("m.moe"), &writer).ok());
  auto metadata = makeMetadata(ModuleSpec());
  auto weights = ModuleSpec::biasBytes();
  std::vector<char> longer(10000, 'x');
  auto addMetadata = [&] {
    return writer->addSection(MOERT_SECTION_METADATA, 1, metadata.data(),
                              metadata.size());
  };
  ASSERT_TRUE(
      writer
          ->addSection(MOERT_SECTION_WEIGHTS, 1, weights.data(), weights.size())
          .ok());
  ASSERT_TRUE(writer
                  ->addSection(MOERT_SECTION_TEST, 0, longer.data(),
                               longer.size())
                  .ok());
  ASSERT_TRUE(addMetadata().ok());
  ASSERT_TRUE(writer->complete().ok());
  EXPECT_EQ(open(writer->partPath()), "ok");
  EXPECT_EQ(writer->dropFrom(MOERT_SECTION_TOKENIZER).code(), MOERT_INTERNAL);
  ASSERT_TRUE(writer->dropFrom(MOERT_SECTION_TEST).ok());
  ASSERT_TRUE(addMetadata().ok());
  ASSERT_TRUE(writer->finish().ok());
  EXPECT_EQ(writer->complete().code(), MOERT_INTERNAL);
  EXPECT_EQ(writer->dropFrom(MOERT_SECTION_METADATA).code(), MOERT_INTERNAL);
  EXPECT_EQ(open(folder.path("m.moe")), "ok");
  EXPECT_LT(std::filesystem::file_size(folder.path("m.moe")), 20000u);
}

TEST(ContainerWriter, PadsAndSplits) {
  TempFolder folder;
  std::unique_ptr<ContainerWriter> writer;
  ASSERT_TRUE(ContainerWriter::create(folder.path("m.moe"), &writer).ok());
  std::vector<char> big(3 << 20, 'b');
  ASSERT_TRUE(writer->beginSection(MOERT_SECTION_TEST, 0).ok());
  ASSERT_TRUE(writer->append("ab", 2).ok());
  ASSERT_TRUE(writer->padTo(64).ok());
  EXPECT_EQ(writer->padTo(63).code(), MOERT_INTERNAL);
  ASSERT_TRUE(writer->append(big.data(), big.size()).ok());
  ASSERT_TRUE(writer->padTo((3 << 20) + 12345).ok());
  auto metadata = makeMetadata(ModuleSpec());
  auto weights = ModuleSpec::biasBytes();
  ASSERT_TRUE(writer
                  ->addSection(MOERT_SECTION_METADATA, 1, metadata.data(),
                               metadata.size())
                  .ok());
  ASSERT_TRUE(
      writer
          ->addSection(MOERT_SECTION_WEIGHTS, 1, weights.data(), weights.size())
          .ok());
  ASSERT_TRUE(writer->finish().ok());
  Image image(folder.path("m.moe"));
  EXPECT_EQ(image.read(), "ok");
  moert_container_section_t *section = image.section(MOERT_SECTION_TEST);
  ASSERT_EQ(section->size, (3u << 20) + 12345);
  auto bytes = image.bytes().subspan(section->offset, section->size);
  EXPECT_EQ(bytes[1], std::byte('b'));
  EXPECT_EQ(bytes[2], std::byte(0));
  EXPECT_EQ(bytes[64], std::byte('b'));
  EXPECT_EQ(bytes[63 + (3 << 20)], std::byte('b'));
  EXPECT_EQ(bytes[64 + (3 << 20)], std::byte(0));
}

TEST(ContainerWriter, RefusesPlacesThatCannotBe) {
  TempFolder folder;
  std::unique_ptr<ContainerWriter> writer;
  auto create = [&](const std::string &path) -> std::string {
    return ContainerWriter::create(path, &writer).message();
  };
  EXPECT_EQ(create(folder.root),
            folder.root + ": cannot write: is a directory");
  EXPECT_EQ(create("/dev/null"),
            "/dev/null: cannot write: is not a regular file");
  EXPECT_EQ(create(folder.path("no/m.moe")),
            folder.path("no/m.moe") +
                ": cannot write: no such file or directory");
  // Not even root can create a file there.
  EXPECT_THAT(create("/proc/m.moe"), StartsWith("/proc/m.moe: cannot write: "));
}

TEST(ContainerWriter, RefusesTooManySections) {
  TempFolder folder;
  std::unique_ptr<ContainerWriter> writer;
  ASSERT_TRUE(ContainerWriter::create(folder.path("m.moe"), &writer).ok());
  for (int i = 0; i < MOERT_CONTAINER_MAX_SECTIONS; ++i)
    ASSERT_TRUE(writer->beginSection(MOERT_SECTION_TEST, 0).ok());
  EXPECT_EQ(std::string(writer->beginSection(1, 0).message()),
            folder.path("m.moe") + ": more than 64 sections");
}

/// Writes until something says no; the message must name the file and nothing
/// may be left.
void writeUntilFull(const TempFolder &folder, uint64_t limit,
                    const char *reason) {
  std::string path = folder.path("m.moe");
  std::vector<char> block(1 << 20, 'x');
  std::string text = "ok";
  {
    std::unique_ptr<ContainerWriter> writer;
    ASSERT_TRUE(ContainerWriter::create(path, &writer).ok());
    ASSERT_TRUE(writer->beginSection(MOERT_SECTION_TEST, 0).ok());
    for (uint64_t done = 0; done <= limit && text == "ok"; done += block.size())
      text = writer->append(block.data(), block.size()).message();
  }
  EXPECT_THAT(text, StartsWith(path + ": cannot write after "));
  EXPECT_THAT(text, HasSubstr(reason));
  EXPECT_THAT(folder.list(), IsEmpty());
}

/// Runs in a process of its own what changes the process.
template <typename Body> void inChild(Body &&body) {
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    body();
    ::_exit(testing::Test::HasFailure());
  }
  int status;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ContainerWriter, FileSizeLimit) {
  TempFolder folder;
  inChild([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {4 << 20, 4 << 20};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    writeUntilFull(folder, 8 << 20, "file too large");
  });
}

TEST(ContainerWriter, FullDisk) {
  TempFolder folder;
  if (::mount("tmpfs", folder.root.c_str(), "tmpfs", 0, "size=4m") != 0)
    GTEST_SKIP() << "mounting a small tmpfs is not permitted: "
                 << errnoText(errno);
  writeUntilFull(folder, 8 << 20, "no space left on device");
  EXPECT_EQ(::umount(folder.root.c_str()), 0);
}

} // namespace
