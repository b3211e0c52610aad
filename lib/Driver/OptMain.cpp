//===- OptMain.cpp - the whole of moe-opt ---------------------------------===//
#include "Version.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "moe/Driver/Mains.h"
#include "moe/Driver/RegisterDialects.h"
#include "llvm/Support/CommandLine.h"

int moe::optMain(int argc, char **argv) {
  llvm::cl::SetVersionPrinter(printVersion);
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "transforms moe IR, pass by pass\n", registry));
}
