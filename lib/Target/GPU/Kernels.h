//===- Kernels.h - the moe operations as kernels ----------------*- C++ -*-===//
//
// Each function writes a launch (or a few) into the host code and, on first use,
// its kernels. Arguments are host values: buffers over memory of the device,
// whose shapes are those of the CPU backend's kernels (lib/Target/CPU/Kernels.h),
// and the results have the same bits as there, except where `Launcher::isExact`
// chooses between an exact kernel and a faster one.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_GPU_KERNELS_H
#define MOE_LIB_TARGET_GPU_KERNELS_H

#include "Launcher.h"
#include "moe/HostCode/ModelLowering.h"

namespace moe::cuda {

// Rows.cpp

/// tokens <?xi32>, table <VxDxT>, result <?xDxf32>
void launchEmbed(Launcher &l, mlir::Value tokens, mlir::Value table,
                 mlir::Value result);
/// input <?xDxf32>, rows <?xi32>, result <?xDxf32>
void launchPick(Launcher &l, mlir::Value input, mlir::Value rows,
                mlir::Value result);
/// input, rows, result <?xi32>
void launchPickNumbers(Launcher &l, mlir::Value input, mlir::Value rows,
                       mlir::Value result);
void launchAdd(Launcher &l, mlir::Value lhs, mlir::Value rhs,
               mlir::Value result);
void launchClamp(Launcher &l, double limit, mlir::Value input,
                 mlir::Value result);
/// input <?xDxf32>, places <?xi32>, table <?xDxf32> (changed)
void launchPlace(Launcher &l, mlir::Value input, mlir::Value places,
                 mlir::Value table);
void launchCopyRows(Launcher &l, mlir::Value input, mlir::Value result);
void launchZeros(Launcher &l, mlir::Value result);

// Scores.cpp: exits

/// logits <?xVxf32>, result <?x1xf32>
void launchConfidence(Launcher &l, Confidence kind, mlir::Value logits,
                      mlir::Value result);
/// lhs, rhs <?xDxf32>, result <?x1xf32>
void launchSimilarity(Launcher &l, mlir::Value lhs, mlir::Value rhs,
                      mlir::Value result);
/// input <?xVxf32>, result <?xi32>
void launchBest(Launcher &l, mlir::Value input, mlir::Value result);
/// best, before <?xi32> (null: first), streak before, result <?x1xf32>
void launchStreak(Launcher &l, mlir::Value best, mlir::Value before,
                  mlir::Value streakBefore, mlir::Value result);
/// inside <?xKxf32>, outside <?xRxf32>, slack <Rx2xT>, features, near <?xDxf32>,
/// result <?x1xf32>
void launchSurplus(Launcher &l, mlir::Value inside, mlir::Value outside,
                   mlir::Value slack, mlir::Value features, mlir::Value near,
                   mlir::Value result);
/// input <?xKxf32>, result <?xVxf32>; `name` is that of the columns
void launchSpread(Launcher &l, llvm::StringRef name,
                  llvm::ArrayRef<int32_t> columns, mlir::Value input,
                  mlir::Value result);
/// features <?x1xf32>, one for each weight, result <?x1xf32>
void launchLogistic(Launcher &l, llvm::ArrayRef<double> weights, double bias,
                    mlir::ValueRange features, mlir::Value result);

// Guesses.cpp

/// logits, result <?xExf32>
void launchDistribution(Launcher &l, mlir::Value logits, mlir::Value result);
/// several scores <?xExf32>, result. No weights: by peaks.
void launchBlend(Launcher &l, llvm::ArrayRef<double> weights,
                 mlir::ValueRange scores, mlir::Value result);
/// What `sched.predict` makes of the scores of a row.
struct GuessShape {
  int64_t count, chosen;
  double slope, bias;
};
/// scores <?xExf32>, experts <?xPxi32>, confidence <?xPxf32>
void launchPredict(Launcher &l, const GuessShape &shape, mlir::Value scores,
                   mlir::Value experts, mlir::Value confidence);

// Route.cpp

/// logits <?xExf32>, experts <?xkxi32>, weights <?xkxf32>
void launchRoute(Launcher &l, RouteScore score, bool renormalize, double scale,
                 mlir::Value logits, mlir::Value experts, mlir::Value weights);

// Quantize.cpp

using host::QuantizedRows;
using host::sumColumns;
/// Features of a rotated block at most.
inline constexpr int64_t kLargestRotation = 16384;
/// input <?xKxf32>, rotated by blocks of `rotation` unless that is 0.
void launchQuantize(Launcher &l, int64_t rotation, mlir::Value input,
                    const QuantizedRows &rows);
void launchDequantize(Launcher &l, int64_t rotation, const QuantizedRows &rows,
                      mlir::Value result);

// Norm.cpp: norms, with what is around them as far as a row stays in a block

/// The parts of rows, as launchCombine takes them.
struct Combination {
  mlir::Value ofRow, weights, parts;
};
/// Rows <?xDxf32>, scale <1x(D/groups)xT>; what is null is left out.
struct NormSteps {
  NormKind kind = NormKind::Rms;
  double epsilon = 0;
  int64_t groups = 1;
  mlir::Value input, addend; ///< the norm is of their sum
  Combination combined;      ///< instead of an addend: its parts
  mlir::Value sum;           ///< gets it
  mlir::Value scale;
  mlir::Value result;
  int64_t rotation = 0;
  const QuantizedRows *levels = nullptr; ///< of the norm; needs 1 group
};
void launchNormSteps(Launcher &l, const NormSteps &steps);

// Attention.cpp

/// input <?xDxf32>, positions <?xi32>, table <?x(2F)xf32>, result
void launchRope(Launcher &l, RopeLayout layout, int64_t heads,
                mlir::Value input, mlir::Value positions, mlir::Value table,
                mlir::Value result);
/// Where keys and values of a layer lie: `states` points to an array (on the device)
/// of addresses of f32 [layer][key, value][kv head][capacity][head_dim].
struct KvPlace {
  KvType kv;
  mlir::Value states;            ///< pointer
  mlir::Value capacity, layer;   ///< index
  mlir::Value sequences, positions; ///< <?xi32>
};
/// keys, values <?x(heads*dim)xf32>
void launchKvAppend(Launcher &l, const KvPlace &place, mlir::Value keys,
                    mlir::Value values);
/// launchRope of queries and keys and launchKvAppend in one; result as queries.
void launchRopeAppend(Launcher &l, RopeLayout layout, int64_t heads,
                      const KvPlace &place, mlir::Value queries,
                      mlir::Value keys, mlir::Value values, mlir::Value table,
                      mlir::Value result);
/// Floats per row of scratch that attention asks for.
int64_t getAttentionScratch(KvType kv, int64_t heads);
/// queries <?x(heads*dim)xf32>, scratch <?xSxf32>, result
void launchAttention(Launcher &l, const KvPlace &place, int64_t heads,
                     double scale, std::optional<int64_t> window,
                     mlir::Value queries, mlir::Value scratch,
                     mlir::Value result);

// Matrices of elements or of codes.

/// A matrix N x K: of elements, or stored as a code. The address is a host value
/// (a buffer <NxKxT> or a pointer) unless the matrix is part of an expert.
struct Matrix {
  int64_t rows = 0, columns = 0;
  mlir::Type element;  ///< null if it is stored
  CodeAttr code;       ///< null unless it is
  mlir::Value address; ///< null for a matrix of an expert
  int64_t offset = 0;  ///< bytes from the expert's address

