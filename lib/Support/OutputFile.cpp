//===- OutputFile.cpp - files that appear when they are complete ----------===//
#include "moe/Support/OutputFile.h"

#include "llvm/Support/FileSystem.h"
#include <filesystem>

using namespace llvm;

std::string moe::followLinks(StringRef path) {
  std::filesystem::path target(path.str());
  constexpr int most = 40; // as the kernel
  for (int i = 0; i < most; ++i) {
    std::error_code noLink;
    std::filesystem::path next = std::filesystem::read_symlink(target, noLink);
    if (noLink)
      break;
    target = target.parent_path() / next;
  }
  return target.string();
}

std::string moe::lower(std::error_code code) {
  return StringRef(code.message()).lower();
}

std::error_code moe::flush(raw_fd_ostream &stream) {
  stream.flush();
  std::error_code code = stream.error();
  stream.clear_error();
  return code;
}

static std::error_code printTo(int fd,
                               function_ref<void(raw_ostream &)> print) {
  raw_fd_ostream stream(fd, /*shouldClose=*/false);
  print(stream);
  return moe::flush(stream);
}

static Error writeBeside(const std::string &target,
                         function_ref<void(raw_ostream &)> print) {
  auto part = sys::fs::TempFile::create(target + ".%%%%%%.part");
  if (!part)
    return part.takeError();
  if (std::error_code code = printTo(part->FD, print))
    return joinErrors(errorCodeToError(code), part->discard());
  return part->keep(target);
}

static Error writeDirectly(StringRef path,
                           function_ref<void(raw_ostream &)> print) {
  int fd;
  if (std::error_code code =
          sys::fs::openFileForWrite(path, fd, sys::fs::CD_OpenExisting))
    return errorCodeToError(code);
  std::error_code code = printTo(fd, print);
  sys::fs::closeFile(fd);
  return errorCodeToError(code);
}

Error moe::writeFile(StringRef path, function_ref<void(raw_ostream &)> print) {
  std::string target = followLinks(path);
  bool isSpecial = sys::fs::exists(target) && !sys::fs::is_regular_file(target);
  Error error =
      isSpecial ? writeDirectly(target, print) : writeBeside(target, print);
  if (!error)
    return Error::success();
  return createStringError(
      path + ": cannot write: " + lower(errorToErrorCode(std::move(error))));
}
