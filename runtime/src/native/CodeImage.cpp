//===- CodeImage.cpp - a shared object that is loaded from memory ---------===//
#include "native/CodeImage.h"

#include "base/File.h"
#include "native/CpuFeatures.h"
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace moert;

#if defined(__x86_64__)
static constexpr uint16_t hostMachine = EM_X86_64;
static constexpr char hostArchitecture[] = "x86_64";
#elif defined(__aarch64__)
static constexpr uint16_t hostMachine = EM_AARCH64;
static constexpr char hostArchitecture[] = "aarch64";
#else
#error "the runtime does not know this processor's ELF machine number"
#endif

Status moert::checkProcessor(const moert_code_t &code) {
  std::string_view triple = code.triple ? code.triple : "";
  std::string_view architecture = triple.substr(0, triple.find('-'));
  if (!architecture.empty() && architecture != hostArchitecture)
    return makeStatus(MOERT_INCOMPATIBLE, code.origin, ": is compiled for ",
                      architecture, ", this machine is ", hostArchitecture);
  std::string missing;
  for (uint64_t i = 0; i < code.feature_count; ++i) {
    const char *name = code.features[i];
    Feature feature = lookUpFeature(name);
    if (feature == Feature::Present)
      continue;
    missing += (missing.empty() ? "" : ", ") + std::string(name);
    if (feature == Feature::Unknown)
      missing += " (unknown to this runtime)";
  }
  if (!missing.empty())
    return makeStatus(
        MOERT_INCOMPATIBLE, code.origin,
        ": needs processor features that this machine lacks: ", missing);
  return Status();
}

Status moert::checkElf(const moert_code_t &code) {
  auto damaged = [&](const auto &...parts) {
    return makeStatus(MOERT_DATA_LOSS, code.origin, ": code ", parts...);
  };
  Elf64_Ehdr header;
  if (code.size < sizeof(header))
    return damaged("has ", code.size, " bytes, an ELF header has ",
                   sizeof(header));
  std::memcpy(&header, code.bytes, sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return damaged("is not an ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB)
    return damaged("is not 64-bit little-endian ELF");
  if (header.e_type != ET_DYN)
    return damaged("has ELF type ", header.e_type, ", a shared object has ",
                   ET_DYN);
  if (header.e_machine != hostMachine)
    return makeStatus(MOERT_INCOMPATIBLE, code.origin,
                      ": code is for ELF machine ", header.e_machine,
                      ", this machine is ", hostMachine);
  // The dynamic linker maps what these headers say and faults beyond the end.
  uint64_t tableSize = uint64_t(header.e_phnum) * sizeof(Elf64_Phdr);
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > code.size ||
      tableSize > code.size - header.e_phoff)
    return damaged("has ", header.e_phnum, " program headers at ",
                   header.e_phoff, ", but ", code.size, " bytes");
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment,
                static_cast<const char *>(code.bytes) + header.e_phoff +
                    i * sizeof(segment),
                sizeof(segment));
    if (segment.p_type != PT_LOAD && segment.p_type != PT_DYNAMIC)
      continue;
    if (segment.p_offset > code.size ||
        segment.p_filesz > code.size - segment.p_offset)
      return damaged("has a segment of ", segment.p_filesz, " bytes at ",
                     segment.p_offset, ", but ", code.size, " bytes");
  }
  return Status();
}

/// An anonymous file in memory with the code in it.
static Status writeMemoryFile(const moert_code_t &code, int *out) {
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
  // Newer kernels want to know that the file is meant to be executed; older
  // ones do not know the flag.
  int fd = ::memfd_create("moe-module", MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL)
    fd = ::memfd_create("moe-module", MFD_CLOEXEC);
  if (fd < 0)
    return makeStatus(
        MOERT_IO_ERROR, code.origin,
        ": cannot make an executable file in memory: ", errnoText(errno));
  const char *from = static_cast<const char *>(code.bytes);
  for (uint64_t left = code.size; left > 0;) {
    ssize_t done = ::write(fd, from, left);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0) {
      Status status =
          makeStatus(MOERT_IO_ERROR, code.origin, ": cannot copy ", code.size,
                     " bytes of code: ", errnoText(errno));
      ::close(fd);
      return status;
    }
    from += done;
    left -= done;
  }
  *out = fd;
  return Status();
}

Status CodeImage::load(const moert_code_t &code,
                       std::unique_ptr<CodeImage> *out) {
  MOERT_RETURN_IF_ERROR(checkElf(code));
  int fd;
  MOERT_RETURN_IF_ERROR(writeMemoryFile(code, &fd));
  // The dynamic linker takes two objects of one name for one object, so the
  // descriptor, whose number is the name, stays open as long as the code.
  std::string name = "/proc/self/fd/" + std::to_string(fd);
  void *handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    Status status = makeStatus(MOERT_DATA_LOSS, code.origin,
                               ": cannot load code: ", ::dlerror());
    ::close(fd);
    return status;
  }
  auto entry =
      reinterpret_cast<moert_abi_forward_fn_t>(::dlsym(handle, code.entry));
  std::unique_ptr<CodeImage> image(new CodeImage(fd, handle, entry));
  if (!entry)
    return makeStatus(MOERT_NOT_FOUND, code.origin, ": code has no symbol ",
                      code.entry);
  *out = std::move(image);
  return Status();
}

const void *CodeImage::find(const char *symbol) const {
  return ::dlsym(handle, symbol);
}

CodeImage::~CodeImage() {
  ::dlclose(handle);
  ::close(fd);
}
