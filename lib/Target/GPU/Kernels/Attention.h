//===- Attention.h - what the kernels of attention share --------*- C++ -*-===//
//
// Three ways to attend: in the CPU's order (exact), many blocks for one row
// (splits), and many rows at once on tensor cores (tiles). The host chooses; a
// kernel that is not chosen is launched with no blocks.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_ATTENTION_H
#define MOE_LIB_TARGET_GPU_KERNELS_ATTENTION_H

#include "Kernels.h"

namespace moe::cuda {

/// Below every score that counts.
inline constexpr double kHidden = -3.0e38;

struct AttentionShape {
  KvType kv;
  int64_t heads;

  int64_t dim() const { return kv.getHeadDim(); }
  int64_t group() const { return heads / kv.getHeads(); }
  std::string name() const;
  /// What is larger has the exact kernel only.
  bool hasSplits() const { return dim() <= 256; }
  /// Copies of 16 bytes need features by fours.
  bool hasTiles() const { return dim() <= 256 && dim() % 4 == 0; }
  /// Splits of a row at most: enough for each multiprocessor to have two
  /// blocks.
  int64_t maxSplits() const;
  /// Rows and heads that a block of tiles works on, heads of one key/value
  /// head.
  int64_t tileThreads() const { return dim() <= 128 ? 128 : 64; }
  int64_t tileHeads() const;
  int64_t tileRows() const { return tileThreads() / 2 / tileHeads(); }
};

/// Host values of one attention.
struct AttentionCall {
  const KvPlace &place;
  double scale;
  mlir::Value window; ///< index; more than any position if there is none
  mlir::Value queries, scratch, result;
  mlir::Value rows; ///< index
};

void launchExactAttention(Launcher &l, const AttentionShape &shape,
                          const AttentionCall &call, mlir::Value chosen);
/// `tiled` (i1, host): leave what is a tile to launchTiledAttention.
void launchSplitAttention(Launcher &l, const AttentionShape &shape,
                          const AttentionCall &call, mlir::Value chosen,
                          mlir::Value tiled);
void launchTiledAttention(Launcher &l, const AttentionShape &shape,
                          const AttentionCall &call, mlir::Value chosen);

// In kernels.

/// All positions of one head's keys (which = 0) or values (1): a pointer.
mlir::Value headState(ThreadBuilder &b, KvType kv, mlir::Value states,
                      mlir::Value capacity, mlir::Value layer,
                      mlir::Value sequence, int64_t which, mlir::Value head);

/// Positions [first, last) that a row sees.
struct Visible {
  mlir::Value first, last;
};
Visible visibleFrom(ThreadBuilder &b, mlir::Value positions, mlir::Value row,
                    mlir::Value window);

/// Rows of the batch that one block of tiles may work on.
struct Tile {
  mlir::Value start, end;

  static Tile at(ThreadBuilder &b, const AttentionShape &shape,
                 mlir::Value start, mlir::Value rows);
  /// i1: they are enough, and of few sequences.
  mlir::Value isWorth(ThreadBuilder &b, const AttentionShape &shape,
                      mlir::Value sequences) const;
};

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_ATTENTION_H
