//===- NearestCodes.h - the code whose level is nearest ---------*- C++ -*-===//
//
// Works in units of a scale: a weight w becomes u = w / scale, and a code
// stands for its level less offset and zero.
//===----------------------------------------------------------------------===//
#ifndef MOE_LIB_QUANT_NEARESTCODES_H
#define MOE_LIB_QUANT_NEARESTCODES_H

#include "moe/Dialect/MoE/IR/Moe.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>
#include <vector>

namespace moe {

/// What a choice of scale and zero does to some weights, each weighed by its
/// importance: q stands for what the nearest code decodes to, in units.
struct FitSums {
  double error = 0;      ///< of (w - scale * q)^2
  double products = 0;   ///< of w * q
  double squares = 0;    ///< of q * q
  double weights = 0;    ///< of w
  double units = 0;      ///< of q
  double importance = 0; ///< of 1

  void add(const FitSums &other) {
    error += other.error;
    products += other.products;
    squares += other.squares;
    weights += other.weights;
    units += other.units;
    importance += other.importance;
  }
};

/// Knows the nearest code of a description without a trellis.
class NearestCodes {
public:
  /// The one of this description; shared by all that ask for the same.
  static std::shared_ptr<const NearestCodes> get(CodeAttr code);
  virtual ~NearestCodes() = default;

  /// Smallest and largest level of any weight.
  int64_t getLeast() const { return least; }
  int64_t getMost() const { return most; }
  /// A search for scales makes each this much smaller than the one before.
  virtual float getShrink() const = 0;

  /// Codes of weights, one for each weight or pair. `shift` is offset + zero.
  virtual void encode(llvm::ArrayRef<float> weights, float scale, float shift,
                      llvm::MutableArrayRef<uint8_t> codes) const = 0;
  /// `importance` is empty or has one number for each weight.
  virtual FitSums fit(llvm::ArrayRef<float> weights,
                      llvm::ArrayRef<float> importance, float scale,
                      float shift) const = 0;

protected:
  explicit NearestCodes(CodeAttr code);
  int64_t least = 0, most = 0;
};

/// 1 / scale; 0 for a scale of 0, whose weights are all zeros.
inline float invert(float scale) { return scale == 0 ? 0 : 1 / scale; }

} // namespace moe

#endif // MOE_LIB_QUANT_NEARESTCODES_H
