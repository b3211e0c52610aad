//===- Partition.cpp - chips of a group and the wires between them --------===//
//
// A node is fully connected: links of the east, where rows of features lie, go to
// the other chips of the group and one to the next stage. What the stage before
// sends comes in the west.
//===----------------------------------------------------------------------===//
#include "Group/Partition.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace moe::lpu;

int64_t moe::lpu::linkTo(const Machine &machine, int64_t from, int64_t to) {
  return machine.c2c.links / 2 + (to < from ? to : to - 1);
}

int64_t moe::lpu::linkToNext(const Machine &machine) {
  return machine.c2c.links - 1;
}

int64_t moe::lpu::linkFromPrevious(const Machine &) { return 0; }

std::string moe::lpu::checkPartition(const Machine &machine,
                                     const Partition &partition) {
  int64_t most = std::min(machine.c2c.node, machine.c2c.local + 1);
  most = std::min(most, machine.c2c.links / 2);
  if (partition.chips < 1 || partition.chips > most)
    return "a layer is shared by " + std::to_string(partition.chips) +
           " chips, machine " + machine.name + " connects 1 to " +
           std::to_string(most) + " with each other";
  if (partition.stages < 1)
    return "there are " + std::to_string(partition.stages) +
           " stages, at least 1 is needed";
  return "";
}

ArrayAttr moe::lpu::makeWires(MLIRContext *context, const Machine &machine,
                              const Partition &partition) {
  SmallVector<Attribute> wires;
  auto add = [&](int64_t chipA, int64_t linkA, int64_t chipB, int64_t linkB) {
    wires.push_back(LinkAttr::get(context, chipA, linkA, chipB, linkB));
  };
  if (partition.isMirrored) {
    for (int64_t peer = 1; peer < partition.chips; ++peer) {
      int64_t link = linkTo(machine, 0, peer);
      add(0, link, 0, link);
    }
    if (partition.stages > 1)
      add(0, linkToNext(machine), 0, linkFromPrevious(machine));
    return wires.empty() ? ArrayAttr() : ArrayAttr::get(context, wires);
  }
  for (int64_t stage = 0; stage < partition.stages; ++stage) {
    int64_t first = stage * partition.chips;
    for (int64_t a = 0; a < partition.chips; ++a) {
      for (int64_t b = a + 1; b < partition.chips; ++b)
        add(first + a, linkTo(machine, a, b), first + b, linkTo(machine, b, a));
      if (stage + 1 < partition.stages)
        add(first + a, linkToNext(machine), first + a + partition.chips,
            linkFromPrevious(machine));
    }
  }
  return wires.empty() ? ArrayAttr() : ArrayAttr::get(context, wires);
}
