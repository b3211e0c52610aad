//===- Reader.h - a container in memory, checked ----------------*- C++ -*-===//
#ifndef MOERT_CONTAINER_READER_H
#define MOERT_CONTAINER_READER_H

#include "base/File.h"
#include "container/Metadata.h"
#include "moert/abi/container.h"
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace moert {

struct ReadOptions {
  bool checkWeights = true; ///< checksums of the parameters
  /// Leave those of experts that may come and go to checkExperts(): who fetches
  /// them one by one compares them then, and need not read all before.
  bool deferExperts = false;
  bool checkSections = true; ///< all other checksums; false only for fuzzing
};

/// Everything that a reader hands out has been checked, but experts where their
/// checksums are deferred. Weights belong to the file mapping, all else of a
/// file is copied; of fromBytes() all belongs to the caller.
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
  /// In the file; 0 when the section is absent.
  uint64_t sectionOffset(uint32_t id) const {
    const moert_container_section_t *section = find(id);
    return section ? section->offset : 0;
  }
  bool hasSection(uint32_t id) const { return find(id) != nullptr; }
  /// The file that weights are mapped from; null for fromBytes.
  const MappedFile *mappedFile() const { return mapping.get(); }
  /// Compares the checksums that ReadOptions::deferExperts left.
  Status checkExperts() const;

private:
  explicit Container(std::string name) : name(std::move(name)) {}
  Status read(const ReadOptions &options);
  Status checkSectionChecksums() const;
  Status checkWeightChecksums(bool dense, bool experts) const;
  void copySections();
  const moert_container_section_t *find(uint32_t id) const;

  std::string name;
  std::unique_ptr<MappedFile> mapping; ///< absent for fromBytes
  std::span<const std::byte> file;
  /// All sections of a mapping but weights, by their places in the header: a
  /// file that gets shorter while the module runs must not end the process.
  std::vector<std::vector<std::byte>> copies;
  moert_container_header_t head = {};
  const fb::Module *module = nullptr;
  std::vector<Code> codeList;
};

} // namespace moert

#endif // MOERT_CONTAINER_READER_H
