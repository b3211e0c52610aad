//===- Passes.td - passes that place fetches of experts -------------------===//
#ifndef MOE_DIALECT_SCHED_TRANSFORMS_PASSES_TD
#define MOE_DIALECT_SCHED_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

// sched-insert-fetches     every moe.experts gets a wanted fetch, an await, a release, and its
//                          routing a sched.record; the model gets its sched.cache (policy, entries)
// sched-launch-early       await + moe.experts + release become sched.launch
// sched-insert-prefetch    guesses by a predictor (predictor, ahead, count, threshold, trace): scores,
//                          sched.predict, sched.prefetch where the guess is known, joined by the fetch
// sched-hoist-prefetch     predictions and fetches move up to where their operands are known
// sched-drop-unprofitable  guesses that cannot pay are cancelled out of the IR (trace, profile, budget)
// sched-partition-cache    shares of the cache by layer, from a trace

#endif // MOE_DIALECT_SCHED_TRANSFORMS_PASSES_TD
