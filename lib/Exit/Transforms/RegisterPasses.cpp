//===- RegisterPasses.cpp - the pass for moe-opt --------------------------===//
#include "moe/Exit/Transforms/Passes.h"

using namespace moe;

void moe::registerMoeExitPasses(const Registry &registry) {
  mlir::registerPass([&registry] { return createInsertExitsPass(registry); });
}
