//===- Graph.h - work that was recorded -------------------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_GRAPH_H
#define MOERT_DRIVERS_EMULATOR_GRAPH_H

#include "Work.h"
#include <thread>

namespace moert::emulator {

/// Pieces of work, each behind others that stand before it in the list.
struct Graph {
  struct Node {
    Action action;
    std::vector<uint32_t> before;
  };
  std::vector<Node> nodes;

  uint32_t add(Action action, std::vector<uint32_t> before) {
    nodes.push_back({std::move(action), std::move(before)});
    return static_cast<uint32_t>(nodes.size() - 1);
  }
};

/// Streams whose work is being recorded, and not done.
struct Capture {
  Graph graph;
  gpu::CuStreamStorage *origin = nullptr;
  gpu::CuCaptureMode mode = gpu::CuCaptureGlobal;
  std::thread::id thread;
  bool isValid = true;
};

} // namespace moert::emulator

// Handles of graphs: what was recorded, and what can be launched.
struct moert::gpu::CuGraphStorage : moert::emulator::Graph {};
struct moert::gpu::CuGraphExecStorage : moert::emulator::Graph {};

#endif // MOERT_DRIVERS_EMULATOR_GRAPH_H
