//===- WeightDataTest.cpp - the bytes of weights --------------------------===//
#include "moe/Model/WeightData.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <sys/stat.h>
#include <unistd.h>

using namespace moe;
using llvm::toString;
using llvm::Twine;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// A folder of its own, and a model in IR that lies there.
class WeightDataTest : public testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<MoeDialect>();
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("moe-weights", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(llvm::StringRef name) { return (folder + "/" + name).str(); }
  void writeFile(llvm::StringRef name, llvm::StringRef bytes) {
    std::error_code code;
    llvm::raw_fd_ostream out(path(name), code);
    ASSERT_FALSE(code);
    out << bytes;
  }
  /// The weight `moe.weight @w : <text>`.
  WeightOp weight(llvm::StringRef text) {
    std::string ir =
        ("moe.model @m family \"null\" context 1 vocabulary 1 from \".\" {\n"
         "moe.weight @w : " +
         text + "\n}")
            .str();
    mlir::ParserConfig config(&context, /*verifyAfterParse=*/false);
    module = mlir::parseSourceString<mlir::ModuleOp>(ir, config);
    return *(*module->getOps<ModelOp>().begin()).getOps<WeightOp>().begin();
  }
  std::vector<double> all(llvm::StringRef text) {
    WeightData data(folder);
    auto values = data.readAll(weight(text));
    if (values)
      return *values;
    ADD_FAILURE() << toString(values.takeError());
    return {};
  }
  /// What is wrong with a read; empty: nothing.
  std::string problem(llvm::StringRef text, uint64_t offset, size_t size) {
    WeightData data(folder);
    std::vector<char> out(size);
    return toString(data.read(weight(text), offset, out));
  }

  mlir::MLIRContext context;
  llvm::SmallString<128> folder;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(WeightDataTest, ExtentsFollowOneAnother) {
  writeFile("a", "..0123");
  writeFile("b", "4567....");
  WeightOp op = weight("tensor<2xf32> from [#moe.extent<\"a\", 2, 4>, "
                       "#moe.extent<\"b\", 0, 4>]");
  WeightData data(folder);
  char whole[8], middle[3];
  ASSERT_EQ(toString(data.read(op, 0, whole)), "");
  EXPECT_EQ(llvm::StringRef(whole, 8), "01234567");
  ASSERT_EQ(toString(data.read(op, 3, middle)), "");
  EXPECT_EQ(llvm::StringRef(middle, 3), "345");
  // The descriptors are kept: the files may go.
  llvm::sys::fs::remove(path("a"));
  EXPECT_EQ(toString(data.read(op, 0, whole)), "");
}

TEST_F(WeightDataTest, StoredElementsAreWidenedExactly) {
  // f16: 1, -2, smallest subnormal, largest; bf16: 1, -2, 2^-133, 2^127.
  writeFile("half", llvm::StringRef("\x00\x3c\x00\xc0\x01\x00\xff\x7b", 8));
  writeFile("bfloat", llvm::StringRef("\x80\x3f\x00\xc0\x01\x00\x00\x7f", 8));
  EXPECT_THAT(all("tensor<4xf16> from [#moe.extent<\"half\", 0, 8>]"),
              ElementsAre(1, -2, std::ldexp(1, -24), 65504));
  EXPECT_THAT(all("tensor<4xbf16> from [#moe.extent<\"bfloat\", 0, 8>]"),
              ElementsAre(1, -2, std::ldexp(1, -133), std::ldexp(1, 127)));
}

TEST_F(WeightDataTest, SplatsAndValuesRoundToNearestEven) {
  EXPECT_THAT(all("tensor<3xf32> from [#moe.splat<0.5 : f32>]"),
              ElementsAre(0.5, 0.5, 0.5));
  // bf16 has 8 significant bits: 257 lies between 256 and 258, 259 between
  // 258 and 260; 257 + 2^-30 is a tie only if f32 comes in between.
  EXPECT_THAT(all("tensor<4xbf16> from "
                  "[#moe.values<[257.0, 259.0, 257.000000000931, -257.0]>]"),
              ElementsAre(256, 260, 258, -256));
  // f16 has 11: 2049 is a tie; 2^-25 is half of the smallest subnormal, and
  // just below 2^-14 the next place carries into the normal numbers.
  EXPECT_THAT(
      all("tensor<5xf16> from [#moe.values<[2049.0, 2051.0, "
          "2.98023223876953125e-8, 2.99e-8, 6.1035e-5]>]"),
      ElementsAre(2048, 2052, 0, std::ldexp(1, -24), std::ldexp(1, -14)));
  EXPECT_THAT(all("tensor<2xf16> from [#moe.values<[65519.9, 65520.0]>]"),
              ElementsAre(65504, INFINITY));
}

TEST_F(WeightDataTest, PartsOfComputedWeightsAreThoseOfTheWhole) {
  std::vector<double> whole =
      all("tensor<9001xbf16> from [#moe.random<7, 0.5 : f32>]");
  WeightOp op = weight("tensor<9001xbf16> from [#moe.random<7, 0.5 : f32>]");
  WeightData data(folder);
  std::vector<char> bytes(2 * 9001), part(2 * 5001);
  ASSERT_EQ(toString(data.read(op, 0, bytes)), "");
  ASSERT_EQ(toString(data.read(op, 2 * 3999, part)), "");
  EXPECT_TRUE(std::equal(part.begin(), part.end(), bytes.begin() + 2 * 3999));
  // bf16 keeps 8 bits, so rounding moves a value by at most 2^-8 of it.
  for (int i : {0, 1, 4095, 4096, 9000}) {
    double exact = 0.5 * randomNormal(7, i);
    EXPECT_NEAR(whole[i], exact, std::abs(exact) / 256);
  }
}

TEST_F(WeightDataTest, ElementsFromAnyNumberOnAreThoseOfTheWhole) {
  // More than one block is read, and neither end is that of a block.
  const char *text = "tensor<3x5000xbf16> from [#moe.random<7, 0.5 : f32>]";
  std::vector<double> whole = all(text);
  std::vector<float> part(9000);
  WeightData data(folder);
  ASSERT_FALSE(bool(data.readElements(weight(text), 4999, part)));
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 4999));
  EXPECT_THAT(toString(data.readElements(weight(text), 6001, part)),
              HasSubstr("requested, it has 30000"));
}

