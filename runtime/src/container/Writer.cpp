//===- Writer.cpp - writes a container, beside its place ------------------===//
#include "container/Writer.h"

#include "base/File.h"
#include "moert/moert.h"
#include <algorithm>
#include <cstring>
#include <vector>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moert;

namespace {

class FileWriter : public ContainerWriter {
public:
  FileWriter(std::string path, std::unique_ptr<PartFile> file)
      : path(std::move(path)), file(std::move(file)) {}

  Status start() {
    buffer.reserve(bufferSize);
    return zeros(MOERT_CONTAINER_PAGE); // room for the header
  }

  const std::string &partPath() const override { return file->partPath(); }
  Status beginSection(uint32_t id, uint32_t flags) override;
  Status append(const void *bytes, size_t size) override;
  Status padTo(uint64_t offset) override;
  Status complete() override;
  Status dropFrom(uint32_t id) override;
  Status finish() override;

private:
  static constexpr size_t bufferSize = size_t(1) << 18;

  uint64_t position() const { return file->position() + buffer.size(); }
  Status put(const void *bytes, size_t size);
  Status zeros(uint64_t count);
  Status flush();
  Status endSection();
  Status misuse(const char *what) const {
    return makeStatus(MOERT_INTERNAL, path, ": container writer: ", what);
  }

  std::string path;
  std::unique_ptr<PartFile> file;
  std::vector<char> buffer;
  std::vector<moert_container_section_t> sections;
  bool inSection = false, finished = false;
  XXH3_state_t checksum; ///< of the section that is being written
};

} // namespace

Status FileWriter::flush() {
  MOERT_RETURN_IF_ERROR(file->append(buffer.data(), buffer.size()));
  buffer.clear();
  return Status();
}

Status FileWriter::put(const void *bytes, size_t size) {
  if (size > bufferSize - buffer.size())
    MOERT_RETURN_IF_ERROR(flush());
  if (size >= bufferSize)
    return file->append(bytes, size);
  const char *from = static_cast<const char *>(bytes);
  buffer.insert(buffer.end(), from, from + size);
  return Status();
}

Status FileWriter::zeros(uint64_t count) {
  static const char page[MOERT_CONTAINER_PAGE] = {};
  while (count > 0) {
    size_t step =
        count < sizeof(page) ? static_cast<size_t>(count) : sizeof(page);
    MOERT_RETURN_IF_ERROR(inSection ? append(page, step) : put(page, step));
    count -= step;
  }
  return Status();
}

Status FileWriter::beginSection(uint32_t id, uint32_t flags) {
  if (finished)
    return misuse("a section after the end");
  if (sections.size() == MOERT_CONTAINER_MAX_SECTIONS)
    return makeStatus(MOERT_OUT_OF_RANGE, path, ": more than ",
                      MOERT_CONTAINER_MAX_SECTIONS, " sections");
  MOERT_RETURN_IF_ERROR(endSection());
  sections.push_back({id, flags, position(), 0, 0});
  XXH3_64bits_reset(&checksum);
  inSection = true;
  return Status();
}

Status FileWriter::append(const void *bytes, size_t size) {
  if (!inSection)
    return misuse("bytes outside a section");
  if (size == 0)
    return Status();
  XXH3_64bits_update(&checksum, bytes, size);
  sections.back().size += size;
  return put(bytes, size);
}

Status FileWriter::padTo(uint64_t offset) {
  if (!inSection)
    return misuse("padding outside a section");
  uint64_t size = sections.back().size;
  if (offset < size)
    return makeStatus(MOERT_INTERNAL, path, ": section has ", size,
                      " bytes, cannot pad it to ", offset);
  return zeros(offset - size);
}

/// Notes the checksum of the section and pads the file to the next page.
Status FileWriter::endSection() {
  if (!inSection)
    return Status();
  sections.back().checksum = XXH3_64bits_digest(&checksum);
  inSection = false;
  return zeros(-position() % MOERT_CONTAINER_PAGE);
}

Status FileWriter::complete() {
  if (finished)
    return misuse("completed after the end");
  MOERT_RETURN_IF_ERROR(endSection());
  MOERT_RETURN_IF_ERROR(flush());
  alignas(64) char page[MOERT_CONTAINER_PAGE] = {};
  moert_container_header_t header = {};
  std::memcpy(header.magic, MOERT_CONTAINER_MAGIC, sizeof(header.magic));
  header.major = MOERT_CONTAINER_MAJOR;
  header.minor = MOERT_CONTAINER_MINOR;
  header.file_size = file->position();
  header.abi_hash = moert_abi_hash();
  header.section_count = static_cast<uint32_t>(sections.size());
  std::copy(sections.begin(), sections.end(), header.sections);
  std::memcpy(page, &header, sizeof(header));
  header.header_checksum = XXH3_64bits(page, sizeof(page));
  std::memcpy(page, &header, sizeof(header));
  return file->overwrite(0, page, sizeof(page));
}

Status FileWriter::dropFrom(uint32_t id) {
  auto first = std::find_if(sections.begin(), sections.end(),
                            [&](const auto &known) { return known.id == id; });
  if (finished || first == sections.end())
    return misuse("nothing to drop");
  MOERT_RETURN_IF_ERROR(endSection());
  MOERT_RETURN_IF_ERROR(flush());
  MOERT_RETURN_IF_ERROR(file->truncate(first->offset));
  sections.erase(first, sections.end());
  return Status();
}

Status FileWriter::finish() {
  if (finished)
    return misuse("finished twice");
  MOERT_RETURN_IF_ERROR(complete());
  finished = true;
  return file->finish();
}

Status ContainerWriter::create(const std::string &path,
                               std::unique_ptr<ContainerWriter> *outWriter) {
  std::unique_ptr<PartFile> file;
  MOERT_RETURN_IF_ERROR(PartFile::create(path, &file));
  auto writer = std::make_unique<FileWriter>(path, std::move(file));
  MOERT_RETURN_IF_ERROR(writer->start());
  *outWriter = std::move(writer);
  return Status();
}
