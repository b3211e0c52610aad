//===- SafetensorsTest.cpp - what the header reader takes and refuses -----===//
#include "moe/Model/Safetensors.h"

#include "TestCheckpoint.h"
#include "moe/Model/Diagnostics.h"
#include "llvm/Support/Endian.h"
#include <gmock/gmock.h>
#include <sys/stat.h>

using namespace moe;
using namespace moe::test;
using testing::HasSubstr;

/// Parses bytes as if they were a file.
static llvm::Expected<std::vector<SafetensorsTensor>>
parse(const std::string &bytes) {
  return parseSafetensors(
      bytes.size(),
      [&](uint64_t offset, llvm::MutableArrayRef<char> out) -> llvm::Error {
        if (offset > bytes.size() || out.size() > bytes.size() - offset)
          return makeError("read behind the end");
        std::copy_n(bytes.data() + offset, out.size(), out.data());
        return llvm::Error::success();
      });
}

static llvm::Expected<std::vector<SafetensorsTensor>>
parseHeader(const std::string &header, uint64_t dataSize) {
  return parse(safetensorsBytes(header, dataSize));
}

/// One tensor `t` with these fields.
static std::string tensor(const std::string &dtype, const std::string &shape,
                          const std::string &offsets) {
  return "{\"t\":{\"dtype\":" + dtype + ",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}}";
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  auto tensors =
      parseHeader(R"({"b":{"dtype":"F32","shape":[2,1],"data_offsets":[6,14]},)"
                  R"("__metadata__":{"format":"pt"},)"
                  R"("a":{"shape":[3],"data_offsets":[0,6],"dtype":"BF16"}}  )",
                  14);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  ASSERT_EQ(tensors->size(), 2u);
  const SafetensorsTensor &a = tensors->front(), &b = tensors->back();
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, "F32");
  EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(b.offset, a.offset + 6);
  EXPECT_EQ(b.length, 8u);
}

TEST(Safetensors, ReadsScalarsAndEmptyTensors) {
  auto tensors =
      parseHeader(R"({"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                  R"("e":{"dtype":"F32","shape":[0,5],"data_offsets":[8,8]}})",
                  8);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  EXPECT_EQ(tensors->back().length, 0u);
}

TEST(Safetensors, ReadsAFileWithoutTensors) {
  auto tensors = parseHeader("{}", 0);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  EXPECT_TRUE(tensors->empty());
}

TEST(Safetensors, CountsSubByteElements) {
  auto tensors = parseHeader(tensor("\"F4\"", "[3,4]", "[0,6]"), 6);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
}

//===----------------------------------------------------------------------===//
// Refused: lengths
//===----------------------------------------------------------------------===//

TEST(Safetensors, RefusesAFileWithoutLength) {
  EXPECT_EQ(messageOf(parse("1234567")),
            "has 7 bytes, a safetensors file has at least 8");
  EXPECT_EQ(messageOf(parse("")),
            "has 0 bytes, a safetensors file has at least 8");
}

/// A file of zeros behind a length; only the length's bytes exist.
static std::string messageForLength(uint64_t length, uint64_t fileSize) {
  return messageOf(parseSafetensors(
      fileSize,
      [&](uint64_t offset, llvm::MutableArrayRef<char> out) -> llvm::Error {
        if (offset != 0 || out.size() != 8)
          return makeError("reads more than the length");
        llvm::support::endian::write64le(out.data(), length);
        return llvm::Error::success();
      }));
}

TEST(Safetensors, RefusesAHugeHeaderBeforeReadingIt) {
  EXPECT_EQ(messageForLength(100'000'001, 1ull << 40),
            "header has 100000001 bytes, the limit is 100000000");
  EXPECT_EQ(messageForLength(UINT64_MAX, 1ull << 40),
            "header has 18446744073709551615 bytes, the limit is 100000000");
}

TEST(Safetensors, RefusesAHeaderBehindTheEnd) {
  EXPECT_EQ(messageForLength(17, 24),
            "header has 17 bytes, the file has only 16 behind its length");
}

TEST(Safetensors, RefusesEveryTruncation) {
  std::string bytes = safetensorsBytes(tensor("\"F32\"", "[4]", "[0,16]"), 16);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(messageOf(parse(bytes.substr(0, size))), "") << size;
}

//===----------------------------------------------------------------------===//
// Refused: headers
//===----------------------------------------------------------------------===//

namespace {
struct Refusal {
  const char *name;
  std::string header;
  uint64_t dataSize;
  std::string message;
};
class SafetensorsRefusal : public testing::TestWithParam<Refusal> {};
} // namespace

TEST_P(SafetensorsRefusal, SaysWhy) {
  EXPECT_EQ(messageOf(parseHeader(GetParam().header, GetParam().dataSize)),
            GetParam().message);
}

