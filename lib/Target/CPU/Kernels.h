//===- Kernels.h - the moe operations as loops over vectors -----*- C++ -*-===//
//
// Each function writes the body of one kernel. Arguments are the kernel
// function's, in the order that the comment names; `env` is the ABI's
// environment (moert/abi/module.h).
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_TARGET_CPU_KERNELS_H
#define MOE_LIB_TARGET_CPU_KERNELS_H

#include "StoredKernels.h"
#include "moe/Dialect/MoE/IR/Moe.h"

namespace moe::cpu {

// Rows.cpp

/// Runs `body` for each row of a buffer, rows split among the workers.
void forRows(KernelBuilder &b, mlir::Value env, mlir::Value buffer,
             llvm::function_ref<void(mlir::Value row)> body);
/// Covers `columns` features with vectors of 16 and one shorter vector.
void forColumns(
    KernelBuilder &b, int64_t columns,
    llvm::function_ref<void(mlir::Value column, int64_t lanes)> body);
/// Copies the features of one row to another.
void copyRow(KernelBuilder &b, RowRef from, RowRef to);
/// Adds the lanes of `term`, given each piece that forColumns covers.
mlir::Value sumOverRow(
    KernelBuilder &b, int64_t columns,
    llvm::function_ref<mlir::Value(mlir::Value column, int64_t lanes)> term);
/// The largest element of a row and its column (index), the lowest of equal ones.
std::pair<mlir::Value, mlir::Value> findLargest(KernelBuilder &b, RowRef row);

/// env, tokens <?xi32>, table <VxDxT>, result <?xDxf32>
void emitEmbed(KernelBuilder &b, mlir::ValueRange arguments);
/// env, input <?xDxf32>, rows <?xi32>, result <?xDxf32>
void emitPick(KernelBuilder &b, mlir::ValueRange arguments);
/// env, lhs, rhs, result <?xDxf32>
void emitAdd(KernelBuilder &b, mlir::ValueRange arguments);
/// env, input, result <?xDxf32>
void emitClamp(KernelBuilder &b, double limit, mlir::ValueRange arguments);
/// env, input <?xDxf32>, scale <(D/groups)xT>, result <?xDxf32>
void emitNorm(KernelBuilder &b, NormKind kind, double epsilon, int64_t groups,
              mlir::ValueRange arguments);

// Exits.cpp

/// env, input <?xDxf32>, places <?xi32>, table <?xDxf32> (changed)
void emitPlace(KernelBuilder &b, mlir::ValueRange arguments);
/// env, input, result <?xDxf32>
void emitCopyRows(KernelBuilder &b, mlir::ValueRange arguments);
/// env, result <?xDxf32>
void emitZeros(KernelBuilder &b, mlir::ValueRange arguments);
/// input <?xi32>, rows <?xi32>, result <?xi32>
void emitPickNumbers(KernelBuilder &b, mlir::ValueRange arguments);
/// env, logits <?xVxf32>, result <?x1xf32>
void emitConfidence(KernelBuilder &b, Confidence kind,
                    mlir::ValueRange arguments);
/// env, lhs, rhs <?xDxf32>, result <?x1xf32>
void emitSimilarity(KernelBuilder &b, mlir::ValueRange arguments);
/// env, input <?xVxf32>, result <?xi32>
void emitBest(KernelBuilder &b, mlir::ValueRange arguments);
/// best <?xi32>, [the same before <?xi32>, streak before <?x1xf32>,] result
/// <?x1xf32>
void emitStreak(KernelBuilder &b, mlir::ValueRange arguments);
/// env, inside <?xKxf32>, outside <?xRxf32>, slack <Rx2xT>, features, near
/// <?xDxf32>, result <?x1xf32>
void emitSurplus(KernelBuilder &b, mlir::ValueRange arguments);
/// env, input <?xKxf32>, result <?xVxf32>; `name` is that of the columns
void emitSpread(KernelBuilder &b, KernelLibrary &library, llvm::StringRef name,
                llvm::ArrayRef<int32_t> columns, mlir::ValueRange arguments);
/// features <?x1xf32>, one for each weight, result <?x1xf32>
void emitLogistic(KernelBuilder &b, mlir::ArrayRef<double> weights, double bias,
                  mlir::ValueRange arguments);

// Linear.cpp

/// env, input <?xKxf32>, then for each of several linear maps of that input:
/// weight <NxKxT>, [bias <1xNxT>,] result <?xNxf32>
void emitLinears(KernelBuilder &b, mlir::ArrayRef<bool> hasBias,
                 mlir::ValueRange arguments);

// Attention.cpp

/// env, input <?xDxf32>, positions <?xi32>, table <?x(2F)xf32>, result
void emitRope(KernelBuilder &b, RopeLayout layout, int64_t heads,
              mlir::ValueRange arguments);
/// env, keys, values <?x(heads*dim)xf32>, kv (pointer), capacity, layer (index),
/// sequences, positions <?xi32>
void emitKvAppend(KernelBuilder &b, KvType kv, mlir::ValueRange arguments);
/// env, queries <?x(heads*dim)xf32>, kv (pointer), capacity, layer (index),
/// sequences, positions <?xi32>, result
void emitAttention(KernelBuilder &b, KvType kv, int64_t heads, double scale,
                   std::optional<int64_t> window, mlir::ValueRange arguments);

// Route.cpp

/// env, logits <?xExf32>, scores <?xExf32> (scratch), experts <?xkxi32>,
/// weights <?xkxf32>
void emitRoute(KernelBuilder &b, RouteScore score, bool renormalize,
               double scale, mlir::ValueRange arguments);

// Predict.cpp

/// env, logits <?xExf32>, result <?xExf32>
void emitDistribution(KernelBuilder &b, mlir::ValueRange arguments);
/// env, several scores <?xExf32>, result <?xExf32>. No weights: by peaks.
void emitBlend(KernelBuilder &b, mlir::ArrayRef<double> weights,
               mlir::ValueRange arguments);
/// What `sched.predict` makes of the scores of a row.
struct GuessShape {
  int64_t count, chosen;
  double slope, bias;
};
/// env, scores, scores left <?xExf32> (scratch), sorted <?xSxf32> (scratch, S =
/// max(count, chosen + 1), at most E), experts <?xPxi32>, confidence <?xPxf32>
void emitPredict(KernelBuilder &b, const GuessShape &shape,
                 mlir::ValueRange arguments);

// FeedForward.cpp

/// A gated network: gate and up <width x features>, down <features x width>.
struct NetworkShape {
  Activation activation;
  int64_t width, features;
  mlir::Type element;      ///< of matrices that are not stored
  CodeAttr gate, up, down; ///< of those that are
  int64_t downRotation = 0;
};
/// env, input <?xDxf32> or its levels, scales, sums, gate, up, down (matrices, or
/// addresses of stored ones), [input <?xDxf32>, shared gate <1xDxT>, share
/// <?x1xf32>,] gated, upped <?xIxf32> (scratch), [gated's levels, scales, sums,]
/// result <?xDxf32>
void emitMlp(KernelBuilder &b, KernelLibrary &library,
             const NetworkShape &shape, bool isShared,
             mlir::ValueRange arguments);

// Experts.cpp

/// Shape of one bank of experts.
struct BankShape {
  int64_t experts, chosen;
  NetworkShape network;
  bool comes = false; ///< experts may come one after the other
};
/// experts <?xkxi32>, weights <?xkxf32>, first <(E+1)xi32>, cursor <Exi32>,
/// row of assignment <?x1xi32>, assignments of row <?xkxi32>, their weights
/// <?xkxf32>: sorts assignments by expert, then row.
void emitSortAssignments(KernelBuilder &b, const BankShape &bank,
                         mlir::ValueRange arguments);
/// env, input <?xDxf32> or its levels, scales, sums, bank (pointer to the experts'
/// addresses), first, row of assignment, assignments of row, their weights (as
/// above), gated, upped <?xIxf32>, [gated's levels, scales, sums,] parts <?xDxf32>
/// (scratch, a row per assignment), ready <Exi32>, ends <(E+1)xi32> (scratch),
/// [table of OffloadCalls or null, layer (index),] result <?xDxf32>
void emitExperts(KernelBuilder &b, KernelLibrary &library,
                 const BankShape &bank, mlir::ValueRange arguments);

// DotTile.cpp

/// dot(inputs[m], weights[n]) over K features for all m, n: one value per input:
/// a vector of 4 lanes for 4 weights, a scalar for 1.
mlir::SmallVector<mlir::Value> emitDotTile(KernelBuilder &b,
                                           mlir::ArrayRef<RowRef> inputs,
                                           mlir::ArrayRef<RowRef> weights,
                                           int64_t features);

/// Rows that a tile works on together. With 6 rows and 4 weights, accumulators,
/// weights and one input fill 29 of 32 vector registers.
inline constexpr int64_t kTileRows[] = {6, 3, 1};

/// Weight rows of a tile. Few rows are bound by memory, which is twice as fast
/// when weights are read one row after the other.
inline int64_t getTileWeights(int64_t rows) { return rows < 6 ? 1 : 4; }

/// Weight rows whose bytes stay in a second-level cache while the inputs pass.
int64_t getCacheBlock(int64_t features, mlir::Type element, int64_t multiple);

} // namespace moe::cpu

#endif // MOE_LIB_TARGET_CPU_KERNELS_H
