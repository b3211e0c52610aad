//===- File.cpp - reading with pread, and saying why it failed ------------===//
#include "File.h"

#include "moe/Model/Diagnostics.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace moe;

std::string moe::pathIn(StringRef directory, StringRef file) {
  SmallString<128> path(directory);
  sys::path::append(path, file);
  return std::string(path);
}

bool moe::exists(StringRef path) {
  sys::fs::file_status status;
  return !sys::fs::status(path, status) && sys::fs::exists(status);
}

/// The system's words, which begin with a capital letter, as ours.
static std::string lower(std::error_code code) {
  return StringRef(code.message()).lower();
}

Expected<uint64_t> moe::regularFileSize(StringRef path) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return fileError(path, lower(code));
  if (sys::fs::is_directory(status))
    return fileError(path, "is a directory, not a file");
  // Opening a pipe or a device could wait forever.
  if (!sys::fs::is_regular_file(status))
    return fileError(path, "is not a regular file");
  return status.getSize();
}

Error moe::withFile(StringRef path,
                    function_ref<Error(uint64_t, ReadAt)> body) {
  Expected<uint64_t> size = regularFileSize(path);
  if (!size)
    return size.takeError();
  Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(path);
  if (!file)
    return fileError(path, lower(errorToErrorCode(file.takeError())));
  scope_exit close([&] { (void)sys::fs::closeFile(*file); });

  auto read = [&](uint64_t offset, MutableArrayRef<char> buffer) -> Error {
    while (!buffer.empty()) {
      Expected<size_t> count =
          sys::fs::readNativeFileSlice(*file, buffer, offset);
      if (!count)
        return makeError(lower(errorToErrorCode(count.takeError())));
      if (*count == 0)
        return makeError("ends at byte " + Twine(offset) +
                         " while it is read, " + Twine(buffer.size()) +
                         " are missing");
      offset += *count;
      buffer = buffer.drop_front(*count);
    }
    return Error::success();
  };
  if (Error error = body(*size, read))
    return fileError(path, toString(std::move(error)));
  return Error::success();
}

Expected<std::string> moe::readText(StringRef path, uint64_t limit) {
  std::string text;
  Error error = withFile(path, [&](uint64_t size, ReadAt read) -> Error {
    if (size == 0)
      return makeError("is empty");
    if (size > limit)
      return makeError("has " + Twine(size) + " bytes, the limit is " +
                       Twine(limit));
    text.resize(size);
    return read(0, MutableArrayRef<char>(text.data(), text.size()));
  });
  if (error)
    return std::move(error);
  return text;
}
