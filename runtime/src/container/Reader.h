//===- Reader.h - a container in memory, checked ----------------*- C++ -*-===//
#ifndef MOERT_CONTAINER_READER_H
#define MOERT_CONTAINER_READER_H

#include "base/File.h"
#include "container/Metadata.h"
#include "moert/abi/container.h"
#include <memory>
#include <span>
#include <string>

namespace moert {

struct ReadOptions {
  bool checkWeights = true;  ///< checksums of the parameters
  bool checkSections = true; ///< all other checksums; false only for fuzzing
};

/// Everything that a reader hands out has been checked; the bytes belong to
/// the file mapping, or to the caller of fromBytes().
class Container {
public:
  static Status open(const std::string &path, const ReadOptions &options,
                     std::unique_ptr<Container> *out);
  /// `file` must be 64-byte aligned and outlive the container.
  static Status fromBytes(std::span<const std::byte> file,
                          const std::string &origin, const ReadOptions &options,
                          std::unique_ptr<Container> *out);

  const std::string &origin() const { return name; }
  const moert_container_header_t &header() const { return head; }
  const fb::Module &metadata() const { return *module; }
  /// What fb::Matrix::code points to.
  std::span<const Code> codes() const { return codeList; }
  std::span<const moert_container_section_t> sections() const {
    return {head.sections, head.section_count};
  }
  /// Empty when the section is absent.
  std::span<const std::byte> section(uint32_t id) const;
  bool hasSection(uint32_t id) const { return find(id) != nullptr; }
  /// Whether sections are pages of a file, and not the caller's bytes.
  bool isMapped() const { return mapping != nullptr; }

private:
  explicit Container(std::string name) : name(std::move(name)) {}
  Status read(const ReadOptions &options);
  Status checkSectionChecksums() const;
  Status checkWeightChecksums() const;
  const moert_container_section_t *find(uint32_t id) const;

  std::string name;
  std::unique_ptr<MappedFile> mapping; ///< absent for fromBytes
  std::span<const std::byte> file;
  moert_container_header_t head = {};
  const fb::Module *module = nullptr;
  std::vector<Code> codeList;
};

} // namespace moert

#endif // MOERT_CONTAINER_READER_H
