//===- Rope.h - rotary frequencies from config.json -------------*- C++ -*-===//
#ifndef MOE_MODEL_ROPE_H
#define MOE_MODEL_ROPE_H

#include "moe/Model/Config.h"
#include <vector>

namespace moe {

/// What moe.rope_table holds.
struct RopeFrequencies {
  std::vector<double> frequencies; ///< radians per position, one per pair
  double gain = 1.0;
};

/// Reads `rope_parameters`, or `rope_theta` and `rope_scaling`, and computes
/// the table for heads of `headSize` features. Implemented are the types
/// default, linear, llama3 and yarn; those whose angles depend on the length
/// of the text (dynamic, longrope) cannot be a table and are refused.
RopeFrequencies readRope(const Config &config, int64_t headSize,
                         int64_t context, double defaultTheta);

} // namespace moe

#endif // MOE_MODEL_ROPE_H
