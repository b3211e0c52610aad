//===- Bpe.cpp - merges through a heap over a linked list -----------------===//
#include "tokenizer/Bpe.h"

#include "tokenizer/Utf8.h"

#include <bit>
#include <queue>

using namespace moert;
using namespace moert::tokenizer;

/// A piece's current split, as a list in an array.
struct Bpe::Symbol {
  int32_t id;
  int32_t previous, next; ///< -1: none
  bool gone = false;      ///< merged into its left neighbour
};

Bpe::Bpe(const Node &node, Document document)
    : vocab(std::move(document.vocabulary)),
      unknownToken(node.string("unk_token", "")),
      unknown(vocab.find(unknownToken)),
      fuseUnknown(node.boolean("fuse_unk", false)),
      byteFallback(node.boolean("byte_fallback", false)),
      ignoreMerges(node.boolean("ignore_merges", false)) {
  if (node.has("dropout"))
    node.at("dropout").refuse("random merges are not supported, only null");
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (std::string text = node.string(key, ""); !text.empty())
      node.at(key).refuse(inQuotes(text), " is not supported, only null");
  for (int byte = 0; byte < 256; ++byte) {
    static constexpr char digits[] = "0123456789ABCDEF";
    const char name[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15],
                         '>'};
    byteIds[byte] = vocab.find({name, sizeof(name)});
  }
  if (!node.has("merges"))
    node.fail("\"merges\" is missing");
  node.at("merges").items(); // an array
  addMerges(node, document.merges);
}

void Bpe::addMerges(const Node &node, const MergeList &list) {
  merges.assign(std::bit_ceil(list.entries.size() * 2 + 1), Merge{});
  auto idOf = [&](std::string_view token, size_t rank) {
    int32_t id = vocab.find(token);
    if (id == Vocabulary::none)
      node.fail("merges[", rank, "] needs ", inQuotes(token),
                ", which is none of the ", vocab.tokens(), " tokens");
    return id;
  };
  std::string_view bytes = list.bytes;
  for (size_t rank = 0; rank < list.entries.size(); ++rank) {
    const MergeList::Entry &entry = list.entries[rank];
    std::string_view whole =
        bytes.substr(entry.begin, entry.left + entry.right);
    auto left = static_cast<uint64_t>(idOf(whole.substr(0, entry.left), rank));
    auto right = static_cast<uint64_t>(idOf(whole.substr(entry.left), rank));
    uint64_t pair = left << 32 | right;
    // A merge that is listed twice has the later rank, as in other readers.
    merges[slotOf(pair)] = {pair, static_cast<int32_t>(rank),
                            idOf(whole, rank)};
  }
}

size_t Bpe::slotOf(uint64_t pair) const {
  size_t mask = merges.size() - 1;
  size_t slot = (pair * 0x9e3779b97f4a7c15ull >> 32) & mask;
  while (merges[slot].rank != Vocabulary::none && merges[slot].pair != pair)
    slot = (slot + 1) & mask;
  return slot;
}

const Bpe::Merge *Bpe::find(int32_t left, int32_t right) const {
  uint64_t pair =
      static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  const Merge &merge = merges[slotOf(pair)];
  return merge.rank == Vocabulary::none ? nullptr : &merge;
}

void Bpe::encode(std::string_view piece, std::vector<int32_t> &out) const {
  if (piece.size() > INT32_MAX)
    throw Error(MOERT_RESOURCE_EXHAUSTED, "one piece of ", piece.size(),
                " bytes, the limit is ", INT32_MAX);
  if (ignoreMerges)
    if (int32_t id = vocab.find(piece); id != Vocabulary::none) {
      out.push_back(id);
      return;
    }
  std::vector<Symbol> symbols;
  split(piece, symbols);
  for (size_t i = 0; i < symbols.size(); ++i) {
    symbols[i].previous = static_cast<int32_t>(i) - 1;
    symbols[i].next = i + 1 < symbols.size() ? static_cast<int32_t>(i) + 1 : -1;
  }
  merge(symbols);
  for (const Symbol &symbol : symbols)
    if (!symbol.gone)
      out.push_back(symbol.id);
}

void Bpe::split(std::string_view piece, std::vector<Symbol> &symbols) const {
  bool pendingUnknown = false;
  auto flush = [&] {
    if (pendingUnknown)
      symbols.push_back({unknown, -1, -1});
    pendingUnknown = false;
  };
  for (size_t at = 0; at < piece.size();) {
    size_t begin = at;
    nextCharacter(piece, at);
    std::string_view character = piece.substr(begin, at - begin);
    if (int32_t id = vocab.find(character); id != Vocabulary::none) {
      flush();
      symbols.push_back({id, -1, -1});
      continue;
    }
    if (byteFallback && splitBytes(character, symbols))
      continue;
    if (unknownToken.empty())
      continue;
    if (unknown == Vocabulary::none)
      throw Error(MOERT_DATA_LOSS, "model.unk_token ", inQuotes(unknownToken),
                  " stands for ", inQuotes(character), " but is none of the ",
                  vocab.tokens(), " tokens");
    if (!fuseUnknown)
      flush();
    pendingUnknown = true;
  }
  flush();
}

bool Bpe::splitBytes(std::string_view character,
                     std::vector<Symbol> &symbols) const {
  for (unsigned char byte : character)
    if (byteIds[byte] == Vocabulary::none)
      return false;
  for (unsigned char byte : character)
    symbols.push_back({byteIds[byte], -1, -1});
  return true;
}

void Bpe::merge(std::vector<Symbol> &symbols) const {
  struct Candidate {
    int32_t rank, at, result;
    bool operator<(const Candidate &other) const { // the top is the greatest
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  std::priority_queue<Candidate> queue;
  auto consider = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0)
      return;
    if (const Merge *merge = find(symbols[left].id, symbols[right].id))
      queue.push({merge->rank, left, merge->result});
  };
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    consider(static_cast<int32_t>(i), static_cast<int32_t>(i) + 1);
  while (!queue.empty()) {
    Candidate top = queue.top();
    queue.pop();
    Symbol &left = symbols[top.at];
    if (left.gone || left.next < 0)
      continue;
    Symbol &right = symbols[left.next];
    const Merge *merge = find(left.id, right.id);
    if (!merge || merge->result != top.result)
      continue; // one of the two has changed since
    left.id = top.result;
    left.next = right.next;
    right.gone = true;
    if (left.next >= 0)
      symbols[left.next].previous = top.at;
    consider(left.previous, top.at);
    consider(top.at, left.next);
  }
}
