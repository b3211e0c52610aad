//===- ExitHeads.cpp - heads by name --------------------------------------===//
#include "ExitHeads.h"

#include "moe/Exit/Transforms/Passes.h"
#include "moe/Support/UnknownName.h"

using namespace mlir;
using namespace moe;

Value moe::buildFullHead(ImplicitLocOpBuilder &builder, DecoderStack &stack,
                         Value rows) {
  IRMapping made;
  made.map(stack.output, rows);
  for (Operation *op : stack.head) {
    // The rows are the wanted ones.
    if (op == stack.pick)
      made.map(stack.pick.getResult(), made.lookup(stack.pick.getInput()));
    else
      builder.clone(*op, made);
  }
  return made.lookup(stack.getLogits());
}

static constexpr std::pair<llvm::StringLiteral, BuildHead> heads[] = {
    {"full", buildFullHead},
    {"light", nullptr}, // LightHead
};

llvm::Expected<BuildHead> moe::findExitHead(StringRef name) {
  for (auto [known, build] : heads)
    if (known == name)
      return build;
  return unknownName("exit head", name,
                     llvm::join(llvm::make_first_range(heads), ", "));
}

llvm::Error moe::verifyExitHead(StringRef name) {
  return findExitHead(name).takeError();
}