static const std::string f32 = "\"F32\"";

static const Refusal jsonRefusals[] = {
    {"Empty", "", 0, "header does not begin with '{'"},
    {"Blank", " {}", 0, "header does not begin with '{'"},
    {"List", "[]", 0, "header does not begin with '{'"},
    {"Unfinished", "{", 0, "header is not valid JSON at byte 1"},
    {"Trailing", "{}x", 0, "header is not valid JSON at byte 2"},
    {"NulBehind", std::string("{}\0{", 4), 0,
     "header is not valid JSON at byte 2"},
    {"Comment", "{/**/}", 0, "header is not valid JSON at byte 1"},
    {"Utf8", "{\"\xff\":1}", 0, "header is not valid UTF-8 at byte 2"},
    {"Surrogate", "{\"\xed\xa0\x80\":1}", 0,
     "header is not valid UTF-8 at byte 3"},
    {"TwoNames",
     R"({"t":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
     R"("t":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
     4, "header has the key 't' twice"},
    {"TwoNamesEscaped",
     R"({"t":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
     R"("\u0074":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
     4, "header has the key 't' twice"},
    {"TwoMetadata", R"({"__metadata__":{},"__metadata__":{}})", 0,
     "header has the key '__metadata__' twice"},
    {"TwoMetadataKeys", R"({"__metadata__":{"a":"b","a":"c"}})", 0,
     "metadata has the key 'a' twice"},
    {"MetadataNumber", R"({"__metadata__":{"a":1}})", 0,
     "metadata must map strings to strings, found 1"},
    {"MetadataNested", R"({"__metadata__":{"a":{}}})", 0,
     "metadata must map strings to strings, found an object"},
    {"EntryNumber", R"({"t":1})", 0,
     "header entry 't' must be an object, found 1"},
    {"EntryList", R"({"t":[]})", 0,
     "header entry 't' must be an object, found a list"},
    {"Nested", R"({"t":{"dtype":{}}})", 0,
     "tensor 't' needs a string as dtype, found an object"},
    {"DeepList", R"({"t":{"shape":[[1]]}})", 0,
     "tensor 't' needs a shape of non-negative integers, found a list"},
    {"NewLineInName", "{\"a\\nb\":1}", 0,
     "header entry 'a\\nb' must be an object, found 1"},
};
INSTANTIATE_TEST_SUITE_P(Json, SafetensorsRefusal,
                         testing::ValuesIn(jsonRefusals),
                         [](const auto &info) { return info.param.name; });

static const Refusal fieldRefusals[] = {
    {"NoDtype", R"({"t":{"shape":[],"data_offsets":[0,4]}})", 4,
     "tensor 't' needs the keys dtype, shape and data_offsets"},
    {"NoShape", R"({"t":{"dtype":"F32","data_offsets":[0,4]}})", 4,
     "tensor 't' needs the keys dtype, shape and data_offsets"},
    {"NoOffsets", R"({"t":{"dtype":"F32","shape":[]}})", 4,
     "tensor 't' needs the keys dtype, shape and data_offsets"},
    {"TwoShapes", R"({"t":{"shape":[],"shape":[]}})", 0,
     "tensor 't' has the key 'shape' twice"},
    {"UnknownKey", R"({"t":{"size":1}})", 0,
     "tensor 't' has the unknown key 'size'"},
    {"UnknownDtype", tensor("\"F31\"", "[]", "[0,4]"), 4,
     "tensor 't' has the unknown dtype 'F31'"},
    {"DtypeNumber", tensor("32", "[]", "[0,4]"), 4,
     "tensor 't' needs a string as dtype, found 32"},
    {"ShapeString", tensor(f32, "\"1\"", "[0,4]"), 4,
     "tensor 't' needs a list as shape, found a string"},
    {"ShapeNull", tensor(f32, "null", "[0,4]"), 4,
     "tensor 't' needs a list as shape, found null"},
    {"ShapeFloat", tensor(f32, "[1.0]", "[0,4]"), 4,
     "tensor 't' needs a shape of non-negative integers, found 1.0"},
    {"ShapeNegative", tensor(f32, "[-1]", "[0,4]"), 4,
     "tensor 't' needs a shape of non-negative integers, found -1"},
    {"ShapeHuge", tensor(f32, "[9223372036854775808]", "[0,4]"), 4,
     "tensor 't' needs a shape of non-negative integers, found "
     "9223372036854775808"},
    {"ShapeTrue", tensor(f32, "[true]", "[0,4]"), 4,
     "tensor 't' needs a shape of non-negative integers, found a boolean"},
    {"OneOffset", tensor(f32, "[]", "[0]"), 4,
     "tensor 't' needs data_offsets of two non-negative integers, found 1"},
    {"ThreeOffsets", tensor(f32, "[]", "[0,4,8]"), 4,
     "tensor 't' needs data_offsets of two non-negative integers, found 8"},
    {"OffsetNegative", tensor(f32, "[]", "[-4,0]"), 4,
     "tensor 't' needs data_offsets of two non-negative integers, found -4"},
};
INSTANTIATE_TEST_SUITE_P(Fields, SafetensorsRefusal,
                         testing::ValuesIn(fieldRefusals),
                         [](const auto &info) { return info.param.name; });

