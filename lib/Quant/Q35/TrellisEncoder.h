//===- TrellisEncoder.h - rows of matrices as streams of pairs --*- C++ -*-===//
#ifndef MOE_QUANT_Q35_TRELLISENCODER_H
#define MOE_QUANT_Q35_TRELLISENCODER_H

#include "Trellis.h"
#include "moe/Quant/QuantScheme.h"

namespace moe::q35 {

/// Searches the two streams of a row, one after the other.
class TrellisEncoder : public RowEncoder {
public:
  /// `table` outlives the encoder. With feedback of errors it chooses `step`
  /// columns at once and looks `lookAhead` ahead.
  TrellisEncoder(const TrellisTable &table, int64_t step, int64_t lookAhead,
                 Isa isa = getBestIsa())
      : search(table, isa), step(step), lookAhead(lookAhead) {}

  void begin(const TileScales &scales, int64_t row) override;
  void encode(int64_t column, llvm::ArrayRef<float> targets, int64_t count,
              llvm::MutableArrayRef<uint8_t> codes) override;
  int64_t getStep() const override { return step; }
  int64_t getLookAhead() const override { return lookAhead; }

private:
  TrellisSearch search;
  int64_t step, lookAhead;
  int64_t columns = 0; ///< of the row; those behind have no weights
  float scale = 0;
  uint16_t states[2] = {0, 0};
  std::vector<PairTarget> pairs;
  std::vector<uint8_t> path;
};

} // namespace moe::q35

#endif // MOE_QUANT_Q35_TRELLISENCODER_H
