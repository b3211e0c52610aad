//===- ContainerWriter.cpp - sections in the order they are known ---------===//
#include "moe/Container/ContainerWriter.h"

#include "Metadata.h"
#include "WeightStream.h"
#include "container/Writer.h"
#include "llvm/Support/Signals.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace mlir;
using namespace moe;

static llvm::Error toError(const moert::Status &status) {
  if (status.ok())
    return llvm::Error::success();
  return llvm::createStringError(status.message());
}

namespace {
/// Removes the part of a file when a signal ends the process.
class RemovedOnSignal {
public:
  explicit RemovedOnSignal(const std::string &path) : path(path) {
    llvm::sys::RemoveFileOnSignal(path);
  }
  ~RemovedOnSignal() { llvm::sys::DontRemoveFileOnSignal(path); }

private:
  std::string path;
};
} // namespace

/// Section WEIGHTS; `checksums` gets the XXH3 of each parameter.
static llvm::Error writeWeights(const ContainerInput &input,
                                moert::ContainerWriter &writer,
                                std::vector<uint64_t> &checksums) {
  llvm::ArrayRef<Parameter> parameters = input.plan->getParameters();
  if (llvm::Error error = toError(
          writer.beginSection(MOERT_SECTION_WEIGHTS, MOERT_SECTION_REQUIRED)))
    return error;
  WeightData data(ModelOp(input.model).getDirectory());
  // Of the bytes so far of the parameter that is being written. A table has
  // none, and no checksum.
  checksums.assign(parameters.size(), 0);
  XXH3_state_t state;
  size_t current = SIZE_MAX;
  uint64_t done = 0;
  return streamWeights(
      *input.plan, data, input.coded,
      [&](const WeightBlock &block) -> llvm::Error {
        if (block.parameter != current) {
          current = block.parameter;
          XXH3_64bits_reset(&state);
          if (llvm::Error error =
                  toError(writer.padTo(parameters[current].offset)))
            return error;
        }
        XXH3_64bits_update(&state, block.bytes.data(), block.bytes.size());
        checksums[current] = XXH3_64bits_digest(&state);
        done += block.bytes.size();
        if (input.progress)
          input.progress(done, input.plan->getTotalSize());
        return toError(writer.append(block.bytes.data(), block.bytes.size()));
      });
}

/// A section of bytes that are at hand; none when there are none.
template <typename Bytes>
static llvm::Error addSection(moert::ContainerWriter &writer, uint32_t id,
                              uint32_t flags, const Bytes &bytes) {
  if (bytes.empty())
    return llvm::Error::success();
  return toError(writer.addSection(id, flags, bytes.data(), bytes.size()));
}

/// Section CODE.
static llvm::Expected<CodeObject> writeCode(const ContainerInput &input,
                                            moert::ContainerWriter &writer) {
  llvm::Expected<CodeObject> code = input.code();
  if (!code)
    return code.takeError();
  if (llvm::Error error = addSection(writer, MOERT_SECTION_CODE,
                                     MOERT_SECTION_REQUIRED, code->bytes))
    return std::move(error);
  return code;
}

/// Sections IR and METADATA: what is said of the rest.
static llvm::Error writeFacts(const ContainerInput &input,
                              const CodeObject &code, const ModelFacts &facts,
                              ArrayRef<uint64_t> checksums,
                              moert::ContainerWriter &writer) {
  if (input.certificate)
    if (llvm::Error error = verifyCertificate(
            *input.certificate, input, getWeightsHash(checksums)))
      return error;
  std::string ir;
  if (input.hasIr)
    llvm::raw_string_ostream(ir) << *ModelOp(input.model)->getParentOp() << "\n";
  if (llvm::Error error = addSection(writer, MOERT_SECTION_IR, 0, ir))
    return error;
  return addSection(writer, MOERT_SECTION_METADATA, MOERT_SECTION_REQUIRED,
                    buildMetadata(input, code, facts, checksums));
}

/// Shows the module to who runs it, and writes again what that changes.
static llvm::Error learn(ContainerInput input, CodeObject code,
                         const ModelFacts &facts, ArrayRef<uint64_t> checksums,
                         moert::ContainerWriter &writer) {
  for (bool goesOn = true; goesOn;) {
    if (llvm::Error error = toError(writer.complete()))
      return error;
    llvm::Expected<ExitLesson> lesson =
        input.teach(writer.partPath(), getWeightsHash(checksums));
    if (!lesson)
      return lesson.takeError();
    input.certificate = lesson->certificate;
    goesOn = lesson->isCodeChanged;
    uint32_t first = goesOn        ? MOERT_SECTION_CODE
                     : input.hasIr ? MOERT_SECTION_IR
                                   : MOERT_SECTION_METADATA;
    if (llvm::Error error = toError(writer.dropFrom(first)))
      return error;
    if (goesOn) {
      llvm::Expected<CodeObject> again = writeCode(input, writer);
      if (!again)
        return again.takeError();
      code = std::move(*again);
    }
    if (llvm::Error error = writeFacts(input, code, facts, checksums, writer))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error moe::writeContainer(const ContainerInput &input, StringRef path) {
  llvm::Expected<ModelFacts> facts = ModelFacts::get(input.model);
  if (!facts)
    return facts.takeError();
  std::unique_ptr<moert::ContainerWriter> writer;
  if (llvm::Error error =
          toError(moert::ContainerWriter::create(path.str(), &writer)))
    return error;
  RemovedOnSignal guard(writer->partPath());
  if (llvm::Error error =
          addSection(*writer, MOERT_SECTION_TOKENIZER, 0, input.tokenizerJson))
    return error;
  // Metadata holds checksums of the weights, so it comes after them; so does all
  // that a lesson changes.
  std::vector<uint64_t> checksums;
  if (!input.hasWeights) // not 0, for which a FlatBuffer has no room
    checksums.assign(input.plan->getParameters().size(), ~uint64_t(0));
  else if (llvm::Error error = writeWeights(input, *writer, checksums))
    return error;
  llvm::Expected<CodeObject> code = writeCode(input, *writer);
  if (!code)
    return code.takeError();
  if (llvm::Error error = writeFacts(input, *code, *facts, checksums, *writer))
    return error;
  if (input.teach)
    if (llvm::Error error =
            learn(input, std::move(*code), *facts, checksums, *writer))
      return error;
  return toError(writer->finish());
}