/// Two F32 scalars at the given bytes.
static std::string twoScalars(const std::string &first,
                              const std::string &second) {
  return R"({"a":{"dtype":"F32","shape":[],"data_offsets":)" + first +
         R"(},"b":{"dtype":"F32","shape":[],"data_offsets":)" + second + "}}";
}

static const Refusal sizeRefusals[] = {
    {"Product", tensor(f32, "[4294967296,4294967296]", "[0,4]"), 4,
     "tensor 't' of shape [4294967296, 4294967296] has more than 2^64 bits"},
    {"Bits", tensor(f32, "[576460752303423488]", "[0,4]"), 4,
     "tensor 't' of shape [576460752303423488] has more than 2^64 bits"},
    {"HalfByte", tensor("\"F4\"", "[3]", "[0,2]"), 2,
     "tensor 't' has 12 bits, which is no whole number of bytes"},
    {"Backwards", tensor(f32, "[]", "[4,0]"), 4,
     "tensor 't' ends at byte 0, before it begins at 4"},
    {"TooShort", tensor(f32, "[2]", "[0,4]"), 4,
     "tensor 't' of shape [2] needs 8 bytes, its data_offsets span 4"},
    {"TooLong", tensor(f32, "[]", "[0,8]"), 8,
     "tensor 't' of shape [] needs 4 bytes, its data_offsets span 8"},
    {"Hole", twoScalars("[0,4]", "[8,12]"), 12,
     "tensor 'b' begins at byte 8 of the data, there is a hole behind byte 4"},
    {"HoleInFront", tensor(f32, "[]", "[4,8]"), 8,
     "tensor 't' begins at byte 4 of the data, there is a hole behind byte 0"},
    {"Overlap", twoScalars("[0,4]", "[2,6]"), 6,
     "tensor 'b' begins at byte 2 of the data and overlaps one that ends at "
     "4"},
    {"Same", twoScalars("[0,4]", "[0,4]"), 4,
     "tensor 'b' begins at byte 0 of the data and overlaps one that ends at "
     "4"},
    {"BehindTheEnd", tensor(f32, "[2]", "[0,8]"), 7,
     "tensors need 8 bytes of data, the file has 7"},
    {"TrailingBytes", tensor(f32, "[2]", "[0,8]"), 9,
     "tensors need 8 bytes of data, the file has 9"},
    {"NoTensorsButData", "{}", 1,
     "tensors need 0 bytes of data, the file has 1"},
};
INSTANTIATE_TEST_SUITE_P(Sizes, SafetensorsRefusal,
                         testing::ValuesIn(sizeRefusals),
                         [](const auto &info) { return info.param.name; });

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TEST(SafetensorsFile, GivesAbsoluteOffsets) {
  TestDirectory directory;
  directory.writeTensors("x.safetensors", {{"a", {3}}, {"b", {2, 2}}});
  auto tensors = readSafetensors(directory.getRoot(), "x.safetensors");
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  const SafetensorsTensor &b = tensors->back();
  EXPECT_EQ(b.file, "x.safetensors");
  struct stat status;
  ASSERT_EQ(stat(directory.path("x.safetensors").c_str(), &status), 0);
  EXPECT_EQ(b.offset + b.length, uint64_t(status.st_size));
}

TEST(SafetensorsFile, NamesThePathOnce) {
  TestDirectory directory;
  std::string path = directory.path("x");
  auto message = [&] {
    return messageOf(readSafetensors(directory.getRoot(), "x"));
  };
  EXPECT_EQ(message(), path + ": no such file or directory");
  directory.write("x", "123");
  EXPECT_EQ(message(),
            path + ": has 3 bytes, a safetensors file has at least 8");
  directory.write("x", safetensorsBytes("{", 0));
  EXPECT_EQ(message(), path + ": header is not valid JSON at byte 1");
  ASSERT_EQ(remove(path.c_str()), 0);
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  EXPECT_EQ(message(), path + ": is a directory, not a file");
  ASSERT_EQ(remove(path.c_str()), 0);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(message(), path + ": is not a regular file");
}
