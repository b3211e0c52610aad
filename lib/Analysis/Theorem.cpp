//===- Theorem.cpp - each operator is one operation of the smt dialect ----===//
#include "Theorem.h"

using namespace mlir;
using namespace moe;

Term Term::number(int64_t number) const {
  return make<smt::IntConstantOp>(builder->getIntegerAttr(
      builder->getIntegerType(64, /*isSigned=*/true), number));
}

Term moe::operator+(Term a, Term b) {
  return a.make<smt::IntAddOp>(ValueRange{a.getValue(), b.getValue()});
}
Term moe::operator-(Term a, Term b) {
  return a.make<smt::IntSubOp>(a.getValue(), b.getValue());
}
Term moe::operator*(Term a, Term b) {
  return a.make<smt::IntMulOp>(ValueRange{a.getValue(), b.getValue()});
}
Term moe::operator<=(Term a, Term b) {
  return a.make<smt::IntCmpOp>(smt::IntPredicate::le, a.getValue(),
                               b.getValue());
}
Term moe::operator<(Term a, Term b) {
  return a.make<smt::IntCmpOp>(smt::IntPredicate::lt, a.getValue(),
                               b.getValue());
}
Term moe::within(Term a, Term bound) {
  return a.number(0) - bound <= a && a <= bound;
}
Term moe::operator==(Term a, Term b) {
  return a.make<smt::EqOp>(a.getValue(), b.getValue());
}
Term moe::choose(Term condition, Term yes, Term no) {
  return yes.make<smt::IteOp>(condition.getValue(), yes.getValue(),
                              no.getValue());
}
Term moe::operator!(Term a) { return a.make<smt::NotOp>(a.getValue()); }
Term moe::operator&&(Term a, Term b) {
  return a.make<smt::AndOp>(ValueRange{a.getValue(), b.getValue()});
}
Term moe::operator||(Term a, Term b) {
  return a.make<smt::OrOp>(ValueRange{a.getValue(), b.getValue()});
}

Term Theorem::declare(StringRef name, Type type) {
  auto op = smt::DeclareFunOp::create(builder, builder.getUnknownLoc(), type,
                                      builder.getStringAttr(name));
  return Term(builder, op.getResult());
}

Term Theorem::integer(StringRef name) {
  return declare(name, smt::IntType::get(builder.getContext()));
}

Term Theorem::bits(StringRef name, unsigned width) {
  return declare(name, smt::BitVectorType::get(builder.getContext(), width));
}

void Theorem::assume(Term condition) {
  smt::AssertOp::create(builder, builder.getUnknownLoc(), condition.getValue());
}
