//===- Machines.cpp - the machine that a program is for -------------------===//
#include "IR/Machines.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace moe::lpu;

llvm::Expected<Machine> moe::lpu::findMachine(llvm::StringRef nameOrPath) {
  Machine machine;
  std::string text, known;
  for (const moert::lpu::NamedMachine &named : moert::lpu::machines()) {
    if (nameOrPath == named.name)
      text = named.text;
    known += known.empty() ? "" : ", ";
    known += named.name;
  }
  if (text.empty()) {
    auto file = llvm::MemoryBuffer::getFile(nameOrPath, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
    if (!file)
      return llvm::createStringError(
          "machine \"" + nameOrPath + "\" is neither one of " + known +
          " nor a file: " + file.getError().message());
    text = (*file)->getBuffer().str();
  }
  std::string wrong = moert::lpu::parseMachine(text, nameOrPath.str(), machine);
  if (!wrong.empty())
    return llvm::createStringError(wrong);
  return machine;
}
