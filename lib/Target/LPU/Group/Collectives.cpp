//===- Collectives.cpp - sums and pieces over the wires of a group --------===//
#include "Group/Collectives.h"

using namespace mlir;
using namespace moe::lpu;

void Collectives::receive(StringRef name, int64_t chip, int64_t peer,
                          Value value, int64_t from, int64_t vectors,
                          Value target, int64_t into) {
  Emitter &e = *chips[chip];
  int64_t link = isMirrored ? linkTo(e.getMachine(), chip, peer)
                            : linkTo(e.getMachine(), peer, chip);
  for (int64_t v = 0; v < vectors; ++v)
    e.transfer(name, value, from + v, target, into + v, link);
}

void Collectives::addUp(StringRef name, int64_t chip, int64_t vector,
                        ArrayRef<std::pair<Value, int64_t>> terms, Value sum) {
  chips[chip]->cluster(name, [&](Tree &t) {
    Value all;
    for (auto [buffer, index] : terms) {
      Value one = t.read(buffer, index);
      all = all ? t.add(all, one) : one;
    }
    t.write(all, sum, vector);
  });
}

Collectives::Values Collectives::allReduce(StringRef name,
                                           ArrayRef<Value> values) {
  if (size == 1)
    return Values(values);
  const Machine &machine = chips[0]->getMachine();
  int64_t vectors = Emitter::countOf(values[0]);
  int64_t own = (vectors + size - 1) / size;
  // Byte planes of a vector follow one another on a link.
  int64_t vector = 4 * machine.c2c.vectorCycles, hop = machine.c2c.hopCycles;
  return vectors * vector <= 2 * own * vector + hop
             ? reduceInOne(name, values)
             : reduceInTwo(name, values);
}

Collectives::Values Collectives::reduceInOne(StringRef name,
                                             ArrayRef<Value> values) {
  int64_t vectors = Emitter::countOf(values[0]);
  Values sums;
  for (int64_t chip = 0; chip < count(); ++chip) {
    Emitter &e = *chips[chip];
    Values parts;
    for (int64_t peer = 0; peer < size; ++peer) {
      parts.push_back(peer == chip
                          ? values[chip]
                          : e.temporary(name, Side::East, vectors));
      if (peer != chip)
        receive(name, chip, peer, of(values, peer), 0, vectors, parts.back(),
                0);
    }
    sums.push_back(e.temporary(name, Side::East, vectors));
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<std::pair<Value, int64_t>> terms;
      for (Value part : parts)
        terms.push_back({part, v});
      addUp(name, chip, v, terms, sums.back());
    }
  }
  return sums;
}

Collectives::Values Collectives::reduceInTwo(StringRef name,
                                             ArrayRef<Value> values) {
  int64_t vectors = Emitter::countOf(values[0]);
  auto shareOf = [&](int64_t chip) { return Shard{chip, size}.of(vectors); };
  Values sums;
  // Each chip adds up its share.
  for (int64_t chip = 0; chip < count(); ++chip) {
    Emitter &e = *chips[chip];
    auto [first, share] = shareOf(chip);
    Values parts;
    for (int64_t peer = 0; peer < size; ++peer) {
      parts.push_back(peer == chip || !share
                          ? values[chip]
                          : e.temporary(name, Side::East, share));
      if (peer != chip)
        receive(name, chip, peer, of(values, peer), first, share, parts.back(),
                0);
    }
    sums.push_back(e.temporary(name, Side::East, vectors));
    for (int64_t v = 0; v < share; ++v) {
      SmallVector<std::pair<Value, int64_t>> terms;
      for (auto [peer, part] : llvm::enumerate(parts))
        terms.push_back({part, int64_t(peer) == chip ? first + v : v});
      addUp(name, chip, first + v, terms, sums.back());
    }
  }
  // And tells the others.
  for (int64_t chip = 0; chip < count(); ++chip)
    for (int64_t peer = 0; peer < size; ++peer) {
      auto [first, share] = shareOf(peer);
      if (peer == chip || !share)
        continue;
      // A mirrored chip sends its own share, whichever it gets.
      int64_t from = isMirrored ? 0 : first;
      receive(name, chip, peer, of(sums, peer), from, share, sums[chip], first);
    }
  return sums;
}

Collectives::Values Collectives::allGather(StringRef name,
                                           ArrayRef<Value> pieces) {
  if (size == 1)
    return Values(pieces);
  Values all;
  for (int64_t chip = 0; chip < count(); ++chip) {
    Emitter &e = *chips[chip];
    int64_t vectors = 0;
    for (int64_t peer = 0; peer < size; ++peer)
      vectors += Emitter::countOf(of(pieces, peer));
    all.push_back(e.temporary(name, Side::East, vectors));
    int64_t into = 0;
    for (int64_t peer = 0; peer < size; ++peer) {
      Value piece = of(pieces, peer);
      int64_t share = Emitter::countOf(piece);
      if (peer != chip)
        receive(name, chip, peer, piece, 0, share, all.back(), into);
      for (int64_t v = 0; peer == chip && v < share; ++v)
        e.cluster(name, [&](Tree &t) {
          t.write(t.alu(AluKind::Pass, t.read(piece, v)), all.back(), into + v);
        });
      into += share;
    }
  }
  return all;
}

void Collectives::gather(StringRef name, ArrayRef<Value> pieces, Value into) {
  int64_t next = 0;
  for (int64_t peer = 0; peer < size; ++peer) {
    Value piece = of(pieces, peer);
    int64_t share = piece ? Emitter::countOf(piece) : 0;
    if (peer)
      receive(name, 0, peer, piece, 0, share, into, next);
    for (int64_t v = 0; !peer && v < share; ++v)
      chips[0]->cluster(name, [&](Tree &t) {
        t.write(t.alu(AluKind::Pass, t.read(piece, v)), into, next + v);
      });
    next += share;
  }
}

Collectives::Values Collectives::broadcast(StringRef name, Value value) {
  Values all{value};
  auto type = cast<VectorsType>(value.getType());
  for (int64_t chip = 1; chip < count(); ++chip) {
    all.push_back(chips[chip]->temporary(name, Side::East, type.getCount(),
                                         type.getElementType()));
    receive(name, chip, 0, value, 0, type.getCount(), all.back(), 0);
  }
  return all;
}

Collectives::Values Collectives::handOver(StringRef name,
                                          ArrayRef<Value> values,
                                          ArrayRef<Emitter *> next) {
  Values all;
  for (auto [value, e] : llvm::zip(values, next)) {
    auto type = cast<VectorsType>(value.getType());
    Value arrived = e->temporary(name, Side::West, type.getCount(),
                                 type.getElementType());
    for (int64_t v = 0; v < type.getCount(); ++v)
      e->transfer(name, value, v, arrived, v, linkToNext(e->getMachine()));
    all.push_back(e->copyTo(Side::East, arrived));
  }
  return all;
}