TEST_F(WeightDataTest, RandomNormalIsWhatItsDefinitionSays) {
  // Computed from the definition in WeightData.h with Python's math module.
  EXPECT_NEAR(randomNormal(0, 0), -0.2788749225862045, 1e-15);
  EXPECT_NEAR(randomNormal(0, 1), -0.881064673862136, 1e-15);
  EXPECT_NEAR(randomNormal(1, 0), 1.3256718696671201, 1e-15);
  EXPECT_NEAR(randomNormal(1, 7), 0.9672734667782155, 1e-15);
  EXPECT_NEAR(randomNormal(42, 1000000), -0.7973256277546031, 1e-15);
  EXPECT_NEAR(randomNormal(UINT64_MAX, 3), -0.513636247520353, 1e-15);
}

TEST_F(WeightDataTest, RandomNormalHasTheSameBitsEverywhere) {
  // Models with random weights are compared between machines: never change.
  uint64_t hash = 0;
  for (int i = 0; i < 10000; ++i)
    hash = hash * 0x100000001b3 ^ llvm::bit_cast<uint64_t>(randomNormal(5, i));
  EXPECT_EQ(hash, 17982606267600361284u);
}

TEST_F(WeightDataTest, RandomNormalIsNormal) {
  constexpr int n = 400000;
  double sums[5] = {}, below = 0;
  for (int i = 0; i < n; ++i) {
    double z = randomNormal(3, i), power = 1;
    for (double &sum : sums) {
      sum += power / n;
      power *= z;
    }
    below += z < -1 ? 1.0 / n : 0;
  }
  // Five standard errors of each moment.
  double error = 5 / std::sqrt(n);
  EXPECT_NEAR(sums[1], 0, error);
  EXPECT_NEAR(sums[2], 1, error * std::sqrt(2));
  EXPECT_NEAR(sums[3], 0, error * std::sqrt(15));
  EXPECT_NEAR(sums[4], 3, error * std::sqrt(96));
  EXPECT_NEAR(below, 0.158655, error * 0.366);
}

TEST_F(WeightDataTest, ShortFileIsNamedWithBothSizes) {
  writeFile("short", "0123456789");
  EXPECT_EQ(
      problem("tensor<4xf32> from [#moe.extent<\"short\", 2, 16>]", 0, 16),
      path("short") + ": has 10 bytes, weight @w needs 16 from byte 2");
  EXPECT_THAT(problem("tensor<1xf32> from "
                      "[#moe.extent<\"short\", 9223372036854775000, 4>]",
                      0, 4),
              HasSubstr("needs 4 from byte 9223372036854775000"));
}

TEST_F(WeightDataTest, MissingFileAndFolderAreNamed) {
  EXPECT_EQ(problem("tensor<1xf32> from [#moe.extent<\"none\", 0, 4>]", 0, 4),
            path("none") + ": cannot be opened: No such file or directory");
  ASSERT_FALSE(llvm::sys::fs::create_directory(path("sub")));
  EXPECT_EQ(problem("tensor<1xf32> from [#moe.extent<\"sub\", 0, 4>]", 0, 4),
            path("sub") + ": is not a regular file");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(problem("tensor<1xf32> from [#moe.extent<\"pipe\", 0, 4>]", 0, 4),
            path("pipe") + ": is not a regular file");
}

TEST_F(WeightDataTest, NamesStayInTheDirectoryButLinksMayLead) {
  writeFile("target", "\1\2\3\4");
  for (const char *name : {"/etc/passwd", "../x", "a/../../x", ".."})
    EXPECT_EQ(problem((Twine("tensor<1xf32> from [#moe.extent<\"") + name +
                       "\", 0, 4>]")
                          .str(),
                      0, 4),
              (folder + ": file name '" + name +
               "' leads out of the model's directory")
                  .str());
  ASSERT_EQ(symlink("target", path("link").c_str()), 0);
  EXPECT_EQ(problem("tensor<1xf32> from [#moe.extent<\"link\", 0, 4>]", 0, 4),
            "");
}

TEST_F(WeightDataTest, RangesAreChecked) {
  llvm::StringRef random = "tensor<4xf32> from [#moe.random<1, 1.0 : f32>]";
  EXPECT_EQ(problem(random, 12, 8),
            "weight @w: 8 bytes from byte 12 requested, it has 16");
  EXPECT_EQ(problem(random, UINT64_MAX, 8),
            "weight @w: 8 bytes from byte 18446744073709551615 requested, it "
            "has 16");
  EXPECT_EQ(problem(random, 2, 4),
            "weight @w: 4 bytes from byte 2 requested, elements are computed "
            "whole and have 4");
}

} // namespace
