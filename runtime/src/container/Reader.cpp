//===- Reader.cpp - a container in memory, checked ------------------------===//
#include "container/Reader.h"

#include "container/Checksum.h"
#include "container/Exits.h"
#include "container/Header.h"
#include <algorithm>
#include <atomic>
#include <vector>

using namespace moert;

Status Container::open(const std::string &path, const ReadOptions &options,
                       std::unique_ptr<Container> *out) {
  std::unique_ptr<Container> container(new Container(path));
  MOERT_RETURN_IF_ERROR(MappedFile::open(path, &container->mapping));
  container->file = container->mapping->bytes();
  MOERT_RETURN_IF_ERROR(container->read(options));
  *out = std::move(container);
  return Status();
}

Status Container::fromBytes(std::span<const std::byte> file,
                            const std::string &origin,
                            const ReadOptions &options,
                            std::unique_ptr<Container> *out) {
  std::unique_ptr<Container> container(new Container(origin));
  container->file = file;
  MOERT_RETURN_IF_ERROR(container->read(options));
  *out = std::move(container);
  return Status();
}

const moert_container_section_t *Container::find(uint32_t id) const {
  for (const moert_container_section_t &section : sections())
    if (section.id == id)
      return &section;
  return nullptr;
}

std::span<const std::byte> Container::section(uint32_t id) const {
  const moert_container_section_t *section = find(id);
  if (!section)
    return {};
  if (!copies.empty() && id != MOERT_SECTION_WEIGHTS)
    return copies[size_t(section - head.sections)];
  return file.subspan(section->offset, section->size);
}

void Container::copySections() {
  for (const moert_container_section_t &section : sections()) {
    auto bytes = file.subspan(section.offset, section.size);
    if (section.id == MOERT_SECTION_WEIGHTS)
      bytes = {};
    copies.emplace_back(bytes.begin(), bytes.end());
    MappedFile::forget(bytes);
  }
}

Status Container::read(const ReadOptions &options) {
  MOERT_RETURN_IF_ERROR(readHeader(file, name, options.checkSections, &head));
  if (options.checkSections)
    MOERT_RETURN_IF_ERROR(checkSectionChecksums());
  if (mapping)
    copySections();
  MOERT_RETURN_IF_ERROR(readMetadata(section(MOERT_SECTION_METADATA),
                                     section(MOERT_SECTION_WEIGHTS).size(),
                                     name, &module, &codeList));
  if (module->entry() && !hasSection(MOERT_SECTION_CODE))
    return makeStatus(MOERT_DATA_LOSS, name, ": has the entry ",
                      module->entry()->string_view(), " but no section CODE");
  if (!options.checkWeights)
    return Status();
  MOERT_RETURN_IF_ERROR(checkExitWeights(*module, name));
  bool defers = options.deferExperts && module->schedule();
  return checkWeightChecksums(/*dense=*/true, /*experts=*/!defers);
}

Status Container::checkSectionChecksums() const {
  for (const moert_container_section_t &section : sections()) {
    if (section.id == MOERT_SECTION_WEIGHTS)
      continue; // by parameter, in parallel
    uint64_t actual = checksum(file.subspan(section.offset, section.size));
    if (actual != section.checksum)
      return makeStatus(MOERT_DATA_LOSS, name, ": ", sectionName(section.id),
                        " is damaged: checksum ", hex(actual), ", expected ",
                        hex(section.checksum));
  }
  return Status();
}

/// What lies between parameters, which are sorted by offset, must be zero.
static Status checkGaps(std::span<const std::byte> weights,
                        const std::vector<const fb::Parameter *> &parameters,
                        const std::string &name) {
  uint64_t end = 0;
  auto checkGap = [&](uint64_t next) -> Status {
    if (next <= end)
      return Status();
    uint64_t bad = firstNonZero(weights.subspan(end, next - end));
    if (bad == next - end)
      return Status();
    return makeStatus(MOERT_DATA_LOSS, name, ": WEIGHTS is damaged: byte ",
                      end + bad, " between parameters is not zero");
  };
  for (const fb::Parameter *parameter : parameters) {
    MOERT_RETURN_IF_ERROR(checkGap(parameter->offset()));
    end = std::max(end, parameter->offset() + parameter->size());
  }
  return checkGap(weights.size());
}

/// One checksum over many gigabytes would keep one core busy while the others
/// wait, so the parameters' own checksums are compared instead. Together with
/// the gaps between them they cover every byte; gaps are looked at with
/// experts, whose padding they are.
Status Container::checkWeightChecksums(bool dense, bool experts) const {
  std::span<const std::byte> weights = section(MOERT_SECTION_WEIGHTS);
  std::vector<const fb::Parameter *> stored;
  for (const fb::Parameter *parameter : *module->parameters())
    if (parameter->kind() != fb::ParameterKind::RopeTable)
      stored.push_back(parameter);
  std::sort(stored.begin(), stored.end(),
            [](auto *a, auto *b) { return a->offset() < b->offset(); });
  if (experts)
    MOERT_RETURN_IF_ERROR(checkGaps(weights, stored, name));
  std::erase_if(stored, [&](const fb::Parameter *parameter) {
    bool isExpert = parameter->kind() == fb::ParameterKind::Expert;
    return isExpert ? !experts : !dense;
  });

  auto actual = [&](const fb::Parameter *parameter) {
    return checksum(weights.subspan(parameter->offset(), parameter->size()));
  };
  std::atomic<size_t> firstBad = stored.size();
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < stored.size(); ++i) {
    if (actual(stored[i]) == stored[i]->checksum())
      continue;
    size_t known = firstBad;
    while (i < known && !firstBad.compare_exchange_weak(known, i)) {
    }
  }
  if (firstBad == stored.size())
    return Status();
  const fb::Parameter *bad = stored[firstBad];
  return makeStatus(MOERT_DATA_LOSS, name, ": WEIGHTS is damaged: parameter ",
                    bad->name()->string_view(), " has checksum ",
                    hex(actual(bad)), ", expected ", hex(bad->checksum()));
}

Status Container::checkExperts() const {
  return checkWeightChecksums(/*dense=*/false, /*experts=*/true);
}
