//===- QuantScheme.h - how weights become fewer bits ------------*- C++ -*-===//
//
// A scheme says two things: what its bits mean (a moe.code, which every target
// can decode) and how to choose them. Packing, rotation, feedback of errors and
// threads are the encoder's (Encoder.h), so that a scheme is one short file.
//===----------------------------------------------------------------------===//
#ifndef MOE_QUANT_QUANTSCHEME_H
#define MOE_QUANT_QUANTSCHEME_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <memory>
#include <vector>

namespace moe {

/// How long the search for good codes may take.
enum class Effort { Fast, Normal, Max };

/// Up to 16 rows of a matrix, in the basis in which they are stored, row-major.
struct Tile {
  llvm::ArrayRef<float> values; ///< [rows][columns]
  int64_t rows = 0, columns = 0;
  /// Mean square of the input that meets each column; empty: all alike.
  llvm::ArrayRef<float> importance;

  llvm::ArrayRef<float> getRow(int64_t row) const {
    return values.slice(row * columns, columns);
  }
};

/// Scales and zeros of a tile as they are stored.
struct TileScales {
  CodeAttr code;
  int64_t columns;
  int64_t groups;               ///< along a row
  int64_t scaleRows;            ///< rows that share a scale
  std::vector<uint16_t> scales; ///< f16 [group][16 / scaleRows]
  std::vector<uint8_t> zeros;   ///< [group][16]; empty without zeros
  /// The largest scale set that f16 cannot hold; the encoder refuses it.
  float overflow = 0;

  TileScales(CodeAttr code, int64_t columns);
  float getScale(int64_t row, int64_t group) const;
  /// Rounds to f16, upwards, so that what fitted still fits. Rows that share a
  /// scale set it together.
  void setScale(int64_t row, int64_t group, float scale);
  int64_t getZero(int64_t row, int64_t group) const;
  void setZero(int64_t row, int64_t group, int64_t zero);
};

/// Chooses the codes of one row, from left to right.
class RowEncoder {
public:
  virtual ~RowEncoder() = default;
  /// A new row starts; `scales` outlives it.
  virtual void begin(const TileScales &scales, int64_t row) = 0;
  /// Chooses codes for the columns [column, column + count), one for each
  /// weight or pair, such that they decode to near `targets`. Targets behind
  /// `count` are a look ahead: they may be others when their turn comes.
  /// `count` is a multiple of getStep() but for the last call of a row; pairs
  /// always get an even one, with a target of 0 behind an odd row's end.
  virtual void encode(int64_t column, llvm::ArrayRef<float> targets,
                      int64_t count, llvm::MutableArrayRef<uint8_t> codes) = 0;
  /// Columns that are chosen at once when errors are fed into what follows: a
  /// divisor of 64, the fewer the better as far as the code allows.
  virtual int64_t getStep() const { return 64; }
  /// Targets behind them that the choice gains from; at most 64.
  virtual int64_t getLookAhead() const { return 0; }
};

/// An encoding of weight matrices. A member is a folder in lib/Quant.
class QuantScheme {
public:
  virtual ~QuantScheme() = default;
  virtual llvm::StringRef getName() const = 0;
  /// What the bits mean; null if weights keep the checkpoint's element type.
  virtual CodeAttr getCode(mlir::MLIRContext *context) const = 0;
  /// Bound of |w - decoded| / max|w over the weights that share its scale|, in
  /// the stored basis, for nearest rounding (no feedback). Scales have no finer
  /// steps than 2^-24, which adds up to 255 of them.
  virtual double getErrorBound() const = 0;
  /// Mean squared error relative to the mean square of N(0,1) weights, at
  /// normal effort, as measured by benchmarks/: what a bit budget is spent by.
  virtual double getGaussianError() const = 0;
  /// By default, for every scale a search for the least squared error.
  virtual void chooseScales(const Tile &tile, TileScales &scales) const;
  /// By default, the nearest level or pair of levels.
  virtual std::unique_ptr<RowEncoder> createRowEncoder(CodeAttr code,
                                                       Effort effort) const;
};

} // namespace moe

#endif // MOE_QUANT_QUANTSCHEME_H
