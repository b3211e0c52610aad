//===- Diagnostics.cpp - place and text on one line -----------------------===//
#include "Diagnostics.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;

std::string moe::toOneLine(StringRef text) {
  std::string result;
  for (StringRef line : llvm::split(text.trim(), '\n')) {
    line = line.trim();
    if (!result.empty() && !line.empty())
      result += ' ';
    result += line;
  }
  return result;
}

OneLineDiagnostics::OneLineDiagnostics(MLIRContext &context, StringRef file)
    : file(file), handler(&context, [this](Diagnostic &diagnostic) {
        handle(diagnostic);
        return success();
      }) {}

void OneLineDiagnostics::handle(Diagnostic &diagnostic) {
  std::lock_guard<std::mutex> lock(mutex);
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto place = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
    stream << place.getFilename().getValue() << ":" << place.getLine() << ":"
           << place.getColumn();
  else
    stream << file;
  stream << ": " << diagnostic.str();
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    if (firstError.empty())
      firstError = toOneLine(text);
    return;
  case DiagnosticSeverity::Warning:
    llvm::errs() << "warning: " << toOneLine(text) << "\n";
    return;
  case DiagnosticSeverity::Remark:
    llvm::errs() << "remark: " << toOneLine(text) << "\n";
    return;
  case DiagnosticSeverity::Note:
    return;
  }
}

llvm::Error OneLineDiagnostics::takeError() {
  if (firstError.empty())
    return llvm::createStringError(file + ": failed without a reason");
  return llvm::createStringError(std::exchange(firstError, std::string()));
}
