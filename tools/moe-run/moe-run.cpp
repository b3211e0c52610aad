//===- moe-run.cpp - runs a compiled module -------------------------------===//
#include "RunMain.h"
int main(int argc, char **argv) { return moert::cli::runMain(argc, argv); }
