//===- Placement.h - a start, ALUs and streams for a cluster ----*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_SCHEDULE_PLACEMENT_H
#define MOE_LIB_TARGET_LPU_SCHEDULE_PLACEMENT_H

#include "Schedule/Resources.h"

namespace moe::lpu {

/// Where and when a task happens.
struct Placement {
  int64_t start = -1;
  /// A cluster: of each node its ALU, unit of the SXM, or plane.
  llvm::SmallVector<int, 16> units;
  /// A cluster: the first stream of each token.
  llvm::SmallVector<int, 16> streams;

  // An install: its plane (f16: and the next one), the cycles in which halves
  // begin to load, and their first streams.
  int plane = -1;
  int64_t loads[2] = {-1, -1};
  int loadStreams[2] = {0, 0};
  int mapStreams[2] = {0, 0};
  int64_t install = -1; ///< cycle of IW
  int after = -1; ///< the last task that multiplied by what it replaces
};

/// Chooses ALUs and streams of a cluster that starts in a certain cycle, with
/// backtracking.
class ClusterPlacer {
public:
  ClusterPlacer(const Machine &machine, const Task &task);

  /// Finds a place for the cluster. Multiplies have their planes in
  /// `placement.units`.
  bool place(const Resources &resources, int64_t start, Placement &placement);
  static void take(const Machine &machine, const Task &task,
                   const Placement &placement, Resources &resources);
  /// What was in the way of the last try, in words.
  const char *obstacle() const { return what; }

private:
  /// An ALU or the first stream of a token.
  struct Choice {
    bool isAlu;
    int index; ///< of node or token
  };
  bool checkUnits(const Resources &resources, int64_t start,
                  Placement &placement);
  bool findFree(const Resources &resources, int64_t start);
  void preferStreams(const Placement &placement);
  bool choose(size_t depth, Placement &placement);
  uint32_t optionsOf(const Choice &choice, const Placement &placement) const;
  uint32_t alusOf(int node, const Placement &placement) const;
  uint32_t streamsOf(int token, const Placement &placement) const;

  const Machine &machine;
  const Task &task;
  std::vector<Choice> choices;
  std::vector<llvm::SmallVector<int, 2>> nodesOf; ///< ALUs next to a token
  std::vector<uint32_t> allowed; ///< ALUs that can do a node's operation
  std::vector<uint32_t> free;    ///< ALUs by node
  std::vector<uint32_t> open;    ///< first streams by token
  std::vector<uint32_t> preferred; ///< streams by token
  std::vector<llvm::SmallVector<int, 4>> sameTime; ///< ALU nodes that collide
  /// Streams whose group an ALU reaches.
  std::vector<uint32_t> reach;
  uint32_t large = 0; ///< ALUs
  int64_t steps = 0;
  const char *what = "";
};
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_SCHEDULE_PLACEMENT_H