  bool isStored() const { return bool(code); }
  /// What the matrix' first byte is aligned to.
  int64_t getAlignment() const;
  uint64_t getBytes() const;
};
/// Rows that meet a matrix: f32 <?xKxf32>, or quantised if it is stored.
struct Rows {
  mlir::Value plain;
  QuantizedRows levels;
  mlir::Value count; ///< index
};

/// Which rows meet which matrix when every expert has one of its own. Rows of the
/// result are assignments, sorted by expert.
struct Assignments {
  mlir::Value addresses; ///< pointer: addresses of the experts, on the device
  mlir::Value first;     ///< <(E+1)xi32>: first assignment of each expert
  mlir::Value rowOf;     ///< <?x1xi32>: input row of each assignment; null: itself
  mlir::Value ready;     ///< <Exi32>: experts of this wave, ascending
  mlir::Value readyCount; ///< <1xi32>: how many
  int64_t experts = 0, chosen = 0;
  mlir::Value rows; ///< of the batch (index): at most rows * chosen assignments
};

/// One linear map of a launch of several, of the same rows.
struct LinearMap {
  Matrix matrix;
  mlir::Value bias; ///< <1xNxT> or null
  mlir::Value result; ///< <?xNxf32>
};

// Linear.cpp (elements) and StoredLinear.cpp (codes): few rows by products of a
// vector and a matrix, many by tensor cores.
void launchLinears(Launcher &l, const Rows &rows,
                   llvm::ArrayRef<LinearMap> maps);
void launchStoredLinears(Launcher &l, const Rows &rows,
                         llvm::ArrayRef<LinearMap> maps);
/// The same for the experts of assignments: result <?xNxf32>, a row for each.
void launchExpertLinears(Launcher &l, const Rows &rows,
                         const Assignments &assignments,
                         llvm::ArrayRef<LinearMap> maps);
void launchStoredExpertLinears(Launcher &l, const Rows &rows,
                               const Assignments &assignments,
                               llvm::ArrayRef<LinearMap> maps);

// FeedForward.cpp

/// gated[r] = act(gated[r]) * upped[r], for `count` rows (index), or for those of the
/// assignments of a wave if these are given.
void launchActivate(Launcher &l, Activation activation, mlir::Value gated,
                    mlir::Value upped, mlir::Value count,
                    const Assignments *assignments);
/// The same rows' levels, rotated by blocks of `rotation` unless that is 0; `gated`
/// stays what it was.
void launchActivateQuantize(Launcher &l, Activation activation,
                            mlir::Value gated, mlir::Value upped,
                            mlir::Value count, const Assignments *assignments,
                            int64_t rotation, const QuantizedRows &rows);
/// share[r] = sigmoid(gate . input[r]); gate <1xDxT>, share <?x1xf32>
void launchShare(Launcher &l, mlir::Value input, mlir::Value gate,
                 mlir::Value share);
/// result[r] *= share[r]
void launchScaleRows(Launcher &l, mlir::Value share, mlir::Value result);
/// experts <?xkxi32>, weights <?xkxf32>, first <(E+1)xi32>, row of
/// assignment <?x1xi32>, assignments of row <?xkxi32>, their weights <?xkxf32>, ready
/// <Exi32>, readyCount <1xi32>: as the CPU's sort_assignments, and `ready` gets
/// the experts that have assignments.
struct Sorting {
  mlir::Value experts, weights, first, rowOf, ofRow, sorted, ready,
      readyCount;
};
void launchSortAssignments(Launcher &l, int64_t experts, const Sorting &sorting);
/// result[row] = sum of the parts of its assignments, in the order of experts:
/// ofRow <?xkxi32>, weights <?xkxf32>, parts, result <?xDxf32>
void launchCombine(Launcher &l, mlir::Value ofRow, mlir::Value weights,
                   mlir::Value parts, mlir::Value result);

} // namespace moe::cuda

#endif // MOE_LIB_TARGET_GPU_KERNELS_H
