//===- Mains.h - the tools as functions -------------------------*- C++ -*-===//
#ifndef MOE_DRIVER_MAINS_H
#define MOE_DRIVER_MAINS_H

namespace moe {

/// moe-opt: transforms IR pass by pass. Returns the exit code.
int optMain(int argc, char **argv);
/// moe-compile: a checkpoint directory or a .mlir file to a module file.
int compileMain(int argc, char **argv);
/// moe-cache-sim: routing traces through caches of experts, on paper.
int cacheSimMain(int argc, char **argv);
/// moe-lsp-server: the language server for editors.
int lspMain(int argc, char **argv);

} // namespace moe

#endif // MOE_DRIVER_MAINS_H
