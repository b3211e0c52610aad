//===- MetadataTest.cpp - metadata that is well formed but untrue ---------===//
#include "TestModule.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

using namespace moert;
using namespace moert::test;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

/// The reader's word on a module that differs in one thing.
template <typename Change> std::string readChanged(Change &&change) {
  ModuleSpec spec;
  change(spec);
  return Image(spec).read();
}

TEST(Metadata, NotAFlatBuffer) {
  Image image{ModuleSpec()};
  uint64_t offset = image.section(MOERT_SECTION_METADATA)->offset;
  uint64_t size = image.section(MOERT_SECTION_METADATA)->size;
  const char *const wanted =
      "m.moe: METADATA is not a valid FlatBuffer of type MOE1";
  // The identifier, then the root offset, then rubbish, then almost nothing.
  image.flip(offset + 4);
  image.sign();
  EXPECT_EQ(image.read(), wanted);
  image.flip(offset + 4);
  image.flip(offset + 3, 7);
  image.sign();
  EXPECT_EQ(image.read(), wanted);
  image.flip(offset + 3, 7);
  for (uint64_t i = 8; i < size; ++i)
    image.bytes()[offset + i] = std::byte(0xff);
  image.sign();
  EXPECT_EQ(image.read(), wanted);
  for (uint64_t i = 4; i < size; ++i)
    image.bytes()[offset + i] = std::byte(0);
  image.section(MOERT_SECTION_METADATA)->size = 4;
  image.sign();
  EXPECT_EQ(image.read(), wanted);
}

TEST(Metadata, ModelNumbers) {
  EXPECT_EQ(readChanged([](ModuleSpec &s) { s.vocabulary = 0; }),
            "m.moe: metadata: vocabulary is 0, must be between 1 and "
            "2147483647");
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.vocabulary = 1ll << 31; }),
              HasSubstr("vocabulary is 2147483648"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.context = -1; }),
              HasSubstr("context is -1"));
  EXPECT_EQ(readChanged([](ModuleSpec &s) { s.codeContext = 17; }),
            "m.moe: metadata: context of the code is 17, must be between 0 and "
            "16");
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.hidden = -2; }),
              HasSubstr("hidden is -2"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.layers = -3; }),
              HasSubstr("layers is -3"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.experts = -4; }),
              HasSubstr("experts is -4"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.expertsPerToken = 3; }),
              HasSubstr("experts per token is 3, must be between 0 and 2"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.bos = -2; }),
              HasSubstr("bos token is -2"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.eos.push_back(-1); }),
              HasSubstr("eos token is -1"));
}

TEST(Metadata, TargetAndStates) {
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.driver = ""; }),
              HasSubstr("the target has no backend or no driver"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.kvLayers = 0; }),
              HasSubstr("kv layers is 0, must be between 1 and "));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.kvHeads = -1; }),
              HasSubstr("kv heads is -1"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.kvHeadSize = 0; }),
              HasSubstr("kv head size is 0"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.kvElement = 2; }),
              HasSubstr("kv element type is 2, runtime ABI 1 has only 0"));
  EXPECT_THAT(
      readChanged([](ModuleSpec &s) { s.workspaceFixed = 1ull << 60; }),
      HasSubstr("fixed workspace is 1152921504606846976, must be at most "));
  EXPECT_THAT(
      readChanged([](ModuleSpec &s) { s.workspacePerRow = ~0ull; }),
      HasSubstr("workspace per row is 18446744073709551615, must be at most"));
}

/// The same for the module's only parameter.
template <typename Change> std::string readParameter(Change &&change) {
  return readChanged([&](ModuleSpec &s) { change(s.parameters[0]); });
}

TEST(Metadata, ParameterKinds) {
  EXPECT_EQ(readParameter([](ParameterSpec &p) { p.name = ""; }),
            "m.moe: metadata: a parameter has no name");
  EXPECT_EQ(readParameter([](ParameterSpec &p) { p.kind = 3; }),
            "m.moe: metadata: parameter bias has kind 3, the last known is 2");
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.element = 6; }),
              HasSubstr("has element type 6, the last known is 5"));
  // A name from a file cannot break the line of the message.
  EXPECT_THAT(readParameter([](ParameterSpec &p) {
                p.name = "a\nb";
                p.kind = 9;
              }),
              StartsWith("m.moe: metadata: parameter a b has kind 9"));
}

