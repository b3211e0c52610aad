//===- CompileMain.cpp - the whole of moe-compile -------------------------===//
#include "moe/Driver/Mains.h"
int moe::compileMain(int, char **) { return 0; }
