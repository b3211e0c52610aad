//===- Assembler.cpp - ptxas, where there is one --------------------------===//
#include "Assembler.h"

#include "moe/Support/OutputFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/Signals.h"

using namespace moe;
using namespace moe::cuda;
namespace fs = llvm::sys::fs;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Finding it
//===----------------------------------------------------------------------===//

/// A program in a folder; empty: it has none.
static std::string findIn(StringRef directory) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, "ptxas");
  return fs::can_execute(path) ? path.str().str() : std::string();
}

llvm::Expected<std::optional<Assembler>> Assembler::find(StringRef named) {
  StringRef from = "--ptxas";
  std::string program = named.str();
  if (program.empty()) {
    from = "MOE_PTXAS";
    program = llvm::sys::Process::GetEnv("MOE_PTXAS").value_or("");
  }
  if (program == "none")
    return std::nullopt;
  if (!program.empty()) {
    auto found = llvm::sys::findProgramByName(program);
    std::error_code code =
        found ? fs::access(*found, fs::AccessMode::Execute) : found.getError();
    if (code)
      return llvm::createStringError(from + ": cannot run '" + program +
                                     "': " + lower(code));
    return Assembler(*found);
  }
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return Assembler(*found);
  auto home = llvm::sys::Process::GetEnv("CUDA_HOME");
  for (const std::string &root :
       {home.value_or(""), std::string("/usr/local/cuda")})
    if (std::string found = findIn(root + "/bin");
        !root.empty() && !found.empty())
      return Assembler(found);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Running it
//===----------------------------------------------------------------------===//

namespace {

/// A file that goes away with this object, also when a signal ends the process.
class Scratch {
public:
  explicit Scratch(StringRef suffix) {
    code = fs::createTemporaryFile("moe", suffix, path);
    if (code)
      return;
    llvm::sys::RemoveFileOnSignal(path);
    remover.setFile(path);
  }

  llvm::Expected<std::string> read() const {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      return llvm::createStringError("cannot read what ptxas made: " +
                                     lower(buffer.getError()));
    return (*buffer)->getBuffer().str();
  }

  std::error_code code;
  llvm::SmallString<128> path;

private:
  llvm::FileRemover remover;
};

} // namespace

/// The first line that says something.
static StringRef firstLine(StringRef text) {
  return text.ltrim().split('\n').first.rtrim();
}

/// Reads what `ptxas -v` says of each kernel.
static llvm::StringMap<KernelUse> readUses(StringRef text) {
  llvm::StringMap<KernelUse> uses;
  llvm::Regex entry("Compiling entry function '([^']+)'"),
      stack("([0-9]+) bytes stack frame, ([0-9]+) bytes spill stores, ([0-9]+) "
            "bytes spill loads"),
      registers("Used ([0-9]+) registers"), shared("([0-9]+) bytes smem");
  KernelUse *use = nullptr;
  auto number = [](StringRef digits) {
    int value = 0;
    (void)digits.getAsInteger(10, value);
    return value;
  };
  llvm::SmallVector<StringRef> lines, match;
  text.split(lines, '\n');
  for (StringRef line : lines) {
    if (entry.match(line, &match))
      use = &uses[match[1]];
    if (!use)
      continue;
    if (stack.match(line, &match)) {
      use->stackBytes = number(match[1]);
      use->spillStores = number(match[2]);
      use->spillLoads = number(match[3]);
    }
    if (registers.match(line, &match))
      use->registers = number(match[1]);
    if (shared.match(line, &match))
      use->sharedBytes = number(match[1]);
  }
  return uses;
}

llvm::Expected<Assembled>
Assembler::assemble(StringRef ptx, const Architecture &architecture) const {
  Scratch input("ptx"), output("cubin"), messages("txt");
  for (const Scratch *file : {&input, &output, &messages})
    if (file->code)
      return llvm::createStringError("cannot create a temporary file: " +
                                     lower(file->code));
  if (llvm::Error error =
          writeFile(input.path, [&](llvm::raw_ostream &os) { os << ptx; }))
    return std::move(error);
  std::string arch = "-arch=" + architecture.getName();
  StringRef arguments[] = {program,       arch,       "-v", "-O3",
                           "-fmad=false", input.path, "-o", output.path};
  std::optional<StringRef> redirects[] = {StringRef(), messages.path.str(),
                                          messages.path.str()};
  std::string failure;
  int status = llvm::sys::ExecuteAndWait(program, arguments, std::nullopt,
                                         redirects, 0, 0, &failure);
  llvm::Expected<std::string> said = messages.read();
  if (!said)
    return said.takeError();
  if (status != 0) {
    // Its words name a file that nobody knows.
    StringRef line = firstLine(*said);
    line.consume_front("ptxas ");
    std::string words = line.str();
    if (size_t at = words.find(input.path.c_str()); at != std::string::npos)
      words.replace(at, input.path.size(), "the kernels");
    return llvm::createStringError(
        program + ": cannot assemble for " + architecture.getName() + ": " +
        (words.empty()
             ? failure.empty() ? "status " + std::to_string(status) : failure
             : words));
  }
  Assembled result;
  result.kernels = readUses(*said);
  llvm::Expected<std::string> cubin = output.read();
  if (!cubin)
    return cubin.takeError();
  if (cubin->empty())
    return llvm::createStringError(program + ": wrote nothing for " +
                                   architecture.getName());
  result.cubin.assign(cubin->begin(), cubin->end());
  return result;
}
