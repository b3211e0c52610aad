//===- Q4.cpp - 4 bits for each weight, a scale and zero for a group ------===//
#include "moe/Driver/Registry.h"
#include "moe/Quant/QuantScheme.h"
#include <cmath>

using namespace mlir;
using namespace moe;

namespace {
class Q4 : public QuantScheme {
public:
  Q4(StringRef name, int64_t columns, double gaussianError)
      : name(name), columns(columns), gaussianError(gaussianError) {}

  StringRef getName() const override { return name; }

  CodeAttr getCode(MLIRContext *context) const override {
    return CodeAttr::get(context, name, CodeLayout::Planes, /*bits=*/4,
                         /*columns=*/columns, /*weights=*/1, /*offset=*/0,
                         /*zeros=*/true, /*rotated=*/false, /*window=*/{},
                         /*levels=*/{});
  }

  /// The squared errors of a group are no more than those of weights that are
  /// all half a step off, with steps of 2 / 15 of the largest; one weight may
  /// have them all.
  double getErrorBound() const override {
    return std::sqrt(double(columns)) / 15 + 1e-3;
  }
  double getGaussianError() const override { return gaussianError; }

private:
  StringRef name;
  int64_t columns;
  double gaussianError;
};
} // namespace

extern "C" void moeRegister_scheme_Q4(Registry &registry) {
  registry.schemes["q4"] = [] {
    return std::make_unique<Q4>("q4", 128, 0.0090);
  };
  registry.schemes["q4-32"] = [] {
    return std::make_unique<Q4>("q4-32", 32, 0.0060);
  };
}