TEST(Metadata, ParameterPlaces) {
  EXPECT_THAT(
      readParameter([](ParameterSpec &p) { p.offset = 32; }),
      HasSubstr("parameter bias starts at 32, not at a multiple of 64"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) {
                p.kind = 1;
                p.offset = 64;
              }),
              HasSubstr("starts at 64, not at a multiple of 4096"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.offset = 64; }),
              HasSubstr("has 16 bytes at 64, WEIGHTS has 16"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.size = 17; }),
              HasSubstr("has 17 bytes at 0, WEIGHTS has 16"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.size = ~0ull; }),
              HasSubstr("has 18446744073709551615 bytes at 0"));
  EXPECT_THAT(readChanged([](ModuleSpec &s) { s.hasWeights = false; }),
              HasSubstr("has 16 bytes at 0, WEIGHTS has 0"));
}

TEST(Metadata, ParameterShapes) {
  EXPECT_THAT(readParameter([](ParameterSpec &p) {
                p.shape = {2, 3};
              }),
              HasSubstr("has 16 bytes, its shape needs 24"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.element = 2; }),
              HasSubstr("has 16 bytes, its shape needs 8"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.kind = 1; }),
              HasSubstr("has 16 bytes, its shape needs 48"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.shape.clear(); }),
              HasSubstr("has no shape"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) {
                p.shape = {4, 0};
              }),
              HasSubstr("has the extent 0"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) {
                p.shape = {1ll << 40, 1ll << 40};
              }),
              HasSubstr("has more than 70368744177664 bytes"));
  EXPECT_THAT(readParameter([](ParameterSpec &p) { p.scheme = "q35"; }),
              HasSubstr("has the scheme q35, its codes are none"));
}

//===-- Weights that are stored as codes ----------------------------------===//

Code eightBits() {
  Code code;
  code.name = "q8";
  code.offset = 128;
  return code;
}

Code trellis() {
  Code code;
  code.name = "q35";
  code.layout = CodeLayout::Pairs;
  code.bits = 7;
  code.weights = 800;
  code.rotated = true;
  code.window = {89, -101};
  code.levels.assign(128, 128);
  return code;
}

/// The reader's word on a module of one stored matrix that differs in one
/// thing.
template <typename Change> std::string readCoded(Change &&change) {
  ModuleSpec spec = ModuleSpec::coded(trellis());
  change(spec, spec.codes[0], spec.parameters[0].matrices[0]);
  return Image(spec).read();
}

TEST(Metadata, CodesAreWhatTheDialectAllows) {
  auto reads = [](auto change) {
    return readCoded([&](ModuleSpec &, Code &c, MatrixSpec &) { change(c); });
  };
  EXPECT_EQ(reads([](Code &) {}), "ok");
  const std::string where = "m.moe: metadata: code 0: ";
  EXPECT_EQ(reads([](Code &c) { c.name = "q 35"; }),
            where + "the name is 'q 35', must be letters, digits and dashes");
  EXPECT_EQ(reads([](Code &c) { c.bits = 8; }),
            where + "pairs have 8 bits, must have 7");
  EXPECT_EQ(reads([](Code &c) { c.levels.pop_back(); }),
            where + "127 levels for 128 codes");
  EXPECT_EQ(reads([](Code &c) { c.columns = 96; }),
            where + "a scale has 96 columns, must be 0, 32 or a multiple of "
                    "64");
  EXPECT_EQ(reads([](Code &c) { c.columns = -64; }),
            where + "a scale has -64 columns, must be 0, 32 or a multiple of "
                    "64");
  EXPECT_EQ(reads([](Code &c) { c.zeros = true; }),
            where + "zeros belong to 0 columns, must be at least 32");
  EXPECT_EQ(reads([](Code &c) { c.weights = 0; }),
            where + "a scale has 0 weights, must be at least 1");
  EXPECT_EQ(reads([](Code &c) {
              c.window = {1, 2, 3};
            }),
            where + "a window has 3 numbers, must have 2");
  EXPECT_EQ(reads([](Code &c) {
              c.window = {127, 127};
            }),
            where + "a window mixes states to 0 .. 64770, must be between "
                    "-32768 and 32767");
  EXPECT_EQ(readCoded([](ModuleSpec &s, Code &, MatrixSpec &) {
              s.unknownLayout = 2;
            }),
            "m.moe: metadata: code 0: has layout 2, the last known is 1");
  // The second is wrong.
  EXPECT_EQ(readCoded([](ModuleSpec &s, Code &c, MatrixSpec &) {
              s.codes = {c, c};
              s.codes[1].bits = 0;
              s.codes[1].layout = CodeLayout::Planes;
            }),
            "m.moe: metadata: code 1: planes have 0 bits, must have 1 to 8");
}

