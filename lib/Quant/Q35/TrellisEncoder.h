//===- TrellisEncoder.h - rows of matrices as streams of pairs --*- C++ -*-===//
#ifndef MOE_QUANT_Q35_TRELLISENCODER_H
#define MOE_QUANT_Q35_TRELLISENCODER_H

#include "Trellis.h"
#include "moe/Quant/QuantScheme.h"

namespace moe::q35 {

/// Searches the two streams of a row, one after the other.
class TrellisEncoder : public RowEncoder {
public:
  /// `rows` is searched for whole rows, `blocks` for parts of them, when errors
  /// are fed back: `step` columns at once, with a view of `lookAhead` more.
  /// Both outlive the encoder.
  TrellisEncoder(const TrellisTable &rows, const TrellisTable &blocks,
                 int64_t step, int64_t lookAhead, Isa isa = getBestIsa())
      : rowSearch(rows, isa), blockSearch(blocks, isa), step(step),
        lookAhead(lookAhead) {}

  void begin(const TileScales &scales, int64_t row) override;
  void encode(int64_t column, llvm::ArrayRef<float> targets, int64_t count,
              llvm::MutableArrayRef<uint8_t> codes) override;
  int64_t getStep() const override { return step; }
  int64_t getLookAhead() const override { return lookAhead; }

private:
  TrellisSearch rowSearch, blockSearch;
  int64_t step, lookAhead;
  int64_t columns = 0; ///< of the row; those behind have no weights
  float scale = 0;
  uint16_t states[2] = {0, 0};
  std::vector<PairTarget> pairs;
  std::vector<uint8_t> path;
};

} // namespace moe::q35

#endif // MOE_QUANT_Q35_TRELLISENCODER_H
