//===- CodeCache.cpp - finished codes survive their compilation -----------===//
#include "CodeCache.h"

#include "moe/Support/OutputFile.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/MathExtras.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moe;
using llvm::StringRef;

namespace {
struct Header {
  char magic[8];
  uint32_t version;
  uint32_t reserved;
  uint64_t items;
  uint64_t fingerprint[2];
  uint64_t checksum; ///< of what stands before
};
} // namespace

static constexpr char magic[8] = {'M', 'O', 'E', 'C', 'O', 'D', 'E', 'S'};
static constexpr uint32_t version = 1;
static constexpr uint64_t page = 4096;
static constexpr size_t blockSize = size_t(1) << 20;

Fingerprint moe::getFingerprint(StringRef text) {
  XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {hash.low64, hash.high64};
}

uint64_t moe::getChecksum(llvm::ArrayRef<char> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

static llvm::Error fail(StringRef path, const llvm::Twine &what) {
  return llvm::createStringError(path + ": " + what);
}

static llvm::Error failWith(StringRef path, StringRef what, int code) {
  std::error_code error(code, std::generic_category());
  return fail(path, what + ": " + lower(error));
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

static Header makeHeader(Fingerprint fingerprint, uint64_t items) {
  Header header = {};
  std::memcpy(header.magic, magic, sizeof(magic));
  header.version = version;
  header.items = items;
  header.fingerprint[0] = fingerprint.low;
  header.fingerprint[1] = fingerprint.high;
  header.checksum = XXH3_64bits(&header, offsetof(Header, checksum));
  return header;
}

llvm::Expected<std::unique_ptr<CodeCache>>
CodeCache::open(StringRef path, Fingerprint fingerprint,
                llvm::ArrayRef<uint64_t> sizes) {
  std::string name = path.str();
  // Not blocking: opening a pipe would wait for its other end.
  int descriptor = llvm::sys::RetryAfterSignal(-1, [&] {
    return ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK,
                  0666);
  });
  if (descriptor < 0)
    return failWith(path, "cannot be opened", errno);
  std::unique_ptr<CodeCache> cache(new CodeCache(path, descriptor));
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    return fail(path, "is not a regular file");
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    return fail(path, "is being written by another compilation");
  if (llvm::Error error = cache->prepare(fingerprint, sizes))
    return std::move(error);
  return cache;
}

llvm::Error CodeCache::prepare(Fingerprint wanted,
                               llvm::ArrayRef<uint64_t> sizes) {
  fingerprint = wanted;
  uint64_t end = 0;
  for (uint64_t size : sizes) {
    offsets.push_back(end);
    end += size;
  }
  offsets.push_back(end);
  dataStart =
      llvm::alignTo(sizeof(Header) + sizes.size() * sizeof(Entry), page);

  Header header = makeHeader(wanted, sizes.size()), old = {};
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return failWith(path, "cannot be read", errno);
  if (readExactly(&old, sizeof(old), 0) &&
      std::memcmp(&old, &header, sizeof(header)) == 0) {
    found = Found::Same;
    return llvm::Error::success();
  }
  if (status.st_size > 0) {
    // A file system may leave zeros where a crash kept it from writing.
    static constexpr char zeros[sizeof(magic)] = {};
    if (std::memcmp(old.magic, magic, sizeof(magic)) != 0 &&
        std::memcmp(old.magic, zeros, sizeof(magic)) != 0)
      return fail(path, "is in the way: it holds no codes, and codes would be "
                        "kept there");
    found = Found::Other;
  }
  if (::ftruncate(descriptor, 0) != 0)
    return failWith(path, "cannot write", errno);
  return write(&header, sizeof(header), 0);
}

CodeCache::~CodeCache() { ::close(descriptor); }

void CodeCache::remove() { ::unlink(path.c_str()); }

//===----------------------------------------------------------------------===//
// Items
//===----------------------------------------------------------------------===//

llvm::Error CodeCache::write(const void *bytes, size_t size, uint64_t offset) {
  const char *next = static_cast<const char *>(bytes);
  while (size > 0) {
    ssize_t done = llvm::sys::RetryAfterSignal(-1, ::pwrite, descriptor, next,
                                               size, off_t(offset));
    if (done < 0)
      return failWith(path, "cannot write", errno);
    next += done;
    size -= done;
    offset += done;
  }
  return llvm::Error::success();
}

bool CodeCache::readExactly(void *bytes, size_t size, uint64_t offset) const {
  char *next = static_cast<char *>(bytes);
  while (size > 0) {
    ssize_t done = llvm::sys::RetryAfterSignal(-1, ::pread, descriptor, next,
                                               size, off_t(offset));
    if (done <= 0)
      return false;
    next += done;
    size -= done;
    offset += done;
  }
  return true;
}

/// An entry is signed for its place in a file of its kind, so that no other
/// bytes are taken for it.
uint64_t CodeCache::sign(size_t item, const Entry &entry) const {
  uint64_t seed = fingerprint.low ^ (item + 1);
  return XXH3_64bits_withSeed(&entry, offsetof(Entry, checksum), seed);
}

std::optional<CodeCache::Entry> CodeCache::find(size_t item, uint64_t source) {
  Entry entry;
  if (found != Found::Same ||
      !readExactly(&entry, sizeof(entry),
                   sizeof(Header) + item * sizeof(Entry)) ||
      entry.checksum != sign(item, entry) || entry.source != source)
    return std::nullopt;
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  std::vector<char> block;
  for (uint64_t at = offsets[item]; at < offsets[item + 1]; at += blockSize) {
    block.resize(std::min<uint64_t>(blockSize, offsets[item + 1] - at));
    if (!readExactly(block.data(), block.size(), dataStart + at))
      return std::nullopt;
    XXH3_64bits_update(&state, block.data(), block.size());
  }
  if (XXH3_64bits_digest(&state) != entry.bytes)
    return std::nullopt;
  return entry;
}

llvm::Error CodeCache::store(size_t item, Entry entry,
                             llvm::ArrayRef<char> bytes) {
  if (llvm::Error error =
          write(bytes.data(), bytes.size(), dataStart + offsets[item]))
    return error;
  entry.bytes = getChecksum(bytes);
  entry.checksum = sign(item, entry);
  return write(&entry, sizeof(entry), sizeof(Header) + item * sizeof(Entry));
}

llvm::Error CodeCache::read(uint64_t offset,
                            llvm::MutableArrayRef<char> out) const {
  if (readExactly(out.data(), out.size(), dataStart + offset))
    return llvm::Error::success();
  return fail(path,
              "cannot be read at byte " + llvm::Twine(dataStart + offset));
}
