//===- LoaderMatrixTest.cpp - parameters as tables of numbers -------------===//
#include "LoaderMatrix.h"
#include "TestModule.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace moert;
using namespace moert::lpu;
using moert::test::MatrixSpec;
using moert::test::ModuleSpec;
using moert::test::ParameterSpec;
using testing::ElementsAre;

namespace {

/// Metadata of a module, and one parameter's bytes.
struct Stored {
  explicit Stored(const ModuleSpec &spec) : metadata(makeMetadata(spec)) {
    Status status = readMetadata(std::as_bytes(std::span(metadata)), 1 << 20,
                                 "m.moe", &module, &codes);
    EXPECT_TRUE(status.ok()) << status.message();
    bytes.resize(spec.parameters[0].size);
  }
  ParameterMatrix find(uint32_t parameter, unsigned matrix) {
    ParameterMatrix found;
    Status status = findMatrix(*module, codes, parameter, matrix, &found);
    EXPECT_TRUE(status.ok()) << status.message();
    return found;
  }
  std::vector<float> row(const ParameterMatrix &matrix, Field field,
                         int64_t index) {
    std::vector<float> out(size_t(matrix.fieldColumns(field)));
    matrix.readRow(field, bytes.data(), index, out.data());
    return out;
  }

  std::vector<char> metadata;
  const fb::Module *module = nullptr;
  std::vector<Code> codes;
  std::vector<std::byte> bytes;
};

/// Elements 0, 1, 2 ...
template <typename T> void count(Stored &stored, size_t elements) {
  for (size_t i = 0; i < elements; ++i) {
    T value = T(i);
    std::memcpy(stored.bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
}

TEST(LpuLoaderMatrix, ExpertsAreThreeMatrices) {
  ModuleSpec spec;
  spec.parameters[0].kind = int(fb::ParameterKind::Expert);
  spec.parameters[0].shape = {2, 3};
  spec.parameters[0].size = 3 * 6 * sizeof(float);
  Stored stored(spec);
  count<float>(stored, 18);
  ParameterMatrix up = stored.find(0, 1), down = stored.find(0, 2);
  EXPECT_THAT(stored.row(up, Field::Values, 1), ElementsAre(9, 10, 11));
  EXPECT_EQ(down.rows, 3);
  EXPECT_THAT(stored.row(down, Field::Values, 2), ElementsAre(16, 17));
}

TEST(LpuLoaderMatrix, ElementsOfAllTypes) {
  for (auto type :
       {fb::ElementType::I8, fb::ElementType::U8, fb::ElementType::I32}) {
    ModuleSpec spec;
    spec.parameters[0].element = int(type);
    spec.parameters[0].shape = {2, 2};
    spec.parameters[0].size = 4 * elementSize(type);
    Stored stored(spec);
    type == fb::ElementType::I32 ? count<int32_t>(stored, 4)
                                 : count<int8_t>(stored, 4);
    stored.bytes.back() =
        type == fb::ElementType::I32 ? std::byte(0) : std::byte(0xff);
    const float last = type == fb::ElementType::I8   ? -1
                       : type == fb::ElementType::U8 ? 255
                                                     : 3;
    EXPECT_THAT(stored.row(stored.find(0, 0), Field::Values, 1),
                ElementsAre(2, last));
  }
  ModuleSpec spec;
  spec.parameters[0].element = int(fb::ElementType::F16);
  spec.parameters[0].shape = {1};
  spec.parameters[0].size = 2;
  Stored stored(spec);
  stored.bytes[1] = std::byte(0xc0);
  EXPECT_THAT(stored.row(stored.find(0, 0), Field::Values, 0), ElementsAre(-2));
}

/// Codes of 8 bits in groups of 32 columns, each with a scale and a zero.
TEST(LpuLoaderMatrix, PartsOfCodes) {
  Code code;
  code.name = "g32";
  code.bits = 8;
  code.columns = 32;
  code.zeros = true;
  code.offset = 5;
  Stored stored(ModuleSpec::coded(code));
  ParameterMatrix matrix = stored.find(0, 0);
  EXPECT_EQ(matrix.fieldColumns(Field::Levels), 64);
  ASSERT_EQ(matrix.fieldColumns(Field::Scales), 2);
  const uint64_t scales = code.codeBytes(16, 64);
  // Row 3 of the second group: 2.0, and a zero of 7.
  stored.bytes[scales + 2 * (16 + 3) + 1] = std::byte(0x40);
  stored.bytes[stored.bytes.size() - code.zeroBytes(16, 64) + 16 + 3] =
      std::byte(7);
  EXPECT_THAT(stored.row(matrix, Field::Scales, 3), ElementsAre(0, 2));
  EXPECT_THAT(stored.row(matrix, Field::Zeros, 3), ElementsAre(0, 7));
  std::vector<float> levels = stored.row(matrix, Field::Levels, 3);
  EXPECT_EQ(levels[31], -5);
  EXPECT_EQ(levels[32], -12);
  EXPECT_EQ(stored.row(matrix, Field::Values, 3)[32], -24);
}

} // namespace
