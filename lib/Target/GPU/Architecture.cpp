//===- Architecture.cpp - which GPUs code is for --------------------------===//
#include "Architecture.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace moe::cuda;

namespace {
constexpr int KiB = 1024;
// NVIDIA's tables of compute capabilities. PTX 8.0 is what drivers since CUDA
// 12.0 read; younger GPUs need younger PTX.
constexpr Architecture architectures[] = {
    {80, 80, 64, 32, 164 * KiB, 163 * KiB},
    {86, 80, 48, 16, 100 * KiB, 99 * KiB},
    {87, 80, 48, 16, 164 * KiB, 163 * KiB},
    {88, 90, 48, 16, 100 * KiB, 99 * KiB},
    {89, 80, 48, 24, 100 * KiB, 99 * KiB},
    {90, 80, 64, 32, 228 * KiB, 227 * KiB},
    {100, 86, 64, 32, 228 * KiB, 227 * KiB},
    {103, 88, 64, 32, 228 * KiB, 227 * KiB},
    {110, 90, 48, 24, 228 * KiB, 227 * KiB},
    {120, 87, 48, 24, 100 * KiB, 99 * KiB},
    {121, 88, 48, 24, 100 * KiB, 99 * KiB},
};
} // namespace

int Architecture::countBlocks(int threads, int registers,
                              int blockBytes) const {
  constexpr int warp = 32, allRegisters = 65536;
  // A warp gets registers in units of 256, in each of the four parts of a
  // multiprocessor; a block shared memory in units of 128 bytes, and the system
  // takes 1 KiB of it.
  constexpr int registerUnit = 256, parts = 4, sharedUnit = 128;
  int blockWarps = llvm::divideCeil(threads, warp);
  int perWarp = llvm::alignTo(std::max(registers, 1) * warp, registerUnit);
  int warpsByRegisters = allRegisters / parts / perWarp * parts;
  int perBlock = llvm::alignTo(blockBytes, sharedUnit) + KiB;
  return std::min({blocks, warps / blockWarps, warpsByRegisters / blockWarps,
                   sharedBytes / perBlock});
}

llvm::ArrayRef<Architecture> moe::cuda::getArchitectures() {
  return architectures;
}

const Architecture *moe::cuda::findArchitecture(int sm) {
  const auto *found = llvm::find_if(
      architectures, [&](const Architecture &known) { return known.sm == sm; });
  return found == std::end(architectures) ? nullptr : found;
}

static llvm::Error unknown(llvm::StringRef name) {
  std::string known;
  for (const Architecture &architecture : architectures)
    known += architecture.getName() + ", ";
  return llvm::createStringError("--gpu-arch: unknown name '" + name +
                                 "', known are " + known + "emulator");
}

llvm::Expected<Devices> Devices::parse(llvm::StringRef list) {
  Devices result;
  llvm::SmallVector<llvm::StringRef> names;
  (list.empty() ? "sm_80" : list).split(names, ',');
  for (llvm::StringRef name : names) {
    if (name == "emulator") {
      result.isEmulated = true;
      continue;
    }
    llvm::StringRef digits = name;
    int sm = 0;
    if (!digits.consume_front("sm_") || digits.getAsInteger(10, sm))
      return unknown(name);
    int least = std::begin(architectures)->sm;
    if (sm < least)
      return llvm::createStringError("--gpu-arch: '" + name +
                                     "' is named, the least is sm_" +
                                     llvm::Twine(least));
    const Architecture *found = findArchitecture(sm);
    if (!found)
      return unknown(name);
    if (result.gpu && result.gpu != found)
      return llvm::createStringError("--gpu-arch: " + result.gpu->getName() +
                                     " and " + name +
                                     " are named, a module has code for 1");
    result.gpu = found;
  }
  return result;
}
