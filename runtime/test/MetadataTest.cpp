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
  // The size of quantised data is the scheme's business.
  EXPECT_EQ(readParameter([](ParameterSpec &p) {
              p.scheme = "q35";
              p.shape = {2, 3};
            }),
            "ok");
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
