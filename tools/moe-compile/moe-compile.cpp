//===- moe-compile.cpp - a checkpoint or IR becomes one module file -------===//
#include "moe/Driver/Mains.h"
int main(int argc, char **argv) { return moe::compileMain(argc, argv); }
