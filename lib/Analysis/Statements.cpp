//===- Statements.cpp - what integer arithmetic relies on, in general -----===//
#include "Theorem.h"

#include "moe/Analysis/AccumulatorRange.h"

using namespace mlir;
using namespace moe;

static constexpr int64_t limit = AccumulatorRange::limit;
/// |activation * level| for bytes.
static constexpr int64_t byteProduct = AccumulatorRange::activation * 255;

//===----------------------------------------------------------------------===//
// Sums in int32
//===----------------------------------------------------------------------===//

static void sumStep(Theorem &t) {
  Term k = t.integer("k"), bound = t.integer("bound");
  Term sum = t.integer("sum"), product = t.integer("product");
  t.assume(0 <= k);
  t.assume(within(sum, k * bound));
  t.assume(within(product, bound));
  t.claim(within(sum + product, (k + 1) * bound));
}

/// Products of unknowns are what solvers are bad at, so `reached` stands for
/// k * bound and `left` for (most - k) * bound, of which only the sign matters.
static void sumFits(Theorem &t) {
  Term reached = t.integer("reached"), left = t.integer("left");
  Term sum = t.integer("sum");
  t.assume(0 <= reached);
  t.assume(0 <= left);
  t.assume(reached + left <= limit);
  t.assume(within(sum, reached));
  t.claim(within(sum, limit));
}

static void productOfSigns(Theorem &t) {
  Term a = t.integer("a"), b = t.integer("b");
  t.assume(0 <= a);
  t.assume(0 <= b);
  t.claim(0 <= a * b);
}

static void byteProductFits(Theorem &t) {
  Term activation = t.integer("activation"), level = t.integer("level");
  t.assume(-128 <= activation && activation <= 127);
  t.assume(0 <= level && level <= 255);
  t.claim(within(activation * level, byteProduct));
}

/// Sums of that many products of bytes.
static void byteSum(Theorem &t, int64_t columns) {
  Term sum = t.integer("sum");
  t.assume(within(sum, columns * byteProduct));
  t.claim(within(sum, limit));
}

static Term extendSign(Term bits) {
  OpBuilder &builder = bits.getBuilder();
  auto type = cast<smt::BitVectorType>(bits.getValue().getType());
  int64_t width = type.getWidth();
  auto bit = smt::BitVectorType::get(builder.getContext(), 1);
  Term sign = bits.make<smt::ExtractOp>(
      bit, builder.getI32IntegerAttr(width - 1), bits.getValue());
  return bits.make<smt::ConcatOp>(sign.getValue(), bits.getValue());
}

static Term lessOrEqual(Term a, int64_t b) {
  auto type = cast<smt::BitVectorType>(a.getValue().getType());
  llvm::APInt value(type.getWidth(), b, /*isSigned=*/true);
  Term constant = a.make<smt::BVConstantOp>(value);
  return a.make<smt::BVCmpOp>(smt::BVCmpPredicate::sle, a.getValue(),
                              constant.getValue());
}

/// A 32-bit addition is that of integers if the sum stays within `reach`.
static void wrappingAdd(Theorem &t, int64_t reach) {
  Term sum = t.bits("sum", 32), product = t.bits("product", 32);
  t.assume(lessOrEqual(product, byteProduct));
  t.assume(!lessOrEqual(product, -byteProduct - 1));
  t.assume(lessOrEqual(sum, reach - byteProduct));
  t.assume(!lessOrEqual(sum, -(reach - byteProduct) - 1));
  Term wide = extendSign(sum);
  wide =
      wide.make<smt::BVAddOp>(wide.getValue(), extendSign(product).getValue());
  Term narrow = sum.make<smt::BVAddOp>(sum.getValue(), product.getValue());
  t.claim(extendSign(narrow) == wide);
}

//===----------------------------------------------------------------------===//
// Rounding and clamping
//===----------------------------------------------------------------------===//

/// Whether |a| <= |b|.
static Term isNearer(Term a, Term b) {
  return within(a, b) || within(a, a.number(0) - b);
}

static Term clamp(Term value, Term least, Term most) {
  value = choose(value <= least, least, value);
  return choose(most <= value, most, value);
}

namespace {
/// x = X / D and scale = S / D become the integers X and S: multiplying all of
/// a statement by the common denominator D changes no comparison, and every
/// float is such a fraction.
struct Rounding {
  Term x, scale, zero, least, most, rounded, code, error;

  explicit Rounding(Theorem &t)
      : x(t.integer("x")), scale(t.integer("scale")), zero(t.integer("zero")),
        least(t.integer("least")), most(t.integer("most")),
        rounded(t.integer("rounded")), code(rounded), error(x) {
    t.assume(1 <= scale);
    t.assume(least <= most);
    // Nothing is nearer to x / scale than its neighbours: however ties go.
    Term near = scale * rounded;
    t.assume(isNearer(x - near, x - (near + scale)));
    t.assume(isNearer(x - near, x - (near - scale)));
    code = clamp(rounded + zero, least, most);
    error = x - scale * (code - zero);
  }
  Term inRange() const {
    return least <= rounded + zero && rounded + zero <= most;
  }
};
} // namespace

static void roundingError(Theorem &t) {
  Rounding r(t);
  t.assume(r.inRange());
  t.claim(within(2 * r.error, r.scale));
}

static void roundingErrorAnywhere(Theorem &t) {
  Rounding r(t);
  t.claim(within(2 * r.error, r.scale));
}

