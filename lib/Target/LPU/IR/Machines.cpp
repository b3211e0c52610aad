//===- Machines.cpp - the machine that a program is for -------------------===//
#include "IR/Machines.h"
#include "moe/Support/OutputFile.h"

#include "llvm/Support/MemoryBuffer.h"

using namespace moe::lpu;

llvm::Expected<Machine> moe::lpu::findMachine(llvm::StringRef wanted) {
  Machine machine;
  bool isText = wanted.starts_with("{");
  std::string text = isText ? wanted.str() : std::string(), known;
  for (const moert::lpu::NamedMachine &named : moert::lpu::machines()) {
    if (wanted == named.name)
      text = named.text;
    known += (known.empty() ? "" : ", ") + std::string(named.name);
  }
  if (text.empty()) {
    auto file = llvm::MemoryBuffer::getFile(wanted, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
    if (!file)
      return llvm::createStringError("machine \"" + wanted +
                                     "\" is neither one of " + known +
                                     " nor a file: " + lower(file.getError()));
    text = (*file)->getBuffer().str();
  }
  std::string origin = isText ? "machine" : wanted.str();
  std::string wrong = moert::lpu::parseMachine(text, origin, machine);
  if (!wrong.empty())
    return llvm::createStringError(wrong);
  return machine;
}
