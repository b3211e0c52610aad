//===- moe-fill.cpp - weights from a seed for a module without ------------===//
#include "FillMain.h"
int main(int argc, char **argv) { return moert::fillMain(argc, argv); }
