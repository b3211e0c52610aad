//===- LspMain.cpp - the whole of moe-lsp-server --------------------------===//
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "moe/Driver/Mains.h"
#include "moe/Driver/RegisterDialects.h"

int moe::lspMain(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