/// `multiple` stands for scale * count, of which this is all that is needed.
static Term followsSign(Term scale, Term count, Term multiple) {
  Term none = scale.number(0);
  return (!(none < count) || scale <= multiple) &&
         (!(count < none) || multiple <= none - scale) &&
         (!(count == none) || multiple == none);
}

static void multiplesFollowSign(Theorem &t) {
  Term scale = t.integer("scale"), count = t.integer("count");
  t.assume(1 <= scale);
  t.claim(followsSign(scale, count, scale * count));
}

static void clampingIsNearest(Theorem &t) {
  Term scale = t.integer("scale"), remainder = t.integer("remainder");
  Term least = t.integer("least"), most = t.integer("most");
  Term rounded = t.integer("rounded"), other = t.integer("other");
  t.assume(1 <= scale);
  t.assume(least <= most);
  t.assume(within(2 * remainder, scale));
  t.assume(least <= other && other <= most);
  Term code = clamp(rounded, least, most);
  Term clamped = t.integer("clamped"), apart = t.integer("apart");
  t.assume(followsSign(scale, rounded - code, clamped));
  t.assume(followsSign(scale, other - code, apart));
  Term error = remainder + clamped;
  t.claim(isNearer(error, error - apart));
}

//===----------------------------------------------------------------------===//
// Zero points
//===----------------------------------------------------------------------===//

namespace {
/// One product more, of activation a and code q, for the sums so far.
struct ZeroPoint {
  Term scale, zero, products, activations, a, q;

  explicit ZeroPoint(Theorem &t)
      : scale(t.integer("scale")), zero(t.integer("zero")),
        products(t.integer("products")), activations(t.integer("activations")),
        a(t.integer("a")), q(t.integer("q")) {}
  Term nextProducts() const { return products + a * q; }
  Term step() const { return scale * (a * (q - zero)); }
};
} // namespace

static void zeroPoint(Theorem &t) {
  ZeroPoint z(t);
  Term before = z.scale * (z.products - z.zero * z.activations);
  Term after = z.scale * (z.nextProducts() - z.zero * (z.activations + z.a));
  // As a difference: what solvers multiply out.
  t.claim(after - before - z.step() == after.number(0));
}

static void zeroPointAsOffset(Theorem &t) {
  ZeroPoint z(t);
  Term offset = t.integer("offset");
  t.assume(1 <= z.scale);
  Term before = z.scale * (z.products + offset);
  t.claim(z.scale * (z.nextProducts() + offset) == before + z.step());
}

static void noOffsetIsRight(Theorem &t) {
  Term scale = t.integer("scale"), zero = t.integer("zero");
  Term offset = t.integer("offset");
  t.assume(1 <= scale);
  t.assume(!(zero == zero.number(0)));
  // The sums of two rows of activations, 3 apart, times the same weights.
  Term activations = t.integer("activations"), first = t.integer("first");
  Term second = t.integer("second");
  Term others = activations + 3;
  t.assume(scale * (first + offset) == scale * (first - zero * activations));
  t.claim(!(scale * (second + offset) == scale * (second - zero * others)));
}

//===----------------------------------------------------------------------===//
// The list
//===----------------------------------------------------------------------===//

llvm::ArrayRef<Statement> moe::getGeneralStatements() {
  static const Statement statements[] = {
      {"sum-step",
       "If a sum of k products is within k * bound and the next product is\n"
       "within bound, the sum of k + 1 products is within (k + 1) * bound.",
       true, sumStep},
      {"sum-fits",
       "If most * bound fits int32, the sums of the first k products fit: "
       "with\n"
       "reached = k * bound and left = (most - k) * bound.",
       true, sumFits},
      {"product-of-signs", "sum-fits takes two products to be so.", true,
       productOfSigns},
      {"byte-product", "int8 times a level in [0, 255] is within 128 * 255.",
       true, byteProductFits},
      {"byte-sum-65793", "65793 such products fit int32.", true,
       [](Theorem &t) { byteSum(t, 65793); }},
      {"byte-sum-65794", "65794 such products may not fit.", false,
       [](Theorem &t) { byteSum(t, 65794); }},
      {"wrapping-add",
       "A 32-bit addition of such a product is exact while sums fit.", true,
       [](Theorem &t) { wrappingAdd(t, limit); }},
      {"wrapping-add-beyond",
       "It is not when the sum may pass the last int32 by one product.", false,
       [](Theorem &t) { wrappingAdd(t, limit + byteProduct); }},
      {"rounding-error",
       "x, rounded to a code in [least, most], is missed by half a scale at\n"
       "most if its rounded value lies in [least, most].",
       true, roundingError},
      {"rounding-error-anywhere", "Without that condition it is not so.", false,
       roundingErrorAnywhere},
      {"clamping-is-nearest",
       "Whatever x is, no other code in [least, most] is nearer to it.", true,
       clampingIsNearest},
      {"multiples-follow-sign",
       "clamping-is-nearest takes two products to be so.", true,
       multiplesFollowSign},
      {"zero-point",
       "s * (sum a q - z * sum a) = sum s a (q - z), from k terms to k + 1.",
       true, zeroPoint},
      {"zero-point-as-offset",
       "(sum a q + offset) * s is not that sum: one term more refutes it.",
       false, zeroPointAsOffset},
      {"no-offset-is-right",
       "An offset that is right for one row of activations is wrong for every\n"
       "row with another sum, unless the zero is 0.",
       true, noOffsetIsRight},
  };
  return statements;
}
