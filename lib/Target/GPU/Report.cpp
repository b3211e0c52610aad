//===- Report.cpp - what kernels take of a GPU, as JSON -------------------===//
#include "Report.h"

#include "moe/Support/OutputFile.h"
#include "llvm/Support/JSON.h"

using namespace moe;
using namespace moe::cuda;

llvm::SmallVector<const Architecture *>
moe::cuda::getReported(const Architecture &architecture) {
  llvm::SmallVector<const Architecture *> result;
  for (const Architecture &known : getArchitectures())
    if (&known == &architecture ||
        (known.sm > architecture.sm && (known.sm == 80 || known.sm == 90)))
      result.push_back(&known);
  return result;
}

static void writeUse(llvm::json::OStream &json, const KernelFacts &kernel,
                     const Architecture &architecture, const KernelUse &use) {
  int sharedBytes = kernel.sharedBytes + use.sharedBytes;
  int blocks =
      architecture.countBlocks(kernel.threads, use.registers, sharedBytes);
  int warps = blocks * (kernel.threads / 32);
  json.attributeObject(architecture.getName(), [&] {
    json.attribute("registers", use.registers);
    json.attribute("stack_bytes", use.stackBytes);
    json.attribute("spill_stores", use.spillStores);
    json.attribute("spill_loads", use.spillLoads);
    json.attribute("shared_bytes", sharedBytes);
    json.attribute("blocks", blocks);
    json.attribute("occupancy", double(warps) / architecture.warps);
  });
}

llvm::Error moe::cuda::writeReport(llvm::StringRef path,
                                   llvm::ArrayRef<KernelFacts> kernels,
                                   llvm::ArrayRef<Usage> usages) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    llvm::json::OStream json(os, /*IndentSize=*/1);
    json.object([&] {
      json.attributeArray("kernels", [&] {
        for (const KernelFacts &kernel : kernels)
          json.object([&] {
            json.attribute("name", kernel.name);
            json.attribute("threads", kernel.threads);
            for (const Usage &usage : usages)
              writeUse(json, kernel, *usage.architecture,
                       usage.kernels.lookup(kernel.name));
          });
      });
    });
    os << "\n";
  });
}
