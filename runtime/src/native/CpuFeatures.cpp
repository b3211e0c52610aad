//===- CpuFeatures.cpp - what this processor can execute ------------------===//
#include "native/CpuFeatures.h"

#include <cstdint>
#include <cstring>
#include <iterator>

using namespace moert;

#if defined(__x86_64__)
#include <cpuid.h>

namespace {

enum Register { EAX, EBX, ECX, EDX };
/// State that the operating system must save, as bits of register XCR0.
enum State : uint32_t { None = 0, Ymm = 0x6, Zmm = 0xe6, Tiles = 0x60000 };

struct Entry {
  const char *name;
  uint32_t leaf, subleaf;
  Register from;
  int bit; ///< -1: every x86-64 processor has it
  State state;
};

constexpr uint32_t extended = 0x80000001, extended8 = 0x80000008;

/// LLVM's names, by where the processor says it.
const Entry entries[] = {
    {"64bit", 0, 0, EAX, -1, None},
    {"nopl", 0, 0, EAX, -1, None},
    {"x87", 1, 0, EDX, 0, None},
    {"cx8", 1, 0, EDX, 8, None},
    {"cmov", 1, 0, EDX, 15, None},
    {"mmx", 1, 0, EDX, 23, None},
    {"fxsr", 1, 0, EDX, 24, None},
    {"sse", 1, 0, EDX, 25, None},
    {"sse2", 1, 0, EDX, 26, None},
    {"sse3", 1, 0, ECX, 0, None},
    {"pclmul", 1, 0, ECX, 1, None},
    {"ssse3", 1, 0, ECX, 9, None},
    {"fma", 1, 0, ECX, 12, Ymm},
    {"cx16", 1, 0, ECX, 13, None},
    {"sse4.1", 1, 0, ECX, 19, None},
    {"sse4.2", 1, 0, ECX, 20, None},
    {"crc32", 1, 0, ECX, 20, None},
    {"movbe", 1, 0, ECX, 22, None},
    {"popcnt", 1, 0, ECX, 23, None},
    {"aes", 1, 0, ECX, 25, None},
    {"xsave", 1, 0, ECX, 27, None},
    {"avx", 1, 0, ECX, 28, Ymm},
    {"f16c", 1, 0, ECX, 29, Ymm},
    {"rdrnd", 1, 0, ECX, 30, None},
    {"fsgsbase", 7, 0, EBX, 0, None},
    {"sgx", 7, 0, EBX, 2, None},
    {"bmi", 7, 0, EBX, 3, None},
    {"rtm", 7, 0, EBX, 11, None},
    {"avx2", 7, 0, EBX, 5, Ymm},
    {"bmi2", 7, 0, EBX, 8, None},
    {"invpcid", 7, 0, EBX, 10, None},
    {"avx512f", 7, 0, EBX, 16, Zmm},
    // Since AVX10 the name says that 512-bit registers may be used; every
    // processor with AVX-512 has them.
    {"evex512", 7, 0, EBX, 16, Zmm},
    {"avx512dq", 7, 0, EBX, 17, Zmm},
    {"rdseed", 7, 0, EBX, 18, None},
    {"adx", 7, 0, EBX, 19, None},
    {"avx512ifma", 7, 0, EBX, 21, Zmm},
    {"clflushopt", 7, 0, EBX, 23, None},
    {"clwb", 7, 0, EBX, 24, None},
    {"avx512cd", 7, 0, EBX, 28, Zmm},
    {"sha", 7, 0, EBX, 29, None},
    {"avx512bw", 7, 0, EBX, 30, Zmm},
    {"avx512vl", 7, 0, EBX, 31, Zmm},
    {"avx512vbmi", 7, 0, ECX, 1, Zmm},
    {"pku", 7, 0, ECX, 4, None},
    {"waitpkg", 7, 0, ECX, 5, None},
    {"avx512vbmi2", 7, 0, ECX, 6, Zmm},
    {"shstk", 7, 0, ECX, 7, None},
    {"gfni", 7, 0, ECX, 8, None},
    {"vaes", 7, 0, ECX, 9, Ymm},
    {"vpclmulqdq", 7, 0, ECX, 10, Ymm},
    {"avx512vnni", 7, 0, ECX, 11, Zmm},
    {"avx512bitalg", 7, 0, ECX, 12, Zmm},
    {"avx512vpopcntdq", 7, 0, ECX, 14, Zmm},
    {"rdpid", 7, 0, ECX, 22, None},
    {"cldemote", 7, 0, ECX, 25, None},
    {"movdiri", 7, 0, ECX, 27, None},
    {"movdir64b", 7, 0, ECX, 28, None},
    {"enqcmd", 7, 0, ECX, 29, None},
    {"uintr", 7, 0, EDX, 5, None},
    {"avx512vp2intersect", 7, 0, EDX, 8, Zmm},
    {"serialize", 7, 0, EDX, 14, None},
    {"tsxldtrk", 7, 0, EDX, 16, None},
    {"pconfig", 7, 0, EDX, 18, None},
    {"amx-bf16", 7, 0, EDX, 22, Tiles},
    {"avx512fp16", 7, 0, EDX, 23, Zmm},
    {"amx-tile", 7, 0, EDX, 24, Tiles},
    {"amx-int8", 7, 0, EDX, 25, Tiles},
    {"sha512", 7, 1, EAX, 0, Ymm},
    {"sm3", 7, 1, EAX, 1, Ymm},
    {"sm4", 7, 1, EAX, 2, Ymm},
    {"raoint", 7, 1, EAX, 3, None},
    {"avxvnni", 7, 1, EAX, 4, Ymm},
    {"avx512bf16", 7, 1, EAX, 5, Zmm},
    {"cmpccxadd", 7, 1, EAX, 7, None},
    {"amx-fp16", 7, 1, EAX, 21, Tiles},
    {"hreset", 7, 1, EAX, 22, None},
    {"avxifma", 7, 1, EAX, 23, Ymm},
    {"avxvnniint8", 7, 1, EDX, 4, Ymm},
    {"avxneconvert", 7, 1, EDX, 5, Ymm},
    {"amx-complex", 7, 1, EDX, 8, Tiles},
    {"avxvnniint16", 7, 1, EDX, 10, Ymm},
    {"prefetchi", 7, 1, EDX, 14, None},
    {"avx10.1", 7, 1, EDX, 19, Zmm},
    {"avx10.1-512", 7, 1, EDX, 19, Zmm},
    {"xsaveopt", 0xd, 1, EAX, 0, None},
    {"xsavec", 0xd, 1, EAX, 1, None},
    {"xsaves", 0xd, 1, EAX, 3, None},
    {"ptwrite", 0x14, 0, EBX, 4, None},
    {"kl", 0x7, 0, ECX, 23, None},
    {"sahf", extended, 0, ECX, 0, None},
    {"lzcnt", extended, 0, ECX, 5, None},
    {"sse4a", extended, 0, ECX, 6, None},
    {"prfchw", extended, 0, ECX, 8, None},
    {"xop", extended, 0, ECX, 11, Ymm},
    {"lwp", extended, 0, ECX, 15, None},
    {"fma4", extended, 0, ECX, 16, Ymm},
    {"tbm", extended, 0, ECX, 21, None},
    {"mwaitx", extended, 0, ECX, 29, None},
    {"clzero", extended8, 0, EBX, 0, None},
    {"rdpru", extended8, 0, EBX, 4, None},
    {"wbnoinvd", extended8, 0, EBX, 9, None},
};

} // namespace

/// Register XCR0: the state that the operating system saves.
static uint32_t savedState() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27))
    return 0;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool has(const Entry &entry) {
  if (entry.bit < 0)
    return true;
  unsigned registers[4] = {};
  if (!__get_cpuid_count(entry.leaf, entry.subleaf, &registers[EAX],
                         &registers[EBX], &registers[ECX], &registers[EDX]))
    return false;
  static const uint32_t saved = savedState();
  return (registers[entry.from] >> entry.bit & 1) &&
         (saved & entry.state) == entry.state;
}

Feature moert::lookUpFeature(std::string_view name) {
  for (const Entry &entry : entries)
    if (name == entry.name)
      return has(entry) ? Feature::Present : Feature::Absent;
  return Feature::Unknown;
}

std::string moert::processorName() {
  char name[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    unsigned words[4];
    if (!__get_cpuid(0x80000002 + i, &words[0], &words[1], &words[2],
                     &words[3]))
      return "";
    std::memcpy(name + 16 * i, words, 16);
  }
  std::string text = name;
  size_t first = text.find_first_not_of(' ');
  size_t last = text.find_last_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

#else

Feature moert::lookUpFeature(std::string_view) { return Feature::Unknown; }
std::string moert::processorName() { return ""; }

#endif
