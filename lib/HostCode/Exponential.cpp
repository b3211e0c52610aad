//===- Exponential.cpp - e^x with the same bits on every target -----------===//
#include "moe/HostCode/Exponential.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

/// A number as an operand for `other`: a splat if that is a vector.
static Value constantLike(ImplicitLocOpBuilder &b, Type type,
                          TypedAttr number) {
  if (auto shape = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(shape, number));
  return arith::ConstantOp::create(b, number);
}

// exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln 2 / 2; exp(r) by
// the degree-7 polynomial of the Cephes library's expf.
Value moe::host::emitExp(ImplicitLocOpBuilder &b, Value x) {
  Type floats = x.getType();
  auto like = [&](double value) {
    return constantLike(b, floats, b.getF32FloatAttr(value));
  };
  auto clamp = [&](arith::CmpFPredicate predicate, double limit) {
    Value bound = like(limit);
    Value isBeyond = arith::CmpFOp::create(b, predicate, x, bound);
    x = arith::SelectOp::create(b, isBeyond, bound, x);
  };
  auto times = [&](Value a, Value c) -> Value {
    return arith::MulFOp::create(b, a, c);
  };
  auto fma = [&](Value a, Value c, Value d) -> Value {
    return math::FmaOp::create(b, a, c, d);
  };
  clamp(arith::CmpFPredicate::OLT, -87.0);
  clamp(arith::CmpFPredicate::OGT, 88.0);
  Value n = math::RoundEvenOp::create(b, times(x, like(1.44269504088896341)));
  Value r = fma(n, like(-0.693359375), x);
  r = fma(n, like(2.12194440e-4), r);
  Value p = like(1.9875691500e-4);
  for (double c : {1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                   1.6666665459e-1, 5.0000001201e-1})
    p = fma(p, r, like(c));
  Value y = arith::AddFOp::create(b, fma(p, times(r, r), r), like(1.0));

  Type ints = b.getI32Type();
  if (auto shape = dyn_cast<VectorType>(floats))
    ints = VectorType::get(shape.getShape(), ints);
  auto integer = [&](int32_t value) {
    return constantLike(b, ints, b.getI32IntegerAttr(value));
  };
  // Not a number stays one through y; its exponent must only be defined.
  Value isNumber = arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, n, n);
  n = arith::SelectOp::create(b, isNumber, n, like(0.0));
  Value exponent = arith::FPToSIOp::create(b, ints, n);
  exponent = arith::AddIOp::create(b, exponent, integer(127));
  exponent = arith::ShLIOp::create(b, exponent, integer(23));
  return times(y, arith::BitcastOp::create(b, floats, exponent));
}
