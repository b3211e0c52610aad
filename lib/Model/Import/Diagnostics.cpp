//===- Diagnostics.cpp - how messages spell names and shapes --------------===//
#include "moe/Model/Diagnostics.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

Error moe::makeError(const Twine &what) {
  return createStringError(inconvertibleErrorCode(), what);
}

Error moe::fileError(StringRef file, const Twine &what) {
  return makeError(file + ": " + what);
}

std::string moe::quote(StringRef text) {
  // A hostile name must neither break the line nor flood the terminal.
  constexpr size_t limit = 120;
  std::string result = "'";
  raw_string_ostream stream(result);
  stream.write_escaped(text.take_front(limit));
  stream << (text.size() > limit ? "...'" : "'");
  return result;
}

std::string moe::shapeText(ArrayRef<int64_t> shape) {
  std::string result = "[";
  raw_string_ostream stream(result);
  interleaveComma(shape, stream);
  stream << "]";
  return result;
}

std::string moe::listText(ArrayRef<std::string> items) {
  return join(items, ", ");
}
