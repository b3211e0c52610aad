//===- moe-opt.cpp - runs single passes, for developers and tests ---------===//
#include "moe/Driver/Mains.h"
int main(int argc, char **argv) { return moe::optMain(argc, argv); }
