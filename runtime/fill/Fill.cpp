//===- Fill.cpp - weights for a module that has none ----------------------===//
#include "Fill.h"

#include "RandomWeights.h"
#include "base/File.h"
#include "base/Memory.h"
#include "container/Checksum.h"
#include "container/Header.h"
#include "container/Writer.h"
#include <algorithm>
#include <cstring>
#include <memory>

using namespace moert;

namespace {

class Filler {
public:
  Filler(const std::string &origin, uint64_t seed,
         const std::function<void(uint64_t, uint64_t)> &progress)
      : origin(origin), seed(seed), progress(progress) {}
  ~Filler() {
    if (buffer)
      releaseHostMemory(buffer, bufferSize);
  }

  Status read();
  uint64_t weightBytes() const;
  Status write(const std::string &path);

private:
  Status writeWeights(ContainerWriter &writer);
  Status copySection(const moert_container_section_t &section,
                     ContainerWriter &writer) const;
  std::span<const std::byte>
  bytesOf(const moert_container_section_t &section) const {
    return file->bytes().subspan(section.offset, section.size);
  }

  const std::string &origin;
  const uint64_t seed;
  const std::function<void(uint64_t, uint64_t)> &progress;
  std::unique_ptr<MappedFile> file;
  moert_container_header_t header = {};
  /// Section METADATA, whose checksums change; words, so that it is aligned.
  std::vector<uint64_t> metadata;
  uint64_t metadataSize = 0;
  const fb::Module *module = nullptr;
  std::vector<Code> codes;
  void *buffer = nullptr; ///< room for the largest parameter
  uint64_t bufferSize = 0;
};

} // namespace

Status Filler::read() {
  MOERT_RETURN_IF_ERROR(MappedFile::open(origin, &file));
  MOERT_RETURN_IF_ERROR(readHeader(file->bytes(), origin, true, &header));
  for (uint32_t i = 0; i < header.section_count; ++i) {
    const moert_container_section_t &section = header.sections[i];
    if (section.id == MOERT_SECTION_WEIGHTS)
      return makeStatus(MOERT_INVALID_ARGUMENT, origin, ": has ", section.size,
                        " bytes of weights, only a module of moe-compile "
                        "--no-weights is filled");
    if (checksum(bytesOf(section)) != section.checksum)
      return makeStatus(MOERT_DATA_LOSS, origin, ": ", sectionName(section.id),
                        " is damaged");
    if (section.id != MOERT_SECTION_METADATA)
      continue;
    metadataSize = section.size;
    metadata.resize(section.size / sizeof(uint64_t) + 1);
    std::memcpy(metadata.data(), bytesOf(section).data(), section.size);
  }
  MOERT_RETURN_IF_ERROR(readMetadata(
      {reinterpret_cast<const std::byte *>(metadata.data()), metadataSize},
      mostBytes, origin, &module, &codes));
  if (module->exits())
    return makeStatus(MOERT_INVALID_ARGUMENT, origin,
                      ": has exits, whose thresholds are of weights that it "
                      "does not have");
  return Status();
}

uint64_t Filler::weightBytes() const {
  uint64_t end = 0;
  for (const fb::Parameter *parameter : *module->parameters())
    end = std::max(end, parameter->offset() + parameter->size());
  return end;
}

/// The field is in the buffer whatever its value is: the compiler writes one that
/// is not 0.
static bool setChecksum(const fb::Parameter &parameter, uint64_t value) {
  auto *table = reinterpret_cast<flatbuffers::Table *>(
      const_cast<fb::Parameter *>(&parameter));
  return table->SetField<uint64_t>(fb::Parameter::VT_CHECKSUM, value, 0);
}

Status Filler::writeWeights(ContainerWriter &writer) {
  struct Item {
    const fb::Parameter *parameter;
    uint64_t index;
  };
  std::vector<Item> items;
  uint64_t all = 0, done = 0;
  for (const fb::Parameter *parameter : *module->parameters()) {
    if (parameter->size())
      items.push_back({parameter, items.size()});
    all += parameter->size();
  }
  std::sort(items.begin(), items.end(), [](const Item &a, const Item &b) {
    return a.parameter->offset() < b.parameter->offset();
  });
  MOERT_RETURN_IF_ERROR(
      writer.beginSection(MOERT_SECTION_WEIGHTS, MOERT_SECTION_REQUIRED));
  RandomWeights weights(seed, codes);
  uint64_t end = 0;
  for (auto [parameter, index] : items) {
    if (parameter->offset() < end)
      return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: parameter ",
                        parameter->name()->string_view(), " starts at ",
                        parameter->offset(), ", another ends at ", end);
    end = parameter->offset() + parameter->size();
    std::span<std::byte> bytes{static_cast<std::byte *>(buffer),
                               parameter->size()};
    weights.make(*parameter, index, bytes);
    if (!setChecksum(*parameter, checksum(bytes)))
      return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: parameter ",
                        parameter->name()->string_view(),
                        " has no room for a checksum");
    MOERT_RETURN_IF_ERROR(writer.padTo(parameter->offset()));
    MOERT_RETURN_IF_ERROR(writer.append(bytes.data(), bytes.size()));
    done += bytes.size();
    progress(done, all);
  }
  return Status();
}

Status Filler::copySection(const moert_container_section_t &section,
                           ContainerWriter &writer) const {
  std::span<const std::byte> bytes = bytesOf(section);
  if (section.id == MOERT_SECTION_METADATA)
    bytes = {reinterpret_cast<const std::byte *>(metadata.data()), metadataSize};
  return writer.addSection(section.id, section.flags, bytes.data(),
                           bytes.size());
}

Status Filler::write(const std::string &path) {
  for (const fb::Parameter *parameter : *module->parameters())
    bufferSize = std::max(bufferSize, parameter->size());
  MOERT_RETURN_IF_ERROR(
      allocateHostMemory(std::max<uint64_t>(bufferSize, 1), &buffer));
  std::unique_ptr<ContainerWriter> writer;
  MOERT_RETURN_IF_ERROR(ContainerWriter::create(path, &writer));
  // Weights first: they change the metadata.
  MOERT_RETURN_IF_ERROR(writeWeights(*writer));
  for (uint32_t i = 0; i < header.section_count; ++i)
    MOERT_RETURN_IF_ERROR(copySection(header.sections[i], *writer));
  return writer->finish();
}

Status
moert::fillModule(const std::string &module, const std::string &path,
                  uint64_t seed,
                  const std::function<void(uint64_t, uint64_t)> &progress) {
  Filler filler(module, seed, progress);
  MOERT_RETURN_IF_ERROR(filler.read());
  return filler.write(path);
}

Status moert::missingWeights(const std::string &module, uint64_t *bytes) {
  std::function<void(uint64_t, uint64_t)> nobody;
  Filler filler(module, 0, nobody);
  MOERT_RETURN_IF_ERROR(filler.read());
  *bytes = filler.weightBytes();
  return Status();
}
