//===- Vocabulary.cpp - an open-addressing table over one buffer ----------===//
#include "tokenizer/Vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>

using namespace moert;
using namespace moert::tokenizer;

Vocabulary::Vocabulary(TokenList source) : list(std::move(source)) {
  if (list.entries.empty())
    throw Error(MOERT_DATA_LOSS, "model.vocab: has 0 tokens, needs at least 1");
  int32_t highest = 0;
  for (const TokenList::Entry &entry : list.entries)
    highest = std::max(highest, entry.id);
  byId.assign(static_cast<size_t>(highest) + 1, none);
  slots.assign(std::bit_ceil(list.entries.size() * 2), none);
  for (size_t i = 0; i < list.entries.size(); ++i) {
    const TokenList::Entry &entry = list.entries[i];
    int32_t &slot = slots[slotOf(list[entry])];
    if (slot != none)
      throw Error(MOERT_DATA_LOSS, "model.vocab: ", inQuotes(list[entry]),
                  " is listed twice, with ids ", list.entries[slot].id, " and ",
                  entry.id);
    slot = static_cast<int32_t>(i);
    int32_t &owner = byId[entry.id];
    if (owner != none)
      throw Error(MOERT_DATA_LOSS, "model.vocab: id ", entry.id,
                  " is given to ", inQuotes(list[list.entries[owner]]), " and ",
                  inQuotes(list[entry]));
    owner = static_cast<int32_t>(i);
  }
}

size_t Vocabulary::slotOf(std::string_view token) const {
  size_t mask = slots.size() - 1;
  size_t slot = std::hash<std::string_view>()(token) & mask;
  while (slots[slot] != none && list[list.entries[slots[slot]]] != token)
    slot = (slot + 1) & mask;
  return slot;
}

int32_t Vocabulary::find(std::string_view token) const {
  int32_t entry = slots[slotOf(token)];
  return entry == none ? none : list.entries[entry].id;
}
