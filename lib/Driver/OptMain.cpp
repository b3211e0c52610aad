//===- OptMain.cpp - the whole of moe-opt ---------------------------------===//
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "moe/Driver/Mains.h"
#include "moe/Driver/RegisterDialects.h"

int moe::optMain(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "transforms moe IR, pass by pass\n", registry));
}
