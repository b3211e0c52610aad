//===- CodeCache.h - a file of finished codes, with a journal ---*- C++ -*-===//
//
//   [header][entry of each item] up to a page, then the items' bytes
//
// Header and entries carry checksums, and an entry that of its item's bytes. So
// what a crash left half written is not believed, whatever order it was written
// in, and nothing has to be forced to the disk.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_CONTAINER_CODECACHE_H
#define MOE_LIB_CONTAINER_CODECACHE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moe {

/// 128 bits of XXH3.
struct Fingerprint {
  uint64_t low = 0, high = 0;
};
Fingerprint getFingerprint(llvm::StringRef text);
uint64_t getChecksum(llvm::ArrayRef<char> bytes);

class CodeCache {
public:
  /// What is kept with an item's bytes.
  struct Entry {
    uint64_t source = 0; ///< checksum of what the item was made from
    double numbers[4] = {};
    int64_t inputRows = -1;
    uint64_t bytes = 0;    ///< checksum of the item
    uint64_t checksum = 0; ///< of this entry
  };
  /// What was there before.
  enum class Found { Nothing, Same, Other };

  /// Opens or makes the file for items of these sizes. One process has it at a
  /// time. A file that is no cache is left alone, and an error.
  static llvm::Expected<std::unique_ptr<CodeCache>>
  open(llvm::StringRef path, Fingerprint fingerprint,
       llvm::ArrayRef<uint64_t> sizes);
  ~CodeCache();

  Found getFound() const { return found; }
  /// The entry of an item that was stored whole, and made from `source`.
  std::optional<Entry> find(size_t item, uint64_t source);
  llvm::Error store(size_t item, Entry entry, llvm::ArrayRef<char> bytes);
  /// Bytes from `offset` from the first item's start.
  llvm::Error read(uint64_t offset, llvm::MutableArrayRef<char> out) const;
  void remove();

private:
  CodeCache(llvm::StringRef path, int descriptor)
      : path(path), descriptor(descriptor) {}
  llvm::Error prepare(Fingerprint fingerprint, llvm::ArrayRef<uint64_t> sizes);
  llvm::Error write(const void *bytes, size_t size, uint64_t offset);
  bool readExactly(void *bytes, size_t size, uint64_t offset) const;
  uint64_t sign(size_t item, const Entry &entry) const;

  std::string path;
  int descriptor;
  Found found = Found::Nothing;
  Fingerprint fingerprint;
  std::vector<uint64_t> offsets; ///< of items, one more than there are
  uint64_t dataStart = 0;
};

} // namespace moe

#endif // MOE_LIB_CONTAINER_CODECACHE_H