TEST(Metadata, MatricesAreWhatTheirCodesSay) {
  auto reads = [](auto change) {
    return readCoded([&](ModuleSpec &, Code &, MatrixSpec &m) { change(m); });
  };
  const std::string where = "m.moe: metadata: parameter weight ";
  EXPECT_EQ(reads([](MatrixSpec &m) { m.rows = 17; }),
            where + "has a matrix 0 of 17 x 64, which is not its shape's");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.columns = -64; }),
            where + "has a matrix 0 of 16 x -64, which is not its shape's");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.code = 1; }),
            where + "has code 1 in matrix 0, the module has 1");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.code = -2; }),
            where + "has code -2 in matrix 0, the module has 1");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.element = 6; }),
            where + "has element type 6 in matrix 0, the last known is 5");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.columnRotation = 64; }), "ok");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.columnRotation = 128; }),
            where + "has rotated blocks of 128 columns in matrix 0, must be a "
                    "power of two that divides 64");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.columnRotation = -64; }),
            where + "has rotated blocks of -64 columns in matrix 0, must be a "
                    "power of two that divides 64");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.rowRotation = 1; }),
            where + "has rotated blocks of 1 rows in matrix 0, must be a power "
                    "of two that divides 16");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.size -= 64; }),
            where + "has a matrix 0 of 448 bytes, its shape and code need 512");
  EXPECT_EQ(readCoded([](ModuleSpec &s, Code &, MatrixSpec &) {
              s.parameters[0].size -= 64;
            }),
            where + "has 448 bytes, its matrices need 512");
  EXPECT_EQ(readCoded([](ModuleSpec &s, Code &, MatrixSpec &m) {
              s.parameters[0].matrices = {m, m};
            }),
            where + "has 2 matrices, must have 1");
  EXPECT_EQ(readCoded([](ModuleSpec &s, Code &, MatrixSpec &m) {
              s.parameters[0].shape = {64};
              m.rows = 1;
            }),
            where + "has a matrix 0 of 1 x 64, which is not its shape's");
  EXPECT_EQ(
      readCoded([](ModuleSpec &s, Code &, MatrixSpec &) { s.codes.clear(); }),
      where + "has code 0 in matrix 0, the module has 0");
  // A matrix of plain elements among stored ones.
  EXPECT_EQ(reads([](MatrixSpec &m) {
              m.code = -1;
              m.columnRotation = 64;
            }),
            where + "has rotated blocks of 64 columns in matrix 0, which is "
                    "not stored as a code");
  EXPECT_EQ(reads([](MatrixSpec &m) { m.code = -1; }),
            where + "has a matrix 0 of 512 bytes, its shape and code need "
                    "2048");
}

