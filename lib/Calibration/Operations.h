//===- Operations.h - operations without large weights, in f32 --*- C++ -*-===//
//
// As lib/Reference means them; fast enough for a text instead of readable
// above all. Sums are float64 wherever that costs little.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_CALIBRATION_OPERATIONS_H
#define MOE_LIB_CALIBRATION_OPERATIONS_H

#include "Rows.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/Support/Error.h"

namespace moe {

Rows normalize(NormOp op, const Rows &in, llvm::ArrayRef<float> scale,
               Workers &workers);

/// Row r has position r % window.
Rows rotatePositions(RopeOp op, RopeTableOp table, const Rows &in,
                     int64_t window, Workers &workers);

/// Rows of a window see those of it that are not behind them.
Rows attend(AttentionOp op, const Rows &queries, const Rows &keys,
            const Rows &values, int64_t window, Workers &workers);

/// Fails if a logit is not finite.
llvm::Expected<Choice> route(RouteOp op, const Rows &logits, Workers &workers);

/// act(gate) * up, in place of `gate`.
void gate(Activation activation, Rows &gate, const Rows &up, Workers &workers);

float sigmoid(float x);

} // namespace moe

#endif // MOE_LIB_CALIBRATION_OPERATIONS_H
