//===- CompileMain.cpp - the whole of moe-compile -------------------------===//
#include "Compilation.h"
#include "Diagnostics.h"
#include "moe/Driver/Mains.h"
#include "moe/Driver/Registry.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include <csignal>

static int fail(llvm::StringRef message) {
  llvm::errs() << "error: " << moe::toOneLine(message) << "\n";
  return 1;
}

int moe::compileMain(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::setBugReportMsg(
      "This is a defect of moe-compile. Please report it with "
      "the input and the lines below.\n");
  // A file beyond the limit of `ulimit -f` is an error like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  CompileCommand command;
  if (llvm::Error error = parseCommandLine(argc, argv, getRegistry(), command))
    return fail("command line: " + llvm::toString(std::move(error)));
  if (llvm::Error error = compile(command, getRegistry()))
    return fail(llvm::toString(std::move(error)));
  return 0;
}