TEST(Metadata, HugeMatricesDoNotOverflow) {
  auto reads = [](std::vector<int64_t> shape) {
    return readCoded([&](ModuleSpec &s, Code &, MatrixSpec &m) {
      s.parameters[0].shape = shape;
      m.rows = shape[shape.size() - 2];
      m.columns = shape.back();
    });
  };
  const std::string tooMany =
      "m.moe: metadata: parameter weight has more than 70368744177664 weights";
  EXPECT_EQ(reads({int64_t(1) << 62, 4}), tooMany);
  EXPECT_EQ(reads({int64_t(1) << 40, int64_t(1) << 40}), tooMany);
  EXPECT_EQ(reads({INT64_MAX, INT64_MAX, INT64_MAX}), tooMany);
  // 2^46 columns of a trellis: 2^40 steps of 448 bytes and a scale.
  EXPECT_EQ(reads({1, int64_t(1) << 46}),
            "m.moe: metadata: parameter weight has a matrix 0 of 512 bytes, "
            "its shape and code need 492581209243712");
}

TEST(Metadata, BanksAndExperts) {
  Code code = eightBits();
  uint64_t one = code.matrixBytes(16, 64), turned = code.matrixBytes(64, 16);
  ModuleSpec bank = ModuleSpec::coded(code);
  bank.parameters[0].shape = {3, 16, 64};
  bank.parameters[0].size = bank.parameters[0].matrices[0].size = 3 * one;
  bank.weights.resize(3 * one);
  EXPECT_EQ(Image(bank).read(), "ok");
  bank.parameters[0].matrices[0].size = one;
  EXPECT_THAT(Image(bank).read(), HasSubstr("its shape and code need 3264"));

  ModuleSpec expert = ModuleSpec::coded(code);
  ParameterSpec &p = expert.parameters[0];
  p.kind = 1;
  MatrixSpec gate = p.matrices[0], down = gate;
  std::swap(down.rows, down.columns);
  down.size = turned;
  p.matrices = {gate, gate, down};
  p.size = 2 * one + turned;
  expert.weights.resize(p.size);
  EXPECT_EQ(Image(expert).read(), "ok");
  p.matrices = {gate, down, down};
  EXPECT_EQ(Image(expert).read(),
            "m.moe: metadata: parameter weight has a matrix 1 of 64 x 16, "
            "which is not its shape's");
  p.matrices = {gate, gate};
  EXPECT_EQ(Image(expert).read(),
            "m.moe: metadata: parameter weight has 2 matrices, must have 3");
  // Elements as they are beside codes.
  p.matrices = {gate, gate, down};
  p.matrices[2].code = -1;
  p.matrices[2].size = 2 * 64 * 16;
  p.size = 2 * one + p.matrices[2].size;
  expert.weights.resize(p.size);
  EXPECT_EQ(Image(expert).read(),
            "m.moe: metadata: parameter weight has the scheme q8, its codes "
            "are q8+none");
  p.scheme = "q8+none";
  EXPECT_EQ(Image(expert).read(), "ok");
}

TEST(Metadata, RopeTables) {
  auto rope = [](ParameterSpec &p) {
    p.kind = 2;
    p.size = 0;
    p.frequencies = {1, 0.5};
  };
  EXPECT_EQ(readChanged([&](ModuleSpec &s) {
              s.parameters.emplace_back();
              rope(s.parameters.back());
            }),
            "ok");
  EXPECT_THAT(readParameter([&](ParameterSpec &p) {
                rope(p);
                p.frequencies.clear();
              }),
              HasSubstr("is a rope table without frequencies"));
  EXPECT_THAT(readParameter([&](ParameterSpec &p) {
                rope(p);
                p.size = 16;
              }),
              HasSubstr("is a rope table with 16 bytes, it must have 0"));
  EXPECT_THAT(readParameter([&](ParameterSpec &p) {
                rope(p);
                p.matrices.emplace_back();
              }),
              HasSubstr("is a rope table with 1 matrices, it must have 0"));
  EXPECT_THAT(readParameter([&](ParameterSpec &p) {
                rope(p);
                p.frequencies.resize(65537, 1);
              }),
              HasSubstr("has 65537 frequencies, must be at most 65536"));
  EXPECT_THAT(readParameter([&](ParameterSpec &p) {
                rope(p);
                p.frequencies[1] = std::numeric_limits<double>::infinity();
              }),
              HasSubstr("has the frequency inf"));
  EXPECT_THAT(readParameter([&](ParameterSpec &p) {
                rope(p);
                p.gain = std::nan("");
              }),
              HasSubstr("has the gain "));
}

} // namespace
