//===- Bpe.h - byte-pair encoding of one piece ------------------*- C++ -*-===//
#ifndef MOERT_TOKENIZER_BPE_H
#define MOERT_TOKENIZER_BPE_H

#include "tokenizer/Vocabulary.h"

#include <optional>

namespace moert::tokenizer {

/// model of type BPE.
class Bpe {
public:
  /// `node` is the model; throws Error.
  Bpe(const Node &node, Document document);

  /// Appends the ids of `piece`: characters first, then merges, lowest rank
  /// first and leftmost among equals.
  void encode(std::string_view piece, std::vector<int32_t> &out) const;

  const Vocabulary &vocabulary() const { return vocab; }

private:
  struct Merge {
    uint64_t pair; ///< left id << 32 | right id
    int32_t rank = Vocabulary::none, result = 0;
  };
  struct Symbol;
  void addMerges(const Node &node, const MergeList &list);
  size_t slotOf(uint64_t pair) const;
  const Merge *find(int32_t left, int32_t right) const;
  void split(std::string_view piece, std::vector<Symbol> &symbols) const;
  bool splitBytes(std::string_view character,
                  std::vector<Symbol> &symbols) const;
  void merge(std::vector<Symbol> &symbols) const;

  Vocabulary vocab;
  std::vector<Merge> merges; ///< by hash; a power of two
  int32_t byteIds[256];      ///< of <0x00>..<0xFF>
  std::string unknownToken;  ///< empty: none, such characters vanish
  int32_t unknown;
  bool fuseUnknown, byteFallback, ignoreMerges;
};

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_BPE_H
