//===- NearestEncoder.cpp - rows of nearest codes -------------------------===//
#include "NearestCodes.h"
#include "Pack.h"
#include "moe/Quant/QuantScheme.h"

using namespace moe;

namespace {
class NearestEncoder : public RowEncoder {
public:
  explicit NearestEncoder(CodeAttr code)
      : code(code), weights(getCodeWeights(code)),
        codes(NearestCodes::get(code)) {}

  void begin(const TileScales &tileScales, int64_t tileRow) override {
    scales = &tileScales;
    row = tileRow;
  }

  void encode(int64_t column, llvm::ArrayRef<float> targets, int64_t count,
              llvm::MutableArrayRef<uint8_t> out) override {
    const int64_t end = column + count;
    while (column < end) {
      int64_t group = code.getColumns() ? column / code.getColumns() : 0;
      int64_t stop = code.getColumns()
                         ? std::min((group + 1) * code.getColumns(), end)
                         : end;
      int64_t part = stop - column;
      codes->encode(targets.take_front(part), scales->getScale(row, group),
                    float(code.getOffset() + scales->getZero(row, group)),
                    out.take_front(part / weights));
      targets = targets.drop_front(part);
      out = out.drop_front(part / weights);
      column = stop;
    }
  }

  int64_t getStep() const override { return weights; }

private:
  CodeAttr code;
  int64_t weights; ///< of one code
  std::shared_ptr<const NearestCodes> codes;
  const TileScales *scales = nullptr;
  int64_t row = 0;
};
} // namespace

std::unique_ptr<RowEncoder> QuantScheme::createRowEncoder(CodeAttr code,
                                                          Effort) const {
  return std::make_unique<NearestEncoder>(code);
}
