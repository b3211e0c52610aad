//===- Encoding.cpp - options, progress and report of the encoder ---------===//
#include "Encoding.h"

#include "Version.h"
#include "moe/Container/QuantReport.h"
#include "moe/Container/StoredBits.h"
#include "moe/Driver/Registry.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace moe;

static std::string getHash(StringRef text) {
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  return llvm::utohexstr(hash.high64) + "." + llvm::utohexstr(hash.low64);
}

/// Another build may choose other codes.
static std::string getBuild() {
  int here;
  auto self = llvm::MemoryBuffer::getFile(
      llvm::sys::fs::getMainExecutable("moe-compile", &here),
      /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return getProducer("moe-compile") + " " +
         (self ? getHash((*self)->getBuffer()) : "unknown");
}

llvm::Expected<std::unique_ptr<CodedWeights>>
moe::encodeWeights(const CompileCommand &command, const Registry &registry,
                   ModelOp model, const ParameterPlan &plan,
                   Progress &progress) {
  EncodingInput input;
  input.model = model;
  input.plan = &plan;
  input.registry = &registry;
  input.options = {command.effort, command.threads};
  input.key = getBuild();
  input.cachePath = followLinks(command.output) + ".codes";
  input.progress = [&](uint64_t done, uint64_t total) {
    progress.setBytes(done, total);
  };
  input.note = [](StringRef text) {
    llvm::errs() << "remark: " << text << "\n";
  };
  progress.setPhase("encoding");
  auto coded = CodedWeights::encode(input);
  progress.setPhase("container");
  return coded;
}

llvm::Error moe::writeReport(const CompileCommand &command,
                             const ParameterPlan &plan,
                             const CodedWeights &coded) {
  if (command.report.empty())
    return llvm::Error::success();
  return writeFile(command.report, [&](llvm::raw_ostream &os) {
    printQuantReport(os, plan, coded);
  });
}

void moe::printBits(StringRef output, const ParameterPlan &plan) {
  StoredBits stored(plan);
  uint64_t size = 0;
  if (!stored.codedWeights || llvm::sys::fs::file_size(output, size))
    return;
  llvm::outs() << output << ": "
               << llvm::format("%.3f bits per quantised weight, %.3f bits per "
                               "weight in all, %.1f MB\n",
                               stored.getBitsPerCodedWeight(),
                               stored.getBitsPerWeight(), size / 1e6);
  // A pipe that is closed is no reason to call the module a failure.
  (void)flush(llvm::outs());
}
