//===- CpuFeaturesTest.cpp - what the processor says, asked in two ways ---===//
#include "native/CpuFeatures.h"

#include <gtest/gtest.h>

using namespace moert;

namespace {

TEST(CpuFeatures, UnknownNames) {
  for (const char *name : {"", "avx1024", "AVX2", "+avx2", "fast-gather"})
    EXPECT_EQ(lookUpFeature(name), Feature::Unknown) << name;
}

#if defined(__x86_64__)
/// The compiler's own table, with the compiler's names.
TEST(CpuFeatures, AgreeWithTheCompiler) {
#define EXPECT_SAME(name, builtin)                                             \
  EXPECT_EQ(lookUpFeature(name), __builtin_cpu_supports(builtin)               \
                                     ? Feature::Present                        \
                                     : Feature::Absent)                        \
      << name
  EXPECT_EQ(lookUpFeature("64bit"), Feature::Present);
  EXPECT_EQ(lookUpFeature("sse2"), Feature::Present);
  EXPECT_SAME("ssse3", "ssse3");
  EXPECT_SAME("sse4.2", "sse4.2");
  EXPECT_SAME("popcnt", "popcnt");
  EXPECT_SAME("pclmul", "pclmul");
  EXPECT_SAME("aes", "aes");
  EXPECT_SAME("avx", "avx");
  EXPECT_SAME("avx2", "avx2");
  EXPECT_SAME("fma", "fma");
  EXPECT_SAME("bmi", "bmi");
  EXPECT_SAME("bmi2", "bmi2");
  EXPECT_SAME("sse4a", "sse4a");
  EXPECT_SAME("xop", "xop");
  EXPECT_SAME("fma4", "fma4");
  EXPECT_SAME("gfni", "gfni");
  EXPECT_SAME("vpclmulqdq", "vpclmulqdq");
  EXPECT_SAME("avx512f", "avx512f");
  EXPECT_SAME("avx512bw", "avx512bw");
  EXPECT_SAME("avx512cd", "avx512cd");
  EXPECT_SAME("avx512dq", "avx512dq");
  EXPECT_SAME("avx512vl", "avx512vl");
  EXPECT_SAME("avx512ifma", "avx512ifma");
  EXPECT_SAME("avx512vbmi", "avx512vbmi");
  EXPECT_SAME("avx512vbmi2", "avx512vbmi2");
  EXPECT_SAME("avx512vnni", "avx512vnni");
  EXPECT_SAME("avx512bitalg", "avx512bitalg");
  EXPECT_SAME("avx512vpopcntdq", "avx512vpopcntdq");
  EXPECT_SAME("avx512bf16", "avx512bf16");
  EXPECT_SAME("avx512vp2intersect", "avx512vp2intersect");
#undef EXPECT_SAME
}
#endif

} // namespace
