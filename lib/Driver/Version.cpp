//===- Version.cpp - lists what is plugged into this build ----------------===//
#include "Version.h"

#include "moe/Driver/Registry.h"
#include "moe/Model/ModelFamily.h"
#include "moe/Quant/QuantScheme.h"
#include "moe/Target/TargetBackend.h"
#include "llvm/Config/llvm-config.h"

template <typename Factories>
static void printKind(llvm::raw_ostream &os, const char *kind,
                      const Factories &members) {
  for (const auto &member : members)
    os << kind << " " << member.first << "\n";
}

void moe::printVersion(llvm::raw_ostream &os) {
  os << "moe " MOE_VERSION ", LLVM " LLVM_VERSION_STRING "\n";
  const Registry &registry = getRegistry();
  printKind(os, "backend", registry.backends);
  printKind(os, "family", registry.families);
  printKind(os, "scheme", registry.schemes);
}

std::string moe::getProducer(llvm::StringRef tool) {
  return (tool + " " MOE_VERSION).str();
}
