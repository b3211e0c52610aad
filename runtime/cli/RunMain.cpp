//===- RunMain.cpp - the whole of moe-run ---------------------------------===//
#include "RunMain.h"
int moert::cli::runMain(int, char **) { return 0; }
