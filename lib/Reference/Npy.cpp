//===- Npy.cpp - version 1.0 of NumPy's format, float32 only --------------===//
#include "Npy.h"

#include "moe/Support/OutputFile.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace moe;
using namespace moe::reference;

/// Magic, version and header take a multiple of 64 bytes, padded with spaces.
static std::string header(const Matrix &matrix) {
  std::string text;
  raw_string_ostream(text)
      << "{'descr': '<f4', 'fortran_order': False, 'shape': (" << matrix.rows
      << ", " << matrix.columns << "), }";
  constexpr size_t fixedSize = 10;
  while ((fixedSize + text.size() + 1) % 64 != 0)
    text += ' ';
  text += '\n';
  return text;
}

Error reference::writeNpy(StringRef path, const Matrix &matrix) {
  return writeFile(path, [&](raw_ostream &out) {
    std::string text = header(matrix);
    support::endian::Writer writer(out, endianness::little);
    out << StringRef("\x93NUMPY\x01\x00", 8);
    writer.write<uint16_t>(uint16_t(text.size()));
    out << text;
    for (double value : matrix.values)
      writer.write<float>(float(value));
  });
}
