//===- moe-lsp-server.cpp - moe IR in editors -----------------------------===//
#include "moe/Driver/Mains.h"
int main(int argc, char **argv) { return moe::lspMain(argc, argv); }
