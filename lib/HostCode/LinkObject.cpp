//===- LinkObject.cpp - a shared object with LLD as a library -------------===//
#include "moe/HostCode/EmitObject.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

LLD_HAS_DRIVER(elf)

using namespace moe::host;

/// The system's words, which begin with a capital letter, as ours.
static std::string lower(std::error_code code) {
  return llvm::StringRef(code.message()).lower();
}

/// A file that goes away with this object, also when a signal ends the process.
static llvm::Expected<std::string> createTemporary(llvm::StringRef suffix) {
  llvm::SmallString<128> path;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("moe", suffix, path))
    return llvm::createStringError("cannot create a temporary file: " +
                                   lower(code));
  llvm::sys::RemoveFileOnSignal(path);
  return path.str().str();
}

static llvm::Error writeFile(llvm::StringRef path, llvm::ArrayRef<char> bytes) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (!code) {
    stream.write(bytes.data(), bytes.size());
    stream.close();
    code = stream.error();
    stream.clear_error(); // or it would end the process
  }
  if (!code)
    return llvm::Error::success();
  return llvm::createStringError(path + ": cannot write: " + lower(code));
}

llvm::Expected<std::vector<char>>
moe::host::linkShared(llvm::ArrayRef<char> object) {
  auto objectPath = createTemporary("o");
  if (!objectPath)
    return objectPath.takeError();
  llvm::FileRemover removeObject(*objectPath);
  auto sharedPath = createTemporary("so");
  if (!sharedPath)
    return sharedPath.takeError();
  llvm::FileRemover removeShared(*sharedPath);

  if (llvm::Error error = writeFile(*objectPath, object))
    return std::move(error);

  // -z defs: the module must not need anything from outside.
  const char *args[] = {"ld.lld",
                        "-shared",
                        "-z",
                        "defs",
                        "-z",
                        "noexecstack",
                        "--build-id=none",
                        "--strip-debug",
                        "--gc-sections",
                        "-o",
                        sharedPath->c_str(),
                        objectPath->c_str()};
  std::string messages;
  llvm::raw_string_ostream errors(messages);
  lld::Result result =
      lld::lldMain(args, llvm::nulls(), errors, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("cannot link the module's code: " +
                                   llvm::StringRef(messages).trim());
  auto buffer = llvm::MemoryBuffer::getFile(*sharedPath);
  if (!buffer)
    return llvm::createStringError(buffer.getError(),
                                   "cannot read the linked code");
  return std::vector<char>((*buffer)->getBufferStart(),
                           (*buffer)->getBufferEnd());
}
