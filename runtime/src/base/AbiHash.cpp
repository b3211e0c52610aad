//===- AbiHash.cpp - one number for the treaty with compiled code ---------===//
//
// The hash is XXH3-64 of a text that lists the ABI version and, for each struct
// of moert/abi/module.h, its size and the offset of every field:
//
//   moert abi 1;moert_forward_v1;align 64;kv block 16;
//   env 40:size 0,abi_version 4,...;forward 96:size 0,rows 8,...
//
// So two runtimes agree exactly when they lay out the treaty in the same way.
// Fields that were added later, at the ends, are no part of it.
// A change of meaning alone must change MOERT_ABI_VERSION.
//===----------------------------------------------------------------------===//
#include "moert/abi/module.h"
#include "moert/moert.h"
#include <string>
#define XXH_INLINE_ALL
#include <xxhash.h>

static std::string abiText() {
  std::string text = "moert abi " + std::to_string(MOERT_ABI_VERSION) +
                     ";" MOERT_ABI_FORWARD_SYMBOL ";align " +
                     std::to_string(MOERT_ABI_ALIGNMENT) + ";kv block " +
                     std::to_string(MOERT_ABI_KV_BLOCK) + ";";
  auto begin = [&](const char *name, size_t size) {
    text += std::string(name) + " " + std::to_string(size) + ":";
  };
  auto field = [&](const char *name, size_t offset) {
    text += std::string(name) + " " + std::to_string(offset) + ",";
  };
#define ENV(name) field(#name, offsetof(moert_abi_env_t, name))
#define FORWARD(name) field(#name, offsetof(moert_abi_forward_t, name))
  begin("env", offsetof(moert_abi_env_t, gpu));
  ENV(size), ENV(abi_version), ENV(parallel_for), ENV(trace), ENV(workers),
      ENV(host);
  begin(";forward", offsetof(moert_abi_forward_t, offload));
  FORWARD(size), FORWARD(rows), FORWARD(wanted_rows), FORWARD(tokens),
      FORWARD(sequences), FORWARD(positions), FORWARD(wanted),
      FORWARD(parameters), FORWARD(kv), FORWARD(kv_capacity),
      FORWARD(workspace), FORWARD(logits);
#undef ENV
#undef FORWARD
  return text;
}

uint64_t moert_abi_hash(void) {
  std::string text = abiText();
  return XXH3_64bits(text.data(), text.size());
}

#define MOERT_STRING(x) #x
#define MOERT_EXPAND(x) MOERT_STRING(x)
const char *moert_version(void) {
  return MOERT_VERSION " (abi " MOERT_EXPAND(MOERT_ABI_VERSION) ")";
}
