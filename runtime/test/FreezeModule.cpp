//===- FreezeModule.cpp - writes Inputs/v<major>_<minor>/null.moe ---------===//
//
// Run once for each format version; docs/Rationale/Container.md says when. What
// it has written stays as it is.
//===----------------------------------------------------------------------===//
#include "TestModule.h"
#include <cstdio>

using namespace moert::test;

/// One of each: tensor, expert, rope table, tokenizer, IR, unknown section.
static ModuleSpec everything() {
  ModuleSpec spec;
  ParameterSpec expert, rope;
  expert.name = "gate.0";
  expert.kind = 1;
  expert.shape = {2, 2};
  expert.offset = 4096;
  expert.size = 3 * 2 * 2 * 4;
  rope.name = "rope";
  rope.kind = 2;
  rope.shape.clear();
  rope.size = 0;
  rope.frequencies = {1, 0.01};
  spec.parameters.push_back(expert);
  spec.parameters.push_back(rope);
  spec.weights.resize(4096 + expert.size);
  const char tokenizer[] = "{\"note\":\"never parsed\"}", ir[] = "// no code\n";
  spec.more = {
      {MOERT_SECTION_TOKENIZER, 0, {tokenizer, tokenizer + sizeof(tokenizer)}},
      {MOERT_SECTION_IR, 0, {ir, ir + sizeof(ir)}},
      {MOERT_SECTION_TEST, 0, {1, 2, 3}}};
  return spec;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 1;
  }
  moert::Status status = writeModule(everything(), argv[1]);
  if (status.ok())
    return 0;
  std::fprintf(stderr, "error: %s\n", status.message());
  return 1;
}
