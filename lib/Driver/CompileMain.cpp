//===- CompileMain.cpp - the whole of moe-compile -------------------------===//
#include "Compilation.h"
#include "Diagnostics.h"
#include "moe/Driver/Mains.h"
#include "moe/Driver/Registry.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include <csignal>

int moe::compileMain(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::setBugReportMsg(
      "This is a defect of moe-compile. Please report it with "
      "the input and the lines below.\n");
  // A file beyond the limit of `ulimit -f` is an error like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  CompileCommand command;
  llvm::Error error = parseCommandLine(argc, argv, getRegistry(), command);
  if (!error)
    error = compile(command, getRegistry());
  if (!error)
    return 0;
  llvm::errs() << "error: " << toOneLine(llvm::toString(std::move(error)))
               << "\n";
  return 1;
}
