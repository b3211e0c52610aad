//===- moe-cache-sim.cpp - routing traces through caches, on paper --------===//
#include "moe/Driver/Mains.h"
int main(int argc, char **argv) { return moe::cacheSimMain(argc, argv); }
