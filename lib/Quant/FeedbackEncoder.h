//===- FeedbackEncoder.h - later columns make up for earlier ones -*- C++ -*-=//
#ifndef MOE_LIB_QUANT_FEEDBACKENCODER_H
#define MOE_LIB_QUANT_FEEDBACKENCODER_H

#include "InputMoments.h"

namespace moe {

/// Encodes a tile so that its products with the inputs change little.
void encodeWithFeedback(const QuantScheme &scheme, Effort effort,
                        const InputMoments &moments, const Tile &tile,
                        const TileScales &scales,
                        llvm::MutableArrayRef<char> bytes);

} // namespace moe

#endif // MOE_LIB_QUANT_FEEDBACKENCODER_H
