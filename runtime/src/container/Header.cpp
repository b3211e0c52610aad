//===- Header.cpp - the first page of a container, checked ----------------===//
#include "container/Header.h"

#include "container/Checksum.h"
#include "moert/moert.h"
#include <algorithm>
#include <cstring>

using namespace moert;

std::string moert::sectionName(uint32_t id) {
  switch (id) {
  case MOERT_SECTION_METADATA:
    return "METADATA";
  case MOERT_SECTION_CODE:
    return "CODE";
  case MOERT_SECTION_WEIGHTS:
    return "WEIGHTS";
  case MOERT_SECTION_TOKENIZER:
    return "TOKENIZER";
  case MOERT_SECTION_IR:
    return "IR";
  default:
    return "section " + std::to_string(id);
  }
}

static bool isKnown(uint32_t id) {
  return id >= MOERT_SECTION_METADATA && id <= MOERT_SECTION_IR;
}

/// Magic, size and version: enough to know what the rest means.
static Status checkKind(std::span<const std::byte> file,
                        const std::string &origin) {
  constexpr size_t magicSize = sizeof(moert_container_header_t::magic);
  if (file.size() < magicSize ||
      std::memcmp(file.data(), MOERT_CONTAINER_MAGIC, magicSize) != 0)
    return makeStatus(MOERT_DATA_LOSS, origin, ": is not a module file",
                      file.empty() ? ": it is empty" : "");
  if (file.size() < MOERT_CONTAINER_PAGE)
    return makeStatus(MOERT_DATA_LOSS, origin, ": is truncated: has ",
                      file.size(), " bytes, the header alone has ",
                      MOERT_CONTAINER_PAGE);
  return Status();
}

static Status checkVersion(const moert_container_header_t &header,
                           const std::string &origin) {
  if (header.major == MOERT_CONTAINER_MAJOR)
    return Status();
  return makeStatus(MOERT_INCOMPATIBLE, origin, ": has format version ",
                    header.major, ".", header.minor, ", this runtime reads ",
                    MOERT_CONTAINER_MAJOR, ".x");
}

static Status checkHeaderChecksum(std::span<const std::byte> file,
                                  const moert_container_header_t &header,
                                  const std::string &origin) {
  alignas(64) std::byte page[MOERT_CONTAINER_PAGE];
  std::memcpy(page, file.data(), sizeof(page));
  std::memset(page + offsetof(moert_container_header_t, header_checksum), 0,
              sizeof(header.header_checksum));
  uint64_t actual = checksum(page);
  if (actual == header.header_checksum)
    return Status();
  return makeStatus(MOERT_DATA_LOSS, origin, ": header is damaged: checksum ",
                    hex(actual), ", expected ", hex(header.header_checksum));
}

static Status checkSection(const moert_container_section_t &section,
                           uint64_t fileSize, uint64_t previousEnd,
                           const std::string &origin) {
  std::string name = sectionName(section.id);
  if (section.offset % MOERT_CONTAINER_PAGE != 0)
    return makeStatus(MOERT_DATA_LOSS, origin, ": ", name, " starts at ",
                      section.offset, ", not at a multiple of ",
                      MOERT_CONTAINER_PAGE);
  if (section.offset > fileSize || section.size > fileSize - section.offset)
    return makeStatus(MOERT_DATA_LOSS, origin, ": ", name, " has ",
                      section.size, " bytes at ", section.offset,
                      ", the file has ", fileSize);
  if (section.offset < previousEnd)
    return makeStatus(MOERT_DATA_LOSS, origin, ": ", name, " starts at ",
                      section.offset, ", inside what ends at ", previousEnd);
  if ((section.flags & MOERT_SECTION_REQUIRED) && !isKnown(section.id))
    return makeStatus(MOERT_INCOMPATIBLE, origin, ": needs ", name,
                      ", which format version ", MOERT_CONTAINER_MAJOR, ".",
                      MOERT_CONTAINER_MINOR, " does not know");
  return Status();
}

static Status checkPadding(std::span<const std::byte> file, uint64_t begin,
                           uint64_t end, const std::string &origin) {
  uint64_t bad = firstNonZero(file.subspan(begin, end - begin));
  if (bad == end - begin)
    return Status();
  return makeStatus(MOERT_DATA_LOSS, origin, ": byte ", begin + bad,
                    " between sections is not zero");
}

static Status checkSections(std::span<const std::byte> file,
                            const moert_container_header_t &header,
                            const std::string &origin) {
  if (header.section_count > MOERT_CONTAINER_MAX_SECTIONS)
    return makeStatus(MOERT_DATA_LOSS, origin, ": has ", header.section_count,
                      " sections, the format has room for ",
                      MOERT_CONTAINER_MAX_SECTIONS);
  uint64_t end = MOERT_CONTAINER_PAGE;
  uint32_t seen = 0;
  for (uint32_t i = 0; i < header.section_count; ++i) {
    const moert_container_section_t &section = header.sections[i];
    MOERT_RETURN_IF_ERROR(checkSection(section, file.size(), end, origin));
    if (isKnown(section.id)) {
      if (seen & 1u << section.id)
        return makeStatus(MOERT_DATA_LOSS, origin, ": has two sections ",
                          sectionName(section.id));
      seen |= 1u << section.id;
    }
    MOERT_RETURN_IF_ERROR(checkPadding(file, end, section.offset, origin));
    end = section.offset + section.size;
  }
  MOERT_RETURN_IF_ERROR(checkPadding(file, end, file.size(), origin));
  if (!(seen & 1u << MOERT_SECTION_METADATA))
    return makeStatus(MOERT_DATA_LOSS, origin, ": has no section METADATA");
  return Status();
}

Status moert::readHeader(std::span<const std::byte> file,
                         const std::string &origin, bool checkChecksum,
                         moert_container_header_t *header) {
  MOERT_RETURN_IF_ERROR(checkKind(file, origin));
  std::memcpy(header, file.data(), sizeof(*header));
  MOERT_RETURN_IF_ERROR(checkVersion(*header, origin));
  if (checkChecksum)
    MOERT_RETURN_IF_ERROR(checkHeaderChecksum(file, *header, origin));
  if (header->file_size != file.size())
    return makeStatus(
        MOERT_DATA_LOSS, origin,
        file.size() < header->file_size ? ": is truncated: has "
                                        : ": has bytes behind its end: has ",
        file.size(), " bytes, its header says ", header->file_size);
  if (header->abi_hash != moert_abi_hash())
    return makeStatus(MOERT_INCOMPATIBLE, origin, ": made for runtime ABI ",
                      hex(header->abi_hash), ", this runtime has ",
                      hex(moert_abi_hash()), "; compile the model again");
  return checkSections(file, *header, origin);
}
